"""What forms on the GPU keep beside the table's values: NaN, wrong labels, sums of many chunks, masks of a pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from layer_table import NEURON
from single_layer import SingleLayer
from test_table_on_cuda import ON_CUDA, OnCuda, cases

from netcli.runtime.blob import PLAIN

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]

# The CPU's convolutions may spread a NaN over the tile that it stands in.
SPREADING = ("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution", "Deconvolution")
ONE_OF_EACH_TYPE = {
    case.type: case
    for case in reversed(ON_CUDA)
    if case.carries_nan and not case.nan_error and case.type not in SPREADING
}


@cases(list(ONE_OF_EACH_TYPE.values()))
def test_nan_goes_where_it_goes_on_the_cpu(case: LayerCase) -> None:
    bottoms = case.make_bottoms()
    bottoms[0].reshape(-1)[0] = np.nan
    with np.errstate(invalid="ignore"):
        expected, got = SingleLayer(case).forward(bottoms, PLAIN), OnCuda(case).forward(bottoms)
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 31), (3, 2, 50), (70, 3, 1), (2, 1, 64)])
@pytest.mark.parametrize("centred", [False, True])
def test_channel_sums_of_one_and_of_many_chunks(shape: tuple[int, int, int], centred: bool) -> None:
    from netcli.layers.cuda_form import CudaForm
    from netcli.layers.cuda_sum_kernels import ABSOLUTE_VALUES, PRODUCTS, SQUARES, VALUES
    from netcli.layers.cuda_sums import ChannelForm, channel_sums, gradient_sums
    from netcli.runtime.cuda.memory import device_array

    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    centres = rng.standard_normal(shape[1]).astype(np.float32)
    deviation = a - centres[:, None] if centred else a
    terms = {
        VALUES: deviation,
        ABSOLUTE_VALUES: np.abs(deviation),
        SQUARES: deviation**2,
        PRODUCTS: deviation * b,
    }
    form = CudaForm(LayerCase("ReLU", "sums", "").layer())
    on_device = [device_array(array) for array in (a, b, centres)]
    for kind, term in terms.items():
        sums = device_array(np.ones(shape[1], np.float32))
        for adds in (False, True):
            channel_sums(
                form,
                kind,
                on_device[0],
                ChannelForm(*shape),
                sums,
                b=on_device[1],
                centres=on_device[2] if centred else None,
                factor=0.5,
                adds=adds,
            )
        np.testing.assert_allclose(sums.to_host(), term.sum((0, 2)), rtol=1e-5, atol=1e-5)
    sums, products = (device_array(np.ones(shape[1], np.float32)) for _ in range(2))
    x, dy, by_channel = on_device
    gradient_sums(
        form, x, dy, ChannelForm(*shape), sums, products, centres=by_channel if centred else None, adds=(True, False)
    )
    np.testing.assert_allclose(sums.to_host(), 1 + b.sum((0, 2)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(products.to_host(), (deviation * b).sum((0, 2)), rtol=1e-5, atol=1e-5)


def test_a_channel_has_as_many_chunks_as_keep_a_gpu_busy_and_no_more() -> None:
    from netcli.layers.cuda_sums import ChannelForm

    assert ChannelForm(1, 5, 1).grid == (5, 1)
    assert ChannelForm(256, 64, 56 * 48).grid == (64, 32)
    assert ChannelForm(1, 1, 10**8).grid == (1, 2048)
    assert ChannelForm(1, 10**6, 10**6).grid == (10**6, 1)


def test_the_mask_of_dropout_changes_with_the_pass_and_stays_for_its_backward() -> None:
    (first, *_) = (case for case in NEURON if case.type == "Dropout")
    case = replace(first, bottoms=(Bottom((4, 50), lambda rng, shape: np.ones(shape)),))
    cpu, cuda = SingleLayer(case), OnCuda(case)
    masks = []
    for pass_index in (0, 1):
        cpu.layer.context.pass_index = cuda.layer.context.pass_index = pass_index
        (y,) = cuda.forward(case.make_bottoms())
        np.testing.assert_array_equal(y, cpu.forward(case.make_bottoms())[0])
        cuda.layer.context.pass_index += 1
        (dx,), _ = cuda.backward([np.ones(y.shape)], PLAIN)
        np.testing.assert_array_equal(dx, y)
        masks.append(y)
    assert (masks[0] != masks[1]).mean() == pytest.approx(0.5, abs=0.2)


def test_a_label_that_is_no_class_makes_its_scores_nan() -> None:
    case = next(case for case in ON_CUDA if case.id == "LabelSpecificAdd-margin")
    scores, labels = case.make_bottoms()
    labels[:3] = -1, scores.shape[1], np.nan
    (y,) = OnCuda(case).forward([scores, labels])
    assert np.isnan(y).all(axis=1).tolist() == [True] * 3 + [False] * 3
