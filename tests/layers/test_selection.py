"""Layers that reduce, pick by index and resample, beyond the table: ties, data-dependent shapes, errors."""

from __future__ import annotations

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from one_layer_net import finding_of, net_of
from single_layer import SingleLayer

from netcli.errors import RunError
from netcli.net import Net
from netcli.prototxt import NetSource
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

IMAGE = (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("layer", "bottoms", "code", "says", "field"),
    [
        ('type: "Reduction" reduction_param { axis: 4 }', [IMAGE], "NC123", "expected -4 to 3, actual 4", "axis: 4"),
        ('type: "Reduction" reduction_param { axis: -5 }', [IMAGE], "NC123", "axis out of range", "axis: -5"),
        ('type: "Reduction"', [IMAGE, IMAGE], "NC102", "wrong number of bottoms, expected 1, actual 2", ""),
        (
            'type: "ArgMax" argmax_param { top_k: 61 }',
            [IMAGE],
            "NC121",
            "top_k is out of range, expected 1 to 60, the values to choose from, actual 61",
            "top_k: 61",
        ),
        ('type: "ArgMax" argmax_param { top_k: 0 }', [IMAGE], "NC121", "actual 0", "top_k: 0"),
        ('type: "ArgMax" argmax_param { top_k: 4 axis: 1 }', [IMAGE], "NC121", "expected 1 to 3", "top_k: 4"),
        ('type: "ArgMax" argmax_param { axis: 4 }', [IMAGE], "NC123", "axis out of range", "axis: 4"),
        ('type: "Embed" embed_param { input_dim: 3 }', [(2,)], "NC120", "num_output is missing", ""),
        ('type: "Embed" embed_param { num_output: 3 }', [(2,)], "NC120", "input_dim is missing", ""),
        (
            'type: "BatchReindex"',
            [IMAGE, (2, 1)],
            "NC122",
            "the indices must have one axis, expected (M,), actual (2, 1)",
            'bottom: "b1"',
        ),
        ('type: "BatchReindex"', [IMAGE], "NC102", "wrong number of bottoms", ""),
        (
            'type: "Filter"',
            [IMAGE, (2, 3)],
            "NC122",
            "the selector must have one number for each image, expected (N,) or (N, 1, ...), actual (2, 3)",
            'bottom: "b1"',
        ),
        (
            'type: "Filter"',
            [IMAGE, (3,)],
            "NC124",
            "the bottom must have as many images as the selector, expected (3, ...), actual (2, 3, 4, 5)",
            'bottom: "b0"',
        ),
        ('type: "Filter"', [IMAGE, IMAGE, (2,)], "NC103", "but the selector, expected 2, actual 1", ""),
        (
            'type: "LabelSpecificAdd"',
            [(4, 3), (5,)],
            "NC125",
            "the number of labels must match the number of predictions",
            'bottom: "b1"',
        ),
        ('type: "LabelSpecificAdd"', [(4,), (4,)], "NC122", "the scores have no classes", 'bottom: "b0"'),
        ('type: "Parameter"', [], "NC120", "parameter_param.shape is missing", ""),
        (
            'type: "Parameter" parameter_param { shape { dim: 0 } }',
            [],
            "NC121",
            "a dimension is out of range, expected at least 1, actual 0",
            "dim: 0",
        ),
        ('type: "Upsample" upsample_param { scale: 0 }', [IMAGE], "NC121", "expected at least 1", "scale: 0"),
        ('type: "Upsample"', [(2, 3)], "NC122", "the bottom must be (N, C, H, W)", 'bottom: "b0"'),
        ('type: "Upsample"', [IMAGE, IMAGE], "NC102", "SegNet's fork (alexgkendall/caffe-segnet)", 'bottom: "b1"'),
        ('type: "Interp"', [IMAGE], "NC120", "the new size is missing", ""),
        ('type: "Interp" interp_param { height: 4 }', [IMAGE], "NC120", "the new size is missing", ""),
        ('type: "Interp" interp_param { height: 0 width: 3 }', [IMAGE], "NC121", "height is out of range", "height: 0"),
        ('type: "Interp" interp_param { pad_beg: 1 zoom_factor: 2 }', [IMAGE], "NC121", "at most 0", "pad_beg: 1"),
        (
            'type: "Interp" interp_param { pad_beg: -2 pad_end: -2 zoom_factor: 2 }',
            [IMAGE],
            "NC121",
            "nothing is left between pad_beg and pad_end, expected a sum above -4, actual -4",
            "pad_beg: -2",
        ),
        (
            'type: "Interp" interp_param { zoom_factor: 2 }',
            [IMAGE, IMAGE],
            "NC126",
            "zoom_factor and a second bottom exclude each other",
            "zoom_factor: 2",
        ),
        ('type: "Interp"', [IMAGE, (3,)], "NC122", "the second bottom has no height and width", 'bottom: "b1"'),
        ('type: "Interp" interp_param { zoom_factor: 2 }', [(2, 3, 4)], "NC122", "(N, C, H, W)", 'bottom: "b0"'),
    ],
)
def test_errors(layer: str, bottoms: list[Shape], code: str, says: str, field: str) -> None:
    finding, at = finding_of(layer, *bottoms)
    assert finding.code == code
    assert says in str(finding)
    assert at.startswith(field)


