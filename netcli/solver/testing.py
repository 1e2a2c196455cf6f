"""Test passes: means of a net's outputs over a number of batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netcli.net import Net
from netcli.net.batch import batch_size
from netcli.solver.events import Outputs
from netcli.solver.outputs import as_outputs, output_arrays
from netcli.solver.ranks import ALONE, OneRank, TestBatch


@dataclass(frozen=True)
class TestResult:
    """Means over ``iterations`` batches: each element of each output, and the weighted loss."""

    outputs: Outputs
    loss: float
    images: int
    iterations: int
    seconds: float


def run_test(
    net: Net,
    iterations: int,
    *,
    interrupted: Callable[[], bool] = lambda: False,
    ranks: OneRank = ALONE,
    pass_over: Callable[[Net], object] = lambda net: None,
) -> TestResult | None:
    """Runs ``iterations`` forward passes of a net in phase TEST.

    Every batch counts alike, as in Caffe, and sums are float64. Batches go on where the last test ended. Several
    processes take whole batches in turns, so that each gives what it gives to one process alone.

    Args:
        interrupted: asked before the batches of each turn, by all processes; True ends the test without a result.
        ranks: the processes that share the test.
        pass_over: called for each batch that another process takes.
    """
    begin = time.perf_counter()
    own = []
    for index in range(iterations):
        if index % ranks.count == 0 and interrupted():
            return None
        number = net.context.pass_index
        if ranks.takes(number):
            own.append(TestBatch(number, net.forward(), batch_size(net), output_arrays(net)))
        else:
            pass_over(net)
            net.context.pass_index = number + 1
    batches = ranks.collect(own)
    sums: dict[str, np.ndarray] = {}
    for batch in batches:
        for name, array in batch.outputs.items():
            sums[name] = sums[name] + array if name in sums else array
    means = {name: total / iterations for name, total in sums.items()}
    loss = sum(batch.loss for batch in batches) / iterations
    images = sum(batch.images for batch in batches)
    return TestResult(as_outputs(means), loss, images, iterations, time.perf_counter() - begin)
