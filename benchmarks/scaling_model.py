"""Predicts how training scales over ranks, from what is measured on one machine and a network's two numbers.

    python benchmarks/scaling_model.py                   predictions for LeNet and SphereFace-64 on 2 to 512 ranks
    python benchmarks/scaling_model.py --check           besides, LeNet on 1, 2 and 4 ranks of this machine, measured

The model. A rank with b images needs T(b) = c0 + c1 b seconds for an iteration, a line through measured times on one
thread, a third of it forward, the rest backward, which is shared among the layers as their multiply-accumulates are.
The sum of S bytes over n ranks takes 2 log2(n) latency + 2 (n - 1) / n S / bandwidth (R. Thakur et al., "Optimization
of collective communication operations in MPICH", 2005). Buckets go over the network one after the other, each as soon
as its layers have run backward; what has not arrived when the backward pass ends is waited for. Left out: skew between
ranks, data that come too late, tests, snapshots, and that sums on the same machine take processor time of their own.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scaling_worker import with_made_up_data

from netcli.distributed.gradient_sum import BUCKET_BYTES, planned_buckets
from netcli.net import Net
from netcli.prototxt import load_solver
from netcli.runtime.threads import available_cores
from netcli.schema import caffe_pb2 as pb

ROOT = Path(__file__).resolve().parents[1]
WORKER = Path(__file__).with_name("scaling_worker.py")
RANKS = (2, 4, 8, 16, 32, 64, 128, 256, 512)
NETWORKS = {"10 Gbit Ethernet": (20e-6, 1.1e9), "100 Gbit InfiniBand": (2e-6, 11e9)}
"""Latency in seconds, bandwidth in bytes a second: round numbers for such networks, not measured here."""


@dataclass(frozen=True)
class Case:
    """A net to predict: ``batches`` are measured on one thread, ``batch`` is the global one."""

    name: str
    solver: str
    batch: int
    batches: tuple[int, ...]
    iterations: int


CASES = (
    Case("LeNet", "configs/lenet.prototxt", 64, (4, 16, 64), 60),
    Case("SphereFace-64", "configs/sphereface/sphereface64_solver.prototxt", 512, (1, 2, 4), 3),
)


@dataclass(frozen=True)
class Compute:
    """Seconds of an iteration with b images: fixed + each b."""

    fixed: float
    each: float

    def seconds(self, images: float) -> float:
        return self.fixed + self.each * images


@dataclass(frozen=True)
class Traffic:
    """A bucket: its bytes, and how much of the backward pass is over when it is complete (0 to 1)."""

    size: int
    ready: float


def run_worker(case: Case, batch: int, ranks: int = 1) -> dict[str, Any]:
    launcher = [] if ranks == 1 else [str(Path(sys.executable).with_name("mpiexec")), "-n", str(ranks)]
    arguments = [sys.executable, str(WORKER), str(ROOT / case.solver), str(batch), str(case.iterations), "1"]
    result: dict[str, Any] = json.loads(subprocess.check_output([*launcher, *arguments]))
    return result


def measured_compute(case: Case) -> Compute:
    seconds = [run_worker(case, batch)["seconds"] for batch in case.batches]
    each, fixed = np.polyfit(case.batches, seconds, 1)
    return Compute(max(0.0, float(fixed)), float(each))


def traffic(case: Case) -> list[Traffic]:
    source = with_made_up_data(load_solver(str(ROOT / case.solver)), 1)
    net = Net(source.train_net(), pb.TRAIN, seed=1)
    shapes = net.graph.shapes
    work = [
        step.layer.macs([shapes[name] for name in step.bottoms], [shapes[name] for name in step.tops])
        for step in net.graph.steps
    ]
    return [
        Traffic(size, sum(work[after:]) / sum(work))
        for size, after in planned_buckets(net, net.learnable, BUCKET_BYTES)
    ]


def waiting(buckets: list[Traffic], backward: float, ranks: int, latency: float, bandwidth: float) -> float:
    """Seconds that are waited for sums after the backward pass."""
    end = 0.0
    for bucket in buckets:
        seconds = 2 * math.log2(ranks) * latency + 2 * (ranks - 1) / ranks * bucket.size / bandwidth
        end = max(end, bucket.ready * backward) + seconds
    return max(0.0, end - backward)


def iteration(
    compute: Compute, buckets: list[Traffic], images: float, ranks: int, latency: float, bandwidth: float
) -> float:
    seconds = compute.seconds(images)
    return seconds + (waiting(buckets, seconds * 2 / 3, ranks, latency, bandwidth) if ranks > 1 else 0.0)


def fitted_network(sums: dict[str, float], ranks: int) -> tuple[float, float]:
    """Latency and bandwidth that explain measured sums: the smallest one and the largest one."""
    sizes = sorted(map(int, sums))
    latency = sums[str(sizes[0])] / (2 * math.log2(ranks))
    largest = sizes[-1]
    rest = max(1e-9, sums[str(largest)] - 2 * math.log2(ranks) * latency)
    return latency, 2 * (ranks - 1) / ranks * largest / rest


def predict(case: Case) -> None:
    compute, buckets = measured_compute(case), traffic(case)
    total = sum(bucket.size for bucket in buckets)
    print(f"\n{case.name}: T(b) = {compute.fixed * 1e3:.1f} ms + {compute.each * 1e3:.2f} ms b on one thread, "
          f"{total / 1e6:.1f} MB of gradients in {len(buckets)} buckets")  # fmt: skip
    alone = compute.seconds(case.batch)
    for network, (latency, bandwidth) in NETWORKS.items():
        print(f"| {network}: ranks | strong, batch {case.batch} | strong, speed-up | weak, {case.batch} a rank |")
        print("|--:|--:|--:|--:|")
        for ranks in RANKS:
            images = max(1, math.ceil(case.batch / ranks))
            strong = iteration(compute, buckets, images, ranks, latency, bandwidth)
            weak = iteration(compute, buckets, case.batch, ranks, latency, bandwidth)
            print(f"| {ranks} | {alone / strong / ranks:.0%} | {alone / strong:.1f} | {alone / weak:.0%} |")


def check(case: Case) -> None:
    """Measured against predicted, on this machine; ranks that have no core of their own compute in turns."""
    compute, buckets = measured_compute(case), traffic(case)
    print(f"\n{case.name}, batch {case.batch}, ranks of one thread on this machine")
    print("| ranks | predicted ms | measured ms, sums beside backward | sums after it | waiting, beside | after |")
    print("|--:|--:|--:|--:|--:|--:|")
    print(
        f"| 1 | {compute.seconds(case.batch) * 1e3:.1f} | {run_worker(case, case.batch)['seconds'] * 1e3:.1f} | | | |"
    )
    for ranks in (2, 4):
        found = run_worker(case, case.batch, ranks)
        network = fitted_network(found["allreduce"], ranks)
        crowd = max(1.0, ranks / available_cores())
        crowded = Compute(compute.fixed * crowd, compute.each * crowd)
        predicted = iteration(crowded, buckets, case.batch / ranks, ranks, *network)
        seconds, waited = found["seconds"], found["waiting"]
        print(f"| {ranks} | {predicted * 1e3:.1f} | {seconds['beside'] * 1e3:.1f} | {seconds['after'] * 1e3:.1f} | "
              f"{waited['beside']:.0%} | {waited['after']:.0%} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="measure LeNet on 1, 2 and 4 ranks here as well")
    arguments = parser.parse_args()
    for case in CASES:
        predict(case)
    if arguments.check:
        check(CASES[0])


if __name__ == "__main__":
    main()
