"""``check`` and ``train`` must agree: ``python benchmarks/check_agreement.py [--count N] [--seed S]``.

Changes LeNet at one place, half of the time by a typical mistake (see ``mutations.py``) and half of the time at random
(see ``fuzzing.py``). For each text it asks ``check`` for errors, and builds the solver with its nets and runs one
iteration as ``train`` would. Prints how often both accept, both refuse, and disagree; exit code 1 if they disagree.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fuzzing import fuzzed
from mutations import Subject, draw

from netcli.cli.checking import check_file
from netcli.errors import ConfigError, NetcliError
from netcli.prototxt import load_solver
from netcli.solver import Solver

LENET = Path(__file__).resolve().parents[1] / "tests" / "data" / "nets" / "lenet_train.prototxt"
SOLVER = 'net: "net.prototxt"\nbase_lr: 0.01\nlr_policy: "fixed"\nmax_iter: 1\nsnapshot_prefix: "lenet"\n'
SMALL_BATCH = ("dim: 64", "dim: 2")


def texts(count: int, seed: int) -> Iterator[bytes]:
    """LeNets with one change each."""
    lenet = LENET.read_text().replace(*SMALL_BATCH)
    typical = (mutation.text.encode() for _, mutation in draw([Subject(lenet)], count, seed))
    at_random = fuzzed([lenet], count, seed, changes=1)
    for number in range(count):
        yield next(typical) if number % 2 else next(at_random)


def check_accepts(solver: Path) -> tuple[bool, str]:
    """Whether ``check`` finds no error, and the first one."""
    errors = [finding for finding in check_file(str(solver)) if finding.severity == "error"]
    return not errors, str(errors[0]) if errors else ""


def train_accepts(solver: Path) -> tuple[bool, str]:
    """Whether the solver can be built and run for one iteration, and what it says if not."""
    try:
        made = Solver(load_solver(solver), seed=1)
        made.step(1)
        made.close()
    except ConfigError as error:
        return False, str(error)
    except NetcliError as error:
        return True, str(error)  # the run failed, not the config
    return True, ""


def compare(text: bytes, folder: Path) -> tuple[bool, bool, str]:
    """Whether check accepts, whether train accepts, and what they say."""
    (folder / "net.prototxt").write_bytes(text)
    solver = folder / "solver.prototxt"
    solver.write_text(SOLVER)
    checked, why_not = check_accepts(solver)
    trained, refused = train_accepts(solver)
    return checked, trained, f"check: {why_not or 'fine'}\n  train: {refused or 'fine'}"


def main() -> int:
    """Prints the result; 1 if there was a disagreement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    verdicts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        for text in texts(arguments.count, arguments.seed):
            checked, trained, said = compare(text, Path(name))
            verdict = ("both accept" if checked else "both refuse") if checked == trained else "disagree"
            verdicts[verdict] += 1
            if verdict == "disagree":
                print(said)
    print(f"{arguments.count} LeNets, seed {arguments.seed}: {dict(verdicts)}")
    return int(verdicts["disagree"] > 0)


if __name__ == "__main__":
    sys.exit(main())
