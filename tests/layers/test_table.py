"""What every layer must keep, variant by variant, over the table in ``layer_table``."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from gradient_check import check_gradients
from layer_case import LayerCase
from layer_table import CASES
from single_layer import PADDING_VALUE, SingleLayer

from netcli.errors import NetcliError
from netcli.layers.registry import layer_types
from netcli.runtime.blob import LANES, PLAIN, Blob, Place, lanes_shape
from netcli.runtime.cpu import lane_count

WITH_BOTTOMS = [case for case in CASES if case.bottoms]
BATCHED = [case for case in WITH_BOTTOMS if case.batched]
DIFFERENTIABLE = [case for case in CASES if not case.not_differentiable]
IN_PLACE = [case for case in CASES if case.in_place and layer_types()[case.type].in_place]
BATCHES = (1, lane_count() + 3)
GRADIENT_BATCHES = [(case, batch) for case in DIFFERENTIABLE for batch in (None, *BATCHES) if case.batched or not batch]
WITH_PARAMETERS = [case for case in DIFFERENTIABLE if case.declares_parameters]
FLOAT32_SCALE = 1e-6


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
        np.testing.assert_allclose(mine, theirs, rtol=case.rtol, atol=FLOAT32_SCALE * scale, err_msg=case.id)


def test_every_registered_type_is_in_the_table() -> None:
    assert {case.type for case in CASES} == set(layer_types())


def test_every_case_has_an_id_of_its_own() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


def test_shapes_need_no_kernels() -> None:
    script = (
        "import json, sys\n"
        "from layer_table import CASES\n"
        "shapes = {case.id: case.inferred_shapes() for case in CASES}\n"
        "assert 'numba' not in sys.modules, 'setup has imported numba'\n"
        "print(json.dumps(shapes))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    inferred = json.loads(done.stdout)
    for case in CASES:
        single = SingleLayer(case)
        expected = case.expected_tops(case.make_bottoms(), single.params)
        assert [tuple(shape) for shape in inferred[case.id]] == [top.shape for top in expected], case.id


@cases(CASES)
@pytest.mark.parametrize("place", [PLAIN, LANES], ids=lambda place: place.value)
def test_forward_equals_the_oracle(case: LayerCase, place: Place) -> None:
    single = SingleLayer(case)
    bottoms = case.make_bottoms()
    tops = single.forward(bottoms, place)
    assert_close(case, tops, case.expected_tops(bottoms, [p.astype(np.float64) for p in single.params]))


@cases(BATCHED)
def test_any_batch_equals_the_oracle(case: LayerCase) -> None:
    single = SingleLayer(case)
    single.forward(case.make_bottoms())
    for batch in BATCHES:
        single.reshape(batch)
        bottoms = case.make_bottoms(batch)
        tops = single.forward(bottoms)
        assert_close(case, tops, case.expected_tops(bottoms, [p.astype(np.float64) for p in single.params]))


@cases(DIFFERENTIABLE)
def test_gradients(case: LayerCase) -> None:
    assert check_gradients(case) > 0 or not case.tops


@pytest.mark.parametrize(
    ("case", "batch"), GRADIENT_BATCHES, ids=[f"{case.id}-{batch or 'own'}" for case, batch in GRADIENT_BATCHES]
)
def test_gradients_do_not_depend_on_the_place(case: LayerCase, batch: int | None) -> None:
    bottoms = case.make_bottoms(batch)
    results = []
    for place in (PLAIN, LANES):
        single = SingleLayer(case, batch=batch)
        single.forward(bottoms, place)
        by_bottom, by_param = single.backward(top_gradients(single), place)
        results.append(by_bottom + by_param)
    assert_close(case, results[1], results[0])


@cases([case for case in DIFFERENTIABLE if case.batched])
def test_padding_lanes_of_gradients_stay_zero(case: LayerCase) -> None:
    batch = lane_count() + 3
    single = SingleLayer(case, batch=batch)
    single.forward(case.make_bottoms(batch))
    for blob in single.bottoms:
        # Another blob's gradient may have stood there.
        blob.gradients.write(LANES).fill(PADDING_VALUE)
    single.backward(top_gradients(single))
    for bottom, blob in zip(case.bottoms, single.bottoms, strict=True):
        if bottom.differentiable and blob.gradients.prefers(LANES):
            assert not blob.gradients.read(LANES)[-1, :, :, 3:].any()


@cases(IN_PLACE)
def test_in_place_equals_out_of_place(case: LayerCase) -> None:
    bottoms = case.make_bottoms()
    apart, together = SingleLayer(case), SingleLayer(case, in_place=True)
    assert_close(case, together.forward(bottoms), apart.forward(bottoms))
    if case.not_differentiable:
        return
    gradients = top_gradients(apart)
    expected, got = apart.backward(gradients), together.backward(gradients)
    assert_close(case, got[0] + got[1], expected[0] + expected[1])


@cases(CASES)
def test_float32_is_kept(case: LayerCase) -> None:
    single = SingleLayer(case)
    tops = single.forward(case.make_bottoms())
    gradients: list[np.ndarray] = []
    if not case.not_differentiable:
        by_bottom, by_param = single.backward(top_gradients(single))
        gradients = by_bottom + by_param
    assert all(array.dtype == np.float32 for array in tops + gradients)


@cases(WITH_PARAMETERS)
def test_parameter_gradients_add_up(case: LayerCase) -> None:
    single = SingleLayer(case)
    single.forward(case.make_bottoms())
    _, once = single.backward(top_gradients(single))
    single.layer.backward(single.tops, [bottom.differentiable for bottom in case.bottoms], single.bottoms)
    twice = [param.gradients.read(PLAIN) for param in single.layer.params]
    assert_close(case, twice, [2 * gradient for gradient in once])


@cases(DIFFERENTIABLE)
def test_propagate_down_false_leaves_the_bottom_alone(case: LayerCase) -> None:
    single = SingleLayer(case)
    single.forward(case.make_bottoms())
    for blob in single.bottoms:
        blob.gradients.write(PLAIN).fill(3)
    for top, gradient in zip(single.tops, top_gradients(single), strict=True):
        top.gradients.write(PLAIN)[...] = gradient
    single.layer.backward(single.tops, [False] * len(case.bottoms), single.bottoms)
    assert all((blob.gradients.read(PLAIN) == 3).all() for blob in single.bottoms)


@cases(WITH_BOTTOMS)
def test_nan_goes_through(case: LayerCase) -> None:
    single = SingleLayer(case)
    bottoms = case.make_bottoms()
    bottoms[0].reshape(-1)[0] = np.nan
    if case.nan_error:
        with pytest.raises(NetcliError) as caught:
            single.forward(bottoms)
        assert caught.value.code == case.nan_error
        return
    tops = single.forward(bottoms)
    if case.carries_nan:
        assert any(np.isnan(top).any() for top in tops)
    if not case.not_differentiable:
        single.backward(top_gradients(single))


@cases([case for case in BATCHED if not case.allocates])
def test_nothing_is_allocated_after_the_first_pass(case: LayerCase) -> None:
    batch = 640
    single = SingleLayer(case, batch=batch)
    bottoms = case.make_bottoms(batch)
    single.forward(bottoms)
    wanted = [bottom.differentiable for bottom in case.bottoms]

    def one_pass() -> None:
        single.layer.forward(single.bottoms, single.tops)
        if not case.not_differentiable:
            single.layer.backward(single.tops, wanted, single.bottoms)

    one_pass()
    one_pass()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        one_pass()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    blobs: list[Blob] = [*single.bottoms, *single.tops]
    largest = max(np.prod(lanes_shape(blob.shape, lane_count())) * 4 for blob in blobs)
    assert peak - before < largest / 2, f"{peak - before} bytes at the peak; the largest blob has {largest}"