@pytest.mark.parametrize(
    ("size", "text", "expected"),
    [
        ((5, 4), "zoom_factor: 2", (9, 7)),
        ((5, 4), "shrink_factor: 2", (3, 2)),
        ((5, 4), "shrink_factor: 2 zoom_factor: 3", (7, 4)),
        ((5, 4), "height: 6 width: 2", (6, 2)),
        ((5, 4), "height: 6 width: 2 zoom_factor: 2", (9, 7)),
        ((5, 4), "height: 6 width: 2 zoom_factor: 2 shrink_factor: 2", (6, 2)),
        ((5, 4), "pad_beg: -1 pad_end: -1 zoom_factor: 2", (5, 3)),
    ],
)
def test_sizes_of_interp(size: tuple[int, int], text: str, expected: tuple[int, int]) -> None:
    net = net_of(f'type: "Interp" interp_param {{ {text} }}', (1, 2, *size))
    assert net.blobs["t0"].shape == (1, 2, *expected)


def test_argmax_takes_the_last_of_equal_values_first() -> None:
    case = LayerCase("ArgMax", "extra", "", "argmax_param { top_k: 3 }", bottoms=(Bottom((2, 4)),))
    (top,) = SingleLayer(case).forward([np.array([[1.0, 3, 3, 2], [np.nan, 5, 5, 5]])])
    assert top.reshape(2, 3).tolist() == [[2, 1, 3], [0, 3, 2]]


def test_the_slope_of_an_absolute_value_is_0_at_0() -> None:
    case = LayerCase("Reduction", "extra", "", "reduction_param { operation: ASUM }", bottoms=(Bottom((3,)),))
    single = SingleLayer(case)
    single.forward([np.array([-2.0, 0, 3])])
    ((dx,), _) = single.backward([np.array(2.0)])
    assert dx.tolist() == [-2, 0, 2]


FILTERED = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 5 dim: 2 } } }
layer { name: "s" type: "Input" top: "s" input_param { shape { dim: 5 dim: 1 } } }
layer { name: "filter" type: "Filter" bottom: "x" bottom: "s" top: "y" }
layer { name: "ip" type: "InnerProduct" bottom: "y" top: "z" inner_product_param { num_output: 3 } }
"""


def test_layers_behind_a_filter_follow_its_shape() -> None:
    net = Net(NetSource.from_text(FILTERED), pb.TEST, seed=1)
    assert net.blobs["z"].shape == (5, 3)
    x = np.arange(10.0).reshape(5, 2)
    for chosen in ([0, 1, 0, 2, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, -1]):
        net.blobs["x"].data[...] = x
        net.blobs["s"].data[...] = np.reshape(chosen, (5, 1))
        net.forward()
        kept = np.flatnonzero(chosen)
        np.testing.assert_array_equal(net.blobs["y"].data, x[kept])
        assert net.blobs["z"].shape == (len(kept), 3)
        net.blobs["z"].diff[...] = 1
        net.backward()
        expected = np.zeros((5, 2))
        expected[kept] = net.params["ip"][0].data.sum(axis=0)
        np.testing.assert_allclose(net.blobs["x"].diff, expected, rtol=1e-5)
        assert not net.blobs["s"].diff.any()


def test_a_filter_that_lets_nothing_through_has_no_images_and_no_gradient() -> None:
    case = LayerCase("Filter", "extra", "", bottoms=(Bottom((3, 2)), Bottom((3,))))
    single = SingleLayer(case)
    (top,) = single.forward([np.ones((3, 2)), np.zeros(3)])
    assert top.shape == (0, 2)
    (dx, ds), _ = single.backward([np.zeros((0, 2))])
    assert not dx.any()
    assert not ds.any()


@pytest.mark.parametrize(
    ("layer", "shapes", "index", "says"),
    [
        ('type: "Embed" embed_param { num_output: 2 input_dim: 4 }', [(3,)], 4, "expected 0 to 3, actual 4 (number 1)"),
        ('type: "Embed" embed_param { num_output: 2 input_dim: 4 }', [(3,)], -1, "actual -1 (number 1)"),
        ('type: "Embed" embed_param { num_output: 2 input_dim: 4 }', [(3,)], np.nan, "actual nan (number 1)"),
        ('type: "BatchReindex"', [(3,), (3, 2)], 3, "index out of range, expected 0 to 2, actual 3 (number 1)"),
    ],
)
def test_an_index_out_of_range_is_named(layer: str, shapes: list[Shape], index: float, says: str) -> None:
    net = net_of(layer, *reversed(shapes))
    net.blobs[f"b{len(shapes) - 1}"].data[...] = [0, index, 1]
    with pytest.raises(RunError) as caught:
        net.forward()
    assert caught.value.code == "NC151"
    assert says in str(caught.value)


def test_a_margin_is_for_scores_above_it_only() -> None:
    case = LayerCase(
        "LabelSpecificAdd",
        "extra",
        "",
        "label_specific_add_param { bias: -0.5 }",
        bottoms=(Bottom((3, 2)), Bottom((3,), differentiable=False)),
    )
    single = SingleLayer(case)
    (top,) = single.forward([np.array([[0.5, 0.9], [0.75, 0.0], [-1, 0.75]]), np.array([0.0, 0, 1])])
    assert top.tolist() == [[0.5, np.float32(0.9)], [0.25, 0.0], [-1, 0.25]]
    with pytest.raises(RunError, match=r"label out of range, expected 0 to 1, actual 2 \(item 1 of the batch\)"):
        single.forward([np.zeros((3, 2)), np.array([0.0, 2, 0])])


def test_a_parameter_is_the_blob_itself_and_its_gradients_add_up() -> None:
    net = net_of('type: "Parameter" parameter_param { shape { dim: 2 } } loss_weight: 1')
    net.params["layer"][0].data[...] = [3, 4]
    assert net.forward() == 7
    assert net.blobs["t0"].values is net.params["layer"][0].values
    net.backward()
    net.backward()
    assert net.params["layer"][0].diff.tolist() == [2, 2]
