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


@dataclass(frozen=True)
class TestResult:
    """Means over ``iterations`` batches: each element of each output, and the weighted loss."""

    outputs: Outputs
    loss: float
    images: int
    iterations: int
    seconds: float


def run_test(net: Net, iterations: int, *, interrupted: Callable[[], bool] = lambda: False) -> TestResult | None:
    """Runs ``iterations`` forward passes of a net in phase TEST.

    Every batch counts alike, as in Caffe, and sums are float64. Batches go on where the last test ended.

    Args:
        interrupted: asked before each batch; True ends the test without a result.
    """
    begin = time.perf_counter()
    sums: dict[str, np.ndarray] = {}
    loss = 0.0
    images = 0
    for _ in range(iterations):
        if interrupted():
            return None
        loss += net.forward()
        images += batch_size(net)
        for name, array in output_arrays(net).items():
            sums[name] = sums[name] + array if name in sums else array
    means = {name: total / iterations for name, total in sums.items()}
    return TestResult(as_outputs(means), loss / iterations, images, iterations, time.perf_counter() - begin)
