"""A-Softmax against plain softmax on real faces: AT&T's, 35 people to train with and 5 others to verify.

The nets are configs/sphereface/small_*: alike but for the last layer, with the same solver, so the same budget. All
pairs of the images of the five are verified by `netcli verify`, mirrored images included, with cosines of fc5; for
comparison also with the pixels themselves, which nothing has been learned for. FACES holds a folder for each person,
s1 to s40, with ten images that end in .pgm. Part 8 leaves out s36 to s40, part 1 s1 to s5, and so on.

    python benchmarks/att_faces.py FACES --out runs/att                                 # part 8, seeds 1 to 3
    python benchmarks/att_faces.py FACES --out runs/att --parts 1 2 3 4 5 6 7 8 --seeds 1 --base-lr 0.02
                                                                                        # everyone once among the five

A run takes about a minute on two cores. Runs whose weights are in OUT already are not trained again. One that diverges
is said to, and left out.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netcli.errors import ExitCode
from netcli.faces.pair_making import all_pairs, people_in
from netcli.report.tables import Column, aligned

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "sphereface"
HEADS = {"A-Softmax": "small", "softmax": "small_softmax"}
"""What is compared -> the stem of its config."""
UNSEEN = 5


@dataclass(frozen=True)
class Result:
    """One verification: what made the features, of which part of the people, and what came out."""

    kind: str
    part: int
    seed: int | None
    accuracy: float
    deviation: float
    error: float
    tpr: float
    fisher: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="where lists and runs go")
    parser.add_argument("--parts", type=int, nargs="+", default=[8], choices=range(1, 9))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--base-lr", type=float, default=0.05, help="instead of the configs' 0.05")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    faces = given.faces.resolve()
    results = []
    for seed in given.seeds:
        for part in given.parts:
            folder = given.out.resolve() / f"part{part}"
            write_lists(faces, part, folder)
            for kind, stem in HEADS.items():
                weights = train(stem, seed, given.base_lr, folder)
                if weights is None:
                    print(f"{kind}, part {part}, seed {seed}: training diverged", file=sys.stderr)
                    continue
                results.append(verify(kind, stem, part, seed, folder, faces, weights, "fc5"))
                print(results[-1], file=sys.stderr)
                if ("pixels", part) not in [(result.kind, result.part) for result in results]:
                    results.append(verify("pixels", stem, part, None, folder, faces, weights, "data"))
    if given.json:
        print(json.dumps([vars(result) for result in results], indent=1))
    else:
        print(report(results))


def write_lists(faces: Path, part: int, folder: Path) -> None:
    """``att_faces/train.txt``, as the configs name it, and ``pairs.txt``, all pairs of the unseen."""
    people = {name: [image for image in own if image.endswith(".pgm")] for name, own in people_in(faces).items()}
    names = sorted(people, key=lambda name: int(re.sub(r"\D", "", name)))
    unseen = names[UNSEEN * (part - 1) : UNSEEN * part]
    seen = [name for name in names if name not in unseen]
    lines = [f"{faces / image} {label}\n" for label, name in enumerate(seen) for image in people[name]]
    (folder / "att_faces").mkdir(parents=True, exist_ok=True)
    (folder / "att_faces" / "train.txt").write_text("".join(lines))
    pairs = all_pairs({name: people[name] for name in unseen})
    (folder / "pairs.txt").write_text("".join(f"{pair.line()}\n" for pair in pairs))


def train(stem: str, seed: int, rate: float, folder: Path) -> Path | None:
    """The last weights of a run of ``stem``, which is trained if it has not been; None where it diverges."""
    run = folder / f"{stem}_rate{rate:g}_seed{seed}"
    weights = run / "model_iter_1400.caffemodel"
    if not weights.exists():
        try:
            netcli("train", CONFIGS / f"{stem}_solver.prototxt", "--set", f"base_lr={rate:g}", "--seed", seed,
                   "--out", run, "-q", cwd=folder)  # fmt: skip
        except subprocess.CalledProcessError as error:
            if error.returncode != ExitCode.DIVERGED:
                raise
            return None
    return weights


def verify(
    kind: str, stem: str, part: int, seed: int | None, folder: Path, faces: Path, weights: Path, blob: str
) -> Result:
    """What ``netcli verify`` says of a blob."""
    model = CONFIGS / f"{stem}_model.prototxt"
    said = netcli("verify", "pairs.txt", model, "--weights", weights, "--blob", blob, "--root", faces, "--flip",
                  "--json", "-q", cwd=folder)  # fmt: skip
    found: dict[str, Any] = json.loads(said)
    (tpr,) = (point["tpr"] for point in found["tpr_at_fpr"] if point["fpr"] == 1e-2)
    accuracy = found["accuracy"]
    return Result(
        kind, part, seed, accuracy["mean"], accuracy["deviation"], found["eer"], tpr, found["angular_fisher_score"]
    )


def netcli(*arguments: object, cwd: Path) -> str:
    """Standard output of a command."""
    command = [sys.executable, "-m", "netcli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def report(results: list[Result]) -> str:
    """A row for each verification, then the means of each kind over all of its rows."""
    columns = [Column("features"), *(Column(title, right=True) for title in (
        "part", "seed", "accuracy", "deviation", "EER", "TPR at FPR 0.01", "Fisher"))]  # fmt: skip
    order = sorted(results, key=lambda result: (result.part, result.kind, result.seed or 0))
    rows = [
        [result.kind, str(result.part), str(result.seed or "-"), *(f"{value:.4f}" for value in _numbers(result))]
        for result in order
    ]
    kinds = list(dict.fromkeys(result.kind for result in order))
    for kind in kinds:
        own = [_numbers(result) for result in order if result.kind == kind]
        rows.append([kind, "all", "mean", *(f"{statistics.mean(column):.4f}" for column in zip(*own, strict=True))])
    text = aligned(columns, rows, footer=len(kinds))
    return f"{text}\n\n{comparison(results)}"


def comparison(results: list[Result]) -> str:
    """A-Softmax less softmax, part and seed being the same."""
    by_run = {(result.kind, result.part, result.seed): result for result in results}
    runs = [(part, seed) for kind, part, seed in by_run if kind == "softmax" and ("A-Softmax", part, seed) in by_run]
    lines = []
    for name in ("accuracy", "error"):
        differences = [
            getattr(by_run["A-Softmax", *run], name) - getattr(by_run["softmax", *run], name) for run in runs
        ]
        spread = statistics.stdev(differences) if len(differences) > 1 else float("nan")
        lines.append(
            f"{name}: A-Softmax - softmax = {statistics.mean(differences):+.4f} on average of {len(runs)} pairs of "
            f"runs, deviation {spread:.4f}; greater {sum(d > 0 for d in differences)} times, "
            f"smaller {sum(d < 0 for d in differences)}"
        )
    return "\n".join(lines)


def _numbers(result: Result) -> tuple[float, ...]:
    return result.accuracy, result.deviation, result.error, result.tpr, result.fisher


if __name__ == "__main__":
    main()
