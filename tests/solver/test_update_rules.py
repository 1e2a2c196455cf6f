"""The kernels of the update against NumPy in float64, and what comes before a rule: clip, average, regularise."""

from __future__ import annotations

import numpy as np
import oracle_update_rules as oracle
import pytest

from netcli.net.learnable import Learnable
from netcli.runtime.blob import PLAIN, Blob
from netcli.schema import caffe_pb2 as pb
from netcli.solver.optimizer import Optimizer
from netcli.solver.update_rules import RULES

SHAPES = [(5, 6), (7,), (), (0, 3)]
RATE = 0.05
CASES = {
    "SGD": ({"momentum": 0.9}, oracle.sgd(0.9), ["velocity"]),
    "Nesterov": ({"momentum": 0.9}, oracle.nesterov(0.9), ["velocity"]),
    "AdaGrad": ({"delta": 1e-7}, oracle.adagrad(1e-7), ["squares"]),
    "RMSProp": ({"rms_decay": 0.95, "delta": 1e-6}, oracle.rmsprop(0.95, 1e-6), ["squares"]),
    "AdaDelta": ({"momentum": 0.95, "delta": 1e-6}, oracle.adadelta(0.95, 1e-6), ["squares", "updates"]),
    "Adam": (
        {"momentum": 0.9, "momentum2": 0.999, "delta": 1e-8},
        oracle.adam(0.9, 0.999, 1e-8),
        ["mean", "squares"],
    ),
    "AdamW": (
        {"momentum": 0.9, "momentum2": 0.999, "delta": 1e-8},
        oracle.adamw(0.9, 0.999, 1e-8),
        ["mean", "squares"],
    ),
}


