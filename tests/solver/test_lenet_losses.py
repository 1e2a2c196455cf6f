"""LeNet's first 60 losses against those that Caffe recorded from the same weights and batches: tests/data/nets."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from netcli.prototxt import load_solver
from netcli.solver import Solver

RECORDED = Path(__file__).parents[1] / "data" / "nets"
TOLERANCE = 5e-3
AFTER_NEAR_TIES = 2e-2
"""Where near-ties of max pooling have made last bits into other gradients: float64 itself ends 9e-3 from Caffe."""


def losses(batches: np.ndarray, labels: np.ndarray, device: str = "cpu") -> list[float]:
    """Trains on ``batches`` (iterations, 64, 1, 28, 28) from Caffe's weights."""
    solver = Solver(load_solver(RECORDED / "lenet_solver.prototxt"), device=device)
    solver.load_weights(RECORDED / "lenet_init.caffemodel")
    result = []
    for batch, label in zip(batches, labels, strict=True):
        solver.net.blobs["data"].data[...] = batch
        solver.net.blobs["label"].data[...] = label
        solver.step(1)
        result.append(float(solver.net.blobs["loss"].data))
    return result


def batches_of_the_rule() -> tuple[np.ndarray, np.ndarray]:
    """The rule stands in lenet_rule.json."""
    random = np.random.RandomState(9)
    prototypes = random.uniform(0, 1, (10, 1, 28, 28))
    labels = random.randint(0, 10, (60, 64))
    noise = random.uniform(0, 1, (60, 64, 1, 28, 28))
    return 0.5 * prototypes[labels] + 0.5 * noise, labels


def test_on_batches_made_by_a_rule() -> None:
    with np.load(RECORDED / "lenet_rule.npz") as recorded:
        expected = recorded["loss"]
    actual = losses(*batches_of_the_rule())
    np.testing.assert_allclose(actual[:20], expected[:20], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=AFTER_NEAR_TIES)


def test_on_mnist(shared: Path) -> None:
    """Iteration i sees images 64 i to 64 i + 63 of the test file, divided by 256."""
    folder = shared / "data" / "mnist"
    if not folder.is_dir():
        pytest.skip(f"no MNIST in {folder}")
    images = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, 60 * 64 * 784, offset=16).reshape(60, 64, 1, 28, 28)
    classes = np.frombuffer(labels, np.uint8, 60 * 64, offset=8).reshape(60, 64)
    with np.load(RECORDED / "lenet_trajectory.npz") as recorded:
        expected = recorded["loss"]
    np.testing.assert_allclose(losses(pixels / np.float32(256), classes), expected, rtol=0, atol=TOLERANCE)
