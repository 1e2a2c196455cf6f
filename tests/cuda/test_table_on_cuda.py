"""The table of layers again, for each case whose layer has a form on the GPU: it computes what the CPU computes."""

from __future__ import annotations

import numpy as np
import pytest
from layer_case import LayerCase
from layer_table import CASES
from single_layer import SingleLayer

from netcli.errors import NetcliError
from netcli.layers.registry import layer_types
from netcli.runtime.blob import CUDA, PLAIN

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]

SCALE = 2e-6
"""Sums in another order differ by so much of the largest value."""


class OnCuda(SingleLayer):
    """The layer of a case, run by its form."""

    def __init__(self, case: LayerCase, *, in_place: bool = False) -> None:
        super().__init__(case, in_place=in_place)
        from netcli.layers.cuda_form import form_of

        self.form = form_of(self.layer)
        if self.form:
            self.runner = self.form

    def forward(self, bottoms, place=PLAIN):
        self.form.prepare()
        return super().forward(bottoms, place)


def _with_form() -> list[LayerCase]:
    try:
        return [case for case in CASES if OnCuda(case).form]
    except NetcliError:
        return []


ON_CUDA = _with_form()


def cases(chosen: list[LayerCase]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.id)


def top_gradients(single: SingleLayer) -> list[np.ndarray]:
    """Gradients for the tops that carry one, zeros for the others."""
    rng = np.random.default_rng(5)
    chosen = single.case.differentiable_tops
    return [rng.standard_normal(top.shape) * (i in chosen) for i, top in enumerate(single.tops)]


def assert_close(case: LayerCase, got: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert [array.shape for array in got] == [array.shape for array in expected]
    for mine, theirs in zip(got, expected, strict=True):
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        np.testing.assert_allclose(mine, theirs, rtol=max(case.rtol, 1e-5), atol=SCALE * scale, err_msg=case.id)


def assert_computed_on_device(single: SingleLayer) -> None:
    """A form that computes on the host and is copied would be right, and slow."""
    taken_over = [bottom.values for bottom in single.bottoms]
    for top in single.tops:
        assert top.values in taken_over or top.values.prefers(CUDA), f"{top.name} was not written on the device"


def assert_equal_passes(cpu: SingleLayer, cuda: OnCuda, batch: int | None = None) -> None:
    """Forward, and backward where the layer has one."""
    case, bottoms = cpu.case, cpu.case.make_bottoms(batch)
    assert_close(case, cuda.forward(bottoms), cpu.forward(bottoms))
    assert_computed_on_device(cuda)
    if not case.not_differentiable:
        gradients = top_gradients(cpu)
        expected, got = cpu.backward(gradients), cuda.backward(gradients, PLAIN)
        assert_close(case, got[0] + got[1], expected[0] + expected[1])


@cases(ON_CUDA)
def test_a_form_computes_what_the_cpu_computes(case: LayerCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller batch afterwards takes no more memory."""
    cpu, cuda = SingleLayer(case), OnCuda(case)
    assert_equal_passes(cpu, cuda)
    if case.batched:
        monkeypatch.setattr("netcli.layers.cuda_form.device_zeros", lambda size, dtype: pytest.fail(f"{size} elements"))
        for single in (cpu, cuda):
            single.reshape(1)
        assert_equal_passes(cpu, cuda, 1)


@cases([case for case in ON_CUDA if case.in_place and layer_types()[case.type].in_place])
def test_a_form_works_in_place_where_its_layer_does(case: LayerCase) -> None:
    assert_equal_passes(SingleLayer(case), OnCuda(case, in_place=True))


@cases([case for case in ON_CUDA if case.declares_parameters and not case.not_differentiable])
def test_gradients_of_parameters_add_up(case: LayerCase) -> None:
    cuda = OnCuda(case)
    cuda.forward(case.make_bottoms())
    gradients = top_gradients(cuda)
    once = cuda.backward(gradients, PLAIN)[1]
    for top, gradient in zip(cuda.tops, gradients, strict=True):
        top.gradients.write(PLAIN)[...] = gradient
    wanted = [bottom.differentiable for bottom in case.bottoms]
    cuda.form.backward(cuda.tops, wanted, cuda.bottoms)
    assert_close(case, [param.gradients.read(PLAIN) for param in cuda.layer.params], [2 * array for array in once])
