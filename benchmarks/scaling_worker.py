"""One rank of a measurement: ``mpiexec -n N python scaling_worker.py SOLVER BATCH ITERATIONS``.

Rank 0 prints one JSON object: seconds of an iteration, with sums that run beside the backward pass and with sums after
it, in turns; the share of them spent waiting; and the seconds of an allreduce by size, from which latency and bandwidth
follow. Without a launcher it measures one process.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import numpy as np

from netcli.distributed.gradient_sum import BUCKET_BYTES, GradientSum
from netcli.distributed.launcher import launched_rank, launched_ranks
from netcli.distributed.ranks import MpiRanks
from netcli.distributed.world import World
from netcli.net.batch import batch_size
from netcli.prototxt import SolverSource, load_solver
from netcli.runtime.blob import PLAIN
from netcli.runtime.threads import set_threads
from netcli.schema import caffe_pb2 as pb
from netcli.solver import Solver
from netcli.solver.ranks import ALONE, OneRank

SIZES = (8, 1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 22)
WARM_UP = 3
NEVER = 1 << 62


def with_made_up_data(source: SolverSource, batch: int) -> SolverSource:
    """The training net on constant data of the right shape, so that nothing but compute and sums is measured."""
    param = source.param
    net = source.train_net().param
    for layer in net.layer:
        if layer.type not in ("Data", "ImageData"):
            continue
        shape = (1, 28, 28) if layer.type == "Data" else (3, 112, 96)
        layer.type = "DummyData"
        for name in ("data_param", "image_data_param", "transform_param"):
            layer.ClearField(name)
        layer.dummy_data_param.shape.add(dim=[batch, *shape])
        layer.dummy_data_param.shape.add(dim=[batch])
        layer.dummy_data_param.data_filler.add(type="constant", value=0.5)
        layer.dummy_data_param.data_filler.add(type="constant", value=1)
    own = pb.SolverParameter()
    own.CopyFrom(param)
    for name in ("net", "train_net", "test_net", "test_iter", "test_interval", "test_initialization", "display"):
        own.ClearField(name)
    own.ClearField("net_param")
    own.train_net_param.CopyFrom(net)
    # Nothing is learned: what a net has learned by heart leaves gradients that are too small to be fast.
    own.max_iter, own.snapshot, own.base_lr = 1 << 30, 0, 1e-12
    return SolverSource.from_message(own)


def iteration(solver: Solver) -> float:
    begin = time.perf_counter()
    solver.step(1)
    return time.perf_counter() - begin


def seconds_of_sums(world: World) -> dict[int, float]:
    """Median seconds of an allreduce of so many bytes."""
    medians = {}
    for size in SIZES:
        array = np.ones(max(1, size // 4), np.float32)
        taken = []
        for _ in range(30):
            world.gather(None)
            begin = time.perf_counter()
            world.add(array)
            taken.append(time.perf_counter() - begin)
            array.fill(1)
        medians[size] = statistics.median(taken)
    return medians


def measure(path: str, batch: int, iterations: int) -> dict[str, Any]:
    launched = launched_ranks()
    world = World(launched) if launched > 1 else None
    set_threads(world.cores if world else int(sys.argv[4]) if len(sys.argv) > 4 else None)
    ranks: OneRank = MpiRanks(world) if world else ALONE
    solver = Solver(with_made_up_data(load_solver(path), batch), seed=1, ranks=ranks)
    for _ in range(WARM_UP):
        solver.step(1)
    result: dict[str, Any] = {
        "ranks": launched,
        "batch": solver.net.context.share.total(batch_size(solver.net)),
        "bytes": sum(item.blob.gradients.read(PLAIN).nbytes for item in solver.net.learnable),
    }
    if world is None:
        result["seconds"] = statistics.median(iteration(solver) for _ in range(iterations))
        return result
    assert isinstance(ranks, MpiRanks)
    net, counts = solver.net, not solver.net.context.share.idle
    net.after_backward.clear()
    sums = {
        "beside": GradientSum(world, net, net.learnable, counts=counts, bucket_bytes=BUCKET_BYTES),
        "after": GradientSum(world, net, net.learnable, counts=counts, bucket_bytes=NEVER),
    }
    calls = dict(zip(sums, net.after_backward, strict=True))
    taken: dict[str, list[float]] = {name: [] for name in sums}
    for _ in range(iterations):
        for name in sums:
            net.after_backward[:] = [calls[name]]
            ranks.use(sums[name])
            taken[name].append(iteration(solver))
    result["seconds"] = {name: statistics.median(values) for name, values in taken.items()}
    result["waiting"] = {name: sums[name].waited / sum(taken[name]) for name in sums}
    result["allreduce"] = seconds_of_sums(world)
    return result


if __name__ == "__main__":
    measured = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    if launched_rank() == 0:
        print(json.dumps(measured), flush=True)
