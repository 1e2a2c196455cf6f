"""One row of ``training_speed.py``: both sides of a net run in turns, each in a process of its own.

A round is a block of iterations of netcli, one of PyTorch in NCHW and one in channels-last, each about as long; who
begins moves on from round to round. While one process runs, the other waits for its standard input. How much of a core
it uses nevertheless is measured, since a pool of threads that spins would disturb the other side; and so is what the
rest of the machine does, which must be next to nothing: two threads that wait for each other take many times as long
where a third wants a core.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from speed_worker import LAYOUTS, NETCLI
from zoo import ZOO, for_inference

from netcli.net.graph import Graph, build_graph
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb

INFERENCE = "inference"
VARIANTS = (NETCLI, *LAYOUTS)
TOLERANCE = 1e-3
"""How far the first losses, or outputs over the largest of them, may be apart."""
SETTLING_SECONDS = 0.05
"""Between two blocks, so that the threads of the side that has just run are asleep."""
LONG_ITERATION = 0.25
"""Seconds from which on an iteration needs no other before it, to warm the caches, at the start of a block."""


QUIET = 0.05
"""Share of a core that other programs may use in a round that counts."""
LEAST_ROUNDS = 3
"""As many quiet ones suffice to leave the others out."""


@dataclass(frozen=True)
class Case:
    """What is measured: NET:BATCH, or NET:BATCH:inference, on a number of threads."""

    name: str
    threads: int

    @property
    def net(self) -> str:
        return self.name.split(":")[0]

    @property
    def batch(self) -> int:
        return int(self.name.split(":")[1])

    @property
    def inference(self) -> bool:
        return self.name.endswith(f":{INFERENCE}")

    def text(self) -> str:
        """The net. Raises SystemExit for a name that is none."""
        parts = self.name.split(":")
        if parts[0] not in ZOO or not parts[1:2] or not parts[1].isdigit() or parts[2:] not in ([], [INFERENCE]):
            raise SystemExit(f"'{self.name}' is not NET:BATCH or NET:BATCH:inference, with NET of {', '.join(ZOO)}")
        text = ZOO[self.net](self.batch)
        return for_inference(text) if self.inference else text

    def flops(self) -> int:
        """Of an iteration, counted as direct products: forward, and backward what is wanted of it."""
        source = NetSource.from_text(self.text())
        return sum(iteration_flops(build_graph(source, pb.TEST if self.inference else pb.TRAIN), self.inference))


def iteration_flops(graph: Graph, inference: bool) -> Iterator[int]:
    """Of each layer: a product forward, one for the weights' gradient and one for the bottom's, where wanted."""
    for step in graph.steps:
        products = 1
        if not inference and step.needs_backward:
            products += any(slot.root.lr_mult != 0 for slot in step.slots) + any(step.propagate_down)
        yield 2 * products * graph.macs(step)


class Worker:
    """A process of ``speed_worker.py``, or of another ``script`` here. Raises SystemExit if it ends."""

    def __init__(
        self, side: str, folder: Path, environment: dict[str, str] | None = None, *, script: str = "speed_worker.py"
    ) -> None:
        self.side = side
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name(script)), side, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )
        self._answer()

    def call(self, method: str, **arguments: Any) -> Any:
        """The answer of the side's method."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": method, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def block(self, variant: str, iterations: int, lead: int) -> float:
        """Seconds an iteration."""
        seconds: float = self.call("run", variant=variant, iterations=iterations, lead=lead)["seconds"]
        return seconds / iterations

    def cpu_seconds(self) -> float:
        """That all its threads have run so far."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker for {self.side} has ended with {self._process.wait()}")
        return json.loads(line)


@contextmanager
def prepared(case: Case, *, check: bool = True) -> Iterator[Path]:
    """A folder for the workers of ``case``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "net.prototxt").write_text(case.text())
        settings = {"inference": case.inference, "threads": case.threads, "check": check}
        (folder / "settings.json").write_text(json.dumps(settings))
        yield folder


@contextmanager
def both_sides(case: Case) -> Iterator[dict[str, Worker]]:
    """The worker of each variant; they have been found to compute the same.

    Raises:
        SystemExit: the first results differ by more than ``TOLERANCE``.
    """
    with prepared(case) as folder:
        ours = Worker(NETCLI, folder)
        theirs = Worker("torch", folder)
        try:
            check_results(case, folder)
            yield {NETCLI: ours} | dict.fromkeys(LAYOUTS, theirs)
        finally:
            ours.close()
            theirs.close()


