"""How fast nets train on a GPU, against PyTorch on the same GPU in the same run.

    pip install '.[cuda13]' torch nvidia-cudnn-cu13
    python benchmarks/cuda_speed.py                            # LeNet 64 and SphereFace-20 256, every engine
    python benchmarks/cuda_speed.py lenet:64 --engines own,cudnn --json cuda.json

Each engine of netcli runs in turns with PyTorch, eager, in both layouts, of which the faster one counts: first with
TF32 off on both sides, then on. A number is the median of blocks of iterations, each between two moments at which the
device has nothing to do. ``TARGETS`` are the ratios, netcli's time over PyTorch's, that netcli wants to stay below; a
ratio above makes the exit code 1. What is missing, a GPU for one, is said, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cuda_worker import TF32
from speed_rows import Case, Worker, check_results, prepared
from speed_worker import LAYOUTS, NETCLI

from netcli.errors import NetcliError

SCHEMA = 1
DEFAULT_ROWS = ("lenet:64", "sphereface20:256")
ENGINES = ("own", "cublas", "cudnn")
TARGETS = {
    ("lenet", "own"): 0.5,
    ("sphereface20", "own"): 2.0,
    ("sphereface20", "cublas"): 1.3,
    ("sphereface20", "cudnn"): 1.15,
}
BLOCK_SECONDS = 0.5


def main() -> int:
    """Prints the table; 1 if a target is missed, 2 if something is missing."""
    arguments = _arguments()
    if missing := _missing(arguments.engines):
        print("\n".join(missing))
        return 2
    result: dict[str, Any] = {"schema": SCHEMA, "about": {}, "rows": []}
    missed = False
    for row in arguments.rows:
        for engine, tf32 in _variants(arguments.engines):
            found, about = measure(Case(row, threads=1), engine, tf32, arguments.rounds)
            if not result["about"]:
                result["about"] = about
                print(", ".join(f"{name} {value}" for name, value in about.items()), _TITLES, sep="\n")
            result["rows"].append(found)
            missed |= found["target"] is not None and found["ratio"] > found["target"]
            print(_line(found), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return int(missed)


def measure(case: Case, engine: str, tf32: bool, rounds: int) -> tuple[dict[str, Any], dict[str, str]]:
    """One row of the table, and what ran. Raises SystemExit if the sides compute different losses."""
    suffix = TF32 if tf32 else ""
    with prepared(case) as folder:
        ours = Worker(f"{NETCLI}:{engine}{suffix}", folder, script="cuda_worker.py")
        theirs = Worker("torch", folder, script="cuda_worker.py")
        try:
            check_results(case, folder, tolerance=1e-2 if tf32 else 1e-3)
            about = theirs.call("about") | ours.call("about")
            sides = {NETCLI: ours} | {f"{layout}{suffix}": theirs for layout in LAYOUTS}
            seconds = _in_turns(sides, rounds)
        finally:
            ours.close()
            theirs.close()
    medians = {variant: statistics.median(values) for variant, values in seconds.items()}
    best = min((variant for variant in medians if variant != NETCLI), key=lambda variant: medians[variant])
    ratios = [mine / other for mine, other in zip(seconds[NETCLI], seconds[best], strict=True)]
    row = {
        "row": case.name,
        "engine": engine,
        "tf32": tf32,
        "layout": best.removesuffix(TF32),
        "ms": {variant: 1000 * value for variant, value in medians.items()},
        "ratio": statistics.median(ratios),
        "least_ratio": min(ratios),
        "largest_ratio": max(ratios),
        "images_per_s": case.batch / medians[NETCLI],
        "tflops": case.flops() / medians[NETCLI] / 1e12,
        "target": TARGETS.get((case.net, engine)),
    }
    return row, about


def _in_turns(sides: dict[str, Worker], rounds: int) -> dict[str, list[float]]:
    """Seconds an iteration, of each round; who begins moves on from round to round."""
    iterations = {}
    for variant, worker in sides.items():
        worker.block(variant, 3, 3)  # compiles, chooses algorithms and captures graphs
        iterations[variant] = max(1, round(BLOCK_SECONDS / worker.block(variant, 5, 0)))
    seconds: dict[str, list[float]] = {variant: [] for variant in sides}
    order = list(sides)
    for _ in range(rounds):
        for variant in order:
            seconds[variant].append(sides[variant].block(variant, iterations[variant], 1))
        order = order[1:] + order[:1]
    return seconds


def _variants(engines: list[str]) -> Iterator[tuple[str, bool]]:
    """(engine, TF32); netcli's own kernels have none, and stand against PyTorch without."""
    yield from ((engine, False) for engine in engines)
    yield from ((engine, True) for engine in engines if engine != "own")


def _missing(engines: list[str]) -> list[str]:
    """What cannot be measured here, and what to do about it; nothing if all is there."""
    try:
        import torch
    except ModuleNotFoundError:
        return ["PyTorch is not installed: pip install torch"]
    if not torch.cuda.is_available():
        return ["PyTorch finds no CUDA device: this benchmark needs an NVIDIA GPU with its driver"]
    try:
        from netcli.runtime.cuda import device
        from netcli.runtime.cuda.engines import choose

        device.use(0)
    except NetcliError as error:
        return [str(error)]
    missing = []
    for engine in engines:
        try:
            choose(engine)
        except NetcliError as error:
            missing.append(str(error))
    return missing


_TITLES = (
    f"{'net':<18} {'engine':<8} {'TF32':<5} {'netcli ms':>10} {'torch ms':>9} {'layout':<14} {'ratio':>6} "
    f"{'least':>6} {'most':>6} {'target':>7} {'images/s':>9} {'TFLOP/s':>8}"
)


def _line(row: dict[str, Any]) -> str:
    theirs = next(value for variant, value in row["ms"].items() if variant.startswith(row["layout"]))
    target = "" if row["target"] is None else f"{row['target']:.2f}"
    return (
        f"{row['row']:<18} {row['engine']:<8} {'on' if row['tf32'] else 'off':<5} {row['ms'][NETCLI]:>10.3f} "
        f"{theirs:>9.3f} {row['layout']:<14} {row['ratio']:>6.2f} {row['least_ratio']:>6.2f} "
        f"{row['largest_ratio']:>6.2f} {target:>7} {row['images_per_s']:>9.0f} {row['tflops']:>8.2f}"
    )


def _engines(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in ENGINES]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: engines are {', '.join(ENGINES)}")
    return names


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], epilog=f"Rows by default: {' '.join(DEFAULT_ROWS)}"
    )
    parser.add_argument("rows", nargs="*", default=list(DEFAULT_ROWS), metavar="NET:BATCH")
    parser.add_argument("--engines", type=_engines, default=list(ENGINES), metavar="NAME,...", help="default: all")
    parser.add_argument("--rounds", type=int, default=21, help="of a block of each side (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
