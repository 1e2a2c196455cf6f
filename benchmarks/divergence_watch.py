"""What watching for divergence costs an iteration of LeNet: --on-nan stop against continue, which does not look.

Two solvers over the same configuration take turns, so that both see the same machine. Printed are the medians and the
time of the watch alone, which is far below the noise of an iteration.

    python benchmarks/divergence_watch.py [--rounds 200]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from netcli.cli.builtin_data import make_builtin_data
from netcli.data.feed import Feeds
from netcli.prototxt import SolverSource, load
from netcli.runtime.threads import set_threads
from netcli.solver import Solver
from netcli.solver.divergence import LossWatch

CONFIG = Path(__file__).parent.parent / "configs" / "lenet.prototxt"
STEPS = 3


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    set_threads(None)
    source = load(str(CONFIG))
    assert isinstance(source, SolverSource)
    source.param.ClearField("test_iter")
    source.param.ClearField("test_interval")
    source.param.ClearField("snapshot")
    make_builtin_data([source.train_net()], quiet=False)
    solvers = {
        choice: Solver(source, feeds=lambda net: Feeds(net.file, 1), seed=1, on_nan=choice)
        for choice in ("stop", "continue")
    }
    times: dict[str, list[float]] = {choice: [] for choice in solvers}
    for solver in solvers.values():
        solver.step(STEPS)
    for _ in range(rounds):
        for choice, solver in solvers.items():
            times[choice].append(timed(lambda solver=solver: solver.step(STEPS)) / STEPS)  # type: ignore[misc]
    medians = {choice: statistics.median(found) for choice, found in times.items()}
    watch = LossWatch(solvers["stop"].net, "stop", print)
    looks = [timed(lambda i=i: watch.look(i, 0.01, 2.3)) for i in range(1000)]  # type: ignore[misc]
    alone = statistics.median(looks)
    for choice, median in medians.items():
        print(f"--on-nan {choice:9} {median * 1e3:.3f} ms an iteration")
    print(f"ratio              {medians['stop'] / medians['continue']:.4f}")
    print(f"the watch alone    {alone * 1e6:.2f} us, {alone / medians['continue']:.4%} of an iteration")


if __name__ == "__main__":
    main()