def measure(case: Case, rounds: int, block_seconds: float, peak_gflops: float) -> dict[str, Any]:
    """A row of the result: see ``docs/performance.md`` for its keys."""
    with both_sides(case) as workers:
        sizes = {variant: _block_size(worker, variant, block_seconds) for variant, worker in workers.items()}
        seconds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        quiet = _Quiet(workers[NETCLI], workers[LAYOUTS[0]])
        for turn in range(rounds):
            first = turn % len(VARIANTS)
            for variant in VARIANTS[first:] + VARIANTS[:first]:
                time.sleep(SETTLING_SECONDS)
                with quiet.watched(workers[variant], turn):
                    seconds[variant].append(workers[variant].block(variant, *sizes[variant]))
    kept = quiet.rounds()
    row = _row(case, {variant: [values[turn] for turn in kept] for variant, values in seconds.items()}, peak_gflops)
    return row | {
        "rounds": len(kept),
        "waiting_cpu_share": quiet.waiting,
        "foreign_cpu_share": max(quiet.foreign[turn] for turn in kept),
        "blocks_ms": {variant: [1000 * value for value in values] for variant, values in seconds.items()},
        "blocks_foreign_cpu_share": list(quiet.foreign.values()),
    }


class _Quiet:
    """What ran beside the blocks, as shares of a core, at most.

    Attributes:
        waiting: of the side that waits.
        foreign: round -> of the rest of the machine.
    """

    def __init__(self, *sides: Worker) -> None:
        self._sides = sides
        self.waiting = 0.0
        self.foreign: dict[int, float] = {}

    def rounds(self) -> list[int]:
        """Those in which the machine was quiet; if they are few, all."""
        quiet = [turn for turn, share in self.foreign.items() if share <= QUIET]
        return quiet if len(quiet) >= LEAST_ROUNDS else list(self.foreign)

    @contextmanager
    def watched(self, running: Worker, turn: int) -> Iterator[None]:
        before, begin = self._used(running), time.perf_counter()
        yield
        seconds = time.perf_counter() - begin
        own, waiting, machine = (after - then for after, then in zip(self._used(running), before, strict=True))
        self.waiting = max(self.waiting, waiting / seconds)
        self.foreign[turn] = max(self.foreign.get(turn, 0.0), (machine - own - waiting) / seconds)

    def _used(self, running: Worker) -> tuple[float, float, float]:
        waiting = sum(side.cpu_seconds() for side in self._sides if side is not running)
        return running.cpu_seconds(), waiting, _machine_cpu_seconds()


def _machine_cpu_seconds() -> float:
    """That all processes together have run so far, in and out of the kernel."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _row(case: Case, seconds: dict[str, list[float]], peak_gflops: float) -> dict[str, Any]:
    medians = {variant: statistics.median(values) for variant, values in seconds.items()}
    layout = min(LAYOUTS, key=lambda variant: medians[variant])
    ratios = [theirs / ours for ours, theirs in zip(seconds[NETCLI], seconds[layout], strict=True)]
    flops = case.flops()
    gflops = {variant: flops / median / 1e9 for variant, median in medians.items()}
    return {
        "row": case.name,
        "threads": case.threads,
        "layout": layout,
        "ms": {variant: 1000 * median for variant, median in medians.items()},
        "ratio": medians[layout] / medians[NETCLI],
        "least_ratio": min(ratios),
        "largest_ratio": max(ratios),
        "images_per_s": case.batch / medians[NETCLI],
        "gflops": gflops,
        "share_of_peak": gflops[NETCLI] / peak_gflops,
    }


def _block_size(worker: Worker, variant: str, block_seconds: float) -> tuple[int, int]:
    """(iterations, iterations before them that do not count) of a block; also warms the variant up."""
    worker.block(variant, 1, 1)
    estimate = worker.block(variant, 1, 0)
    if estimate < block_seconds / 10:
        estimate = worker.block(variant, 10, 0)
    return max(1, round(block_seconds / estimate)), int(estimate < LONG_ITERATION)


def check_results(case: Case, folder: Path, tolerance: float = TOLERANCE) -> None:
    """Raises SystemExit if what the sides have written differs by more than ``tolerance``."""
    ours = np.load(folder / f"{NETCLI}.npz")
    for layout in LAYOUTS:
        theirs = np.load(folder / f"{layout}.npz")
        for name in ours.files:
            scale = max(1.0, float(np.abs(ours[name]).max()))
            difference = float(np.abs(ours[name] - theirs[name]).max()) / scale
            if not difference <= tolerance:
                raise SystemExit(
                    f"{case.name}: '{name}' differs by {difference:.2g} from PyTorch's in {layout}, "
                    f"at most {tolerance:g} was expected"
                )