class Run:
    """An optimizer over parameters of several shapes, and the same in float64."""

    def __init__(self, dtype: type, **settings) -> None:
        rng = np.random.default_rng(3)
        self.param = pb.SolverParameter(**settings)
        self.learnable = [
            Learnable(Blob(shape, dtype), lr_mult=1.0 + i, decay_mult=i, layer="layer", index=i)
            for i, shape in enumerate(SHAPES)
        ]
        for item in self.learnable:
            item.blob.values.write(PLAIN)[...] = rng.standard_normal(item.blob.shape)
        self.optimizer = Optimizer(self.param, self.learnable, np.dtype(dtype))
        self.weights = [item.blob.values.read(PLAIN).astype(np.float64) for item in self.learnable]
        self.memories: list[oracle.Arrays] = [{} for _ in SHAPES]
        self.rng = rng

    def update(self, rule: oracle.Rule, iteration: int) -> None:
        """One step on both sides, with the same random gradients."""
        gradients = [self.rng.standard_normal(shape) for shape in SHAPES]
        for item, gradient in zip(self.learnable, gradients, strict=True):
            item.blob.gradients.write(PLAIN)[...] = gradient
        self.optimizer.update(RATE, iteration)
        if self.param.clip_gradients >= 0:
            gradients = oracle.clipped(gradients, self.param.clip_gradients)
        for i, item in enumerate(self.learnable):
            decay = self.param.weight_decay * item.decay_mult
            mean = gradients[i] / self.param.iter_size
            rate, kind = RATE * item.lr_mult, self.param.regularization_type
            if self.param.type == "AdamW":
                lost = rule(mean, rate, iteration, self.memories[i]) + oracle.decoupled(
                    self.weights[i], rate, decay, kind
                )
            else:
                total = oracle.regularised(mean, self.weights[i], decay, kind)
                lost = rule(total, rate, iteration, self.memories[i])
            self.weights[i] = self.weights[i] - lost

    def check(self, rtol: float) -> None:
        for item, weight in zip(self.learnable, self.weights, strict=True):
            np.testing.assert_allclose(item.blob.values.read(PLAIN), weight, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_ten_updates_are_the_equations(name: str, dtype: type) -> None:
    settings, rule, memories = CASES[name]
    run = Run(dtype, type=name, weight_decay=0.01, **settings)
    for iteration in range(10):
        run.update(rule, iteration)
    # Settings are float32 in the message, so even float64 agrees with the decimals to seven digits only.
    run.check(2e-5)
    names = [(memory, index) for memory in memories for index in range(len(SHAPES))]
    assert len(run.optimizer.history) == len(names)
    for array, (memory, index) in zip(run.optimizer.history, names, strict=True):
        assert array.dtype == dtype
        np.testing.assert_allclose(array, run.memories[index][memory], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["L1", "L2"])
def test_regularisation_by_kind_and_multiplier(kind: str) -> None:
    run = Run(np.float32, type="SGD", weight_decay=0.1, regularization_type=kind)
    for item, weight in zip(run.learnable, run.weights, strict=True):
        if weight.ndim == 2 and weight.size:
            item.blob.values.update(PLAIN)[0, :2] = weight[0, :2] = 0
    for iteration in range(3):
        run.update(oracle.sgd(0), iteration)
    run.check(1e-5)


def test_clipping_comes_before_the_mean_over_passes() -> None:
    run = Run(np.float32, type="SGD", clip_gradients=0.5, iter_size=4, weight_decay=0.1)
    run.update(oracle.sgd(0), 0)
    run.check(1e-6)


def test_gradients_within_the_limit_are_not_clipped() -> None:
    clipped, free = (Run(np.float32, type="SGD", clip_gradients=most) for most in (1e6, -1))
    for run in (clipped, free):
        run.update(oracle.sgd(0), 0)
    for a, b in zip(clipped.learnable, free.learnable, strict=True):
        np.testing.assert_array_equal(a.blob.values.read(PLAIN), b.blob.values.read(PLAIN))


def test_the_norm_of_large_gradients_does_not_overflow() -> None:
    run = Run(np.float32, type="SGD", clip_gradients=1)
    for item in run.learnable:
        item.blob.gradients.write(PLAIN).fill(1e30)
    before = [item.blob.values.read(PLAIN).copy() for item in run.learnable]
    run.optimizer.update(1.0, 0)
    squares = sum(
        np.sum(np.square((b - item.blob.values.read(PLAIN)) / item.lr_mult))
        for b, item in zip(before, run.learnable, strict=True)
    )
    assert squares == pytest.approx(1, rel=1e-5)


def test_the_norm_is_the_same_for_any_number_of_threads() -> None:
    import numba

    blob = Blob((300_000,))
    blob.gradients.write(PLAIN)[...] = np.random.default_rng(0).standard_normal(blob.shape)
    optimizer = Optimizer(pb.SolverParameter(type="SGD"), [Learnable(blob, 1, 1, "a", 0)], np.dtype(np.float32))
    threads = numba.get_num_threads()
    norms = []
    for count in (1, threads):
        numba.set_num_threads(count)
        norms.append(optimizer.gradient_norm())
    numba.set_num_threads(threads)
    assert norms[0] == norms[1]
    squares = np.square(blob.gradients.read(PLAIN), dtype=np.float64)
    assert norms[0] == pytest.approx(float(np.sqrt(squares.sum())), rel=1e-12)


def test_the_gradient_holds_the_update_afterwards() -> None:
    run = Run(np.float32, type="Adam", momentum=0.9)
    before = [item.blob.values.read(PLAIN).copy() for item in run.learnable]
    run.update(oracle.adam(0.9, 0.999, 1e-8), 0)
    for item, weight in zip(run.learnable, before, strict=True):
        lost = weight - item.blob.values.read(PLAIN)
        np.testing.assert_allclose(item.blob.gradients.read(PLAIN), lost, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_zeros_may_take_the_place_of_the_updates(name: str) -> None:
    settings, rule, _ = CASES[name]
    keeping, zeroing = (Run(np.float32, type=name, weight_decay=0.01, **settings) for _ in range(2))
    told: list[int] = []
    zeroing.optimizer = Optimizer(
        zeroing.param, zeroing.learnable, np.dtype(np.float32), lambda: told.append(len(told) + 1)
    )
    for iteration in range(3):
        keeping.update(rule, iteration)
        zeroing.update(rule, iteration)
        assert told[-1] == iteration + 1
        for kept, zeroed in zip(keeping.learnable, zeroing.learnable, strict=True):
            # What nobody keeps may be fused into the weight, without a rounding in between.
            weights, others = kept.blob.values.read(PLAIN), zeroed.blob.values.read(PLAIN)
            np.testing.assert_allclose(weights, others, rtol=1e-6, atol=1e-7)
            assert not zeroed.blob.gradients.read(PLAIN).any()
