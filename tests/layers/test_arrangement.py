"""Layers that combine and rearrange blobs, beyond the table: ties, lanes kept, errors at their fields."""

from __future__ import annotations

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from one_layer_net import finding_of, net_of
from single_layer import SingleLayer

from netcli.runtime.blob import LANES, Shape

IMAGE = (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("layer", "bottoms", "code", "says", "field"),
    [
        ('type: "Concat" concat_param { axis: 4 }', [IMAGE], "NC123", "axis out of range", "axis: 4"),
        (
            'type: "Concat" concat_param { concat_dim: 4 }',
            [IMAGE],
            "NC123",
            "concat_dim is out of range, expected 0 to 3, actual 4",
            "concat_dim: 4",
        ),
        (
            'type: "Concat" concat_param { axis: 1 concat_dim: 1 }',
            [IMAGE],
            "NC126",
            "axis and concat_dim exclude each other",
            "concat_dim: 1",
        ),
        (
            'type: "Concat"',
            [(2, 3, 4), (2, 5, 3)],
            "NC124",
            "the bottoms must have equal shapes but for axis 1, expected (2, any, 4), actual (2, 5, 3)",
            'bottom: "b1"',
        ),
        ('type: "Concat"', [(2, 3, 4), (2, 3)], "NC124", "expected (2, any, 4), actual (2, 3)", 'bottom: "b1"'),
        (
            'type: "Slice" top: "a" top: "b"',
            [IMAGE],
            "NC121",
            "the tops do not divide the size of axis 1, expected a number of tops that divides 3, actual 2",
            "",
        ),
        (
            'type: "Slice" top: "a" top: "b" slice_param { slice_point: 1 slice_point: 2 }',
            [IMAGE],
            "NC121",
            "wrong number of slice_point values, expected 1 for 2 tops, actual 2",
            "slice_point: 1",
        ),
        (
            'type: "Slice" top: "a" top: "b" top: "c" slice_param { axis: 2 slice_point: 2 slice_point: 2 }',
            [IMAGE],
            "NC121",
            "slice_point values must ascend within the axis, expected 3 to 3, actual 2",
            "slice_point: 2",
        ),
        (
            'type: "Slice" top: "a" top: "b" slice_param { slice_point: 3 }',
            [IMAGE],
            "NC121",
            "slice_point values must ascend within the axis, expected 1 to 2, actual 3",
            "slice_point: 3",
        ),
        (
            'type: "Slice" slice_param { axis: 0 slice_dim: 0 }',
            [IMAGE],
            "NC126",
            "axis and slice_dim exclude each other",
            "slice_dim: 0",
        ),
        ('type: "Eltwise"', [IMAGE, (2, 3, 4, 4)], "NC124", "all bottoms must have one shape", 'bottom: "b1"'),
        (
            'type: "Eltwise" eltwise_param { coeff: 1 }',
            [IMAGE, IMAGE],
            "NC121",
            "wrong number of coeff values, expected 2, one for each bottom, or none, actual 1",
            "coeff: 1",
        ),
        (
            'type: "Eltwise" eltwise_param { operation: PROD coeff: 1 coeff: 2 }',
            [IMAGE, IMAGE],
            "NC126",
            "coeff is for SUM, not for PROD",
            "coeff: 1",
        ),
        ('type: "Eltwise"', [IMAGE], "NC102", "wrong number of bottoms, expected at least 2, actual 1", ""),
        (
            'type: "Axpy"',
            [(2, 4), IMAGE, IMAGE],
            "NC124",
            "one number for each channel of each image, expected (2, 3) or (2, 3, 1, 1), actual (2, 4)",
            'bottom: "b0"',
        ),
        ('type: "Axpy"', [(2, 3, 4, 1), IMAGE, IMAGE], "NC124", "actual (2, 3, 4, 1)", 'bottom: "b0"'),
        (
            'type: "Axpy"',
            [(2, 3), IMAGE, (2, 3, 5, 4)],
            "NC124",
            "the third bottom must have the shape of the second, expected (2, 3, 4, 5), actual (2, 3, 5, 4)",
            'bottom: "b2"',
        ),
        ('type: "Axpy"', [(2,), (2,), (2,)], "NC122", "the bottom has no channels", 'bottom: "b1"'),
    ],
)
def test_errors_of_combining(layer: str, bottoms: list[Shape], code: str, says: str, field: str) -> None:
    finding, at = finding_of(layer, *bottoms)
    assert finding.code == code
    assert says in str(finding)
    assert at.startswith(field)


@pytest.mark.parametrize(
    ("layer", "bottoms", "code", "says", "field"),
    [
        (
            'type: "Flatten" flatten_param { axis: 3 end_axis: 1 }',
            [IMAGE],
            "NC123",
            "end_axis comes before axis, expected 3 to 3, actual 1",
            "end_axis: 1",
        ),
        ('type: "Flatten" flatten_param { axis: 4 }', [IMAGE], "NC123", "expected -4 to 3, actual 4", "axis: 4"),
        ('type: "Flatten" flatten_param { end_axis: -5 }', [IMAGE], "NC123", "actual -5", "end_axis: -5"),
        (
            'type: "Reshape" reshape_param { shape { dim: 7 } }',
            [IMAGE],
            "NC121",
            "as many values as the bottom, expected 120 values as in (2, 3, 4, 5), actual 7 in (7,)",
            "shape {",
        ),
        (
            'type: "Reshape" reshape_param { shape { dim: -1 dim: 7 } }',
            [IMAGE],
            "NC121",
            "so -1 has no size, expected a divisor of 120, the values in (2, 3, 4, 5), actual 7",
            "shape {",
        ),
        (
            'type: "Reshape" reshape_param { shape { dim: -1 dim: -1 } }',
            [IMAGE],
            "NC126",
            "only one dim may be -1",
            "dim: -1",
        ),
        (
            'type: "Reshape" reshape_param { shape { dim: -2 } }',
            [IMAGE],
            "NC121",
            "a dimension is out of range, expected -1 or more, actual -2",
            "dim: -2",
        ),
        (
            'type: "Reshape" reshape_param { axis: 3 shape { dim: 5 dim: 0 } }',
            [IMAGE],
            "NC121",
            "dim: 0 keeps an axis that the bottom does not have, expected 0 only for axes below 4, actual axis 4",
            "dim: 0",
        ),
        ('type: "Reshape" reshape_param { axis: -6 }', [IMAGE], "NC123", "expected -5 to 4, actual -6", "axis: -6"),
        (
            'type: "Reshape" reshape_param { axis: 2 num_axes: 3 }',
            [IMAGE],
            "NC123",
            "num_axes is out of range, expected -1 to 2 from axis 2 on, actual 3",
            "num_axes: 3",
        ),
        ('type: "Permute" permute_param { order: 4 }', [IMAGE], "NC123", "expected 0 to 3, actual 4", "order: 4"),
        (
            'type: "Permute" permute_param { order: 1 order: 1 }',
            [IMAGE],
            "NC126",
            "axis 1 is given twice",
            "order: 1",
        ),
        (
            'type: "ShuffleChannel" shuffle_channel_param { group: 2 }',
            [IMAGE],
            "NC121",
            "group does not divide the channels of the bottom, expected a divisor of 3, actual 2",
            "group: 2",
        ),
        ('type: "ShuffleChannel" shuffle_channel_param { group: 0 }', [IMAGE], "NC121", "actual 0", "group: 0"),
        ('type: "ShuffleChannel"', [(2,)], "NC122", "the bottom has no channels", 'bottom: "b0"'),
        (
            'type: "Crop" crop_param { offset: 2 offset: 1 }',
            [IMAGE, (2, 3, 3, 3)],
            "NC121",
            "the part reaches behind the end of axis 2, expected offset + size at most 4, actual 2 + 3",
            "offset: 2",
        ),
        (
            'type: "Crop" crop_param { offset: 2 offset: 1 offset: 1 }',
            [IMAGE, IMAGE],
            "NC121",
            "wrong number of offset values, expected 1, or 2 (the axes from axis 2 on), actual 3",
            "offset: 2",
        ),
        ('type: "Crop"', [IMAGE, (2, 3, 4, 6)], "NC121", "behind the end of axis 3", 'bottom: "b1"'),
        (
            'type: "Crop"',
            [IMAGE, (4, 5)],
            "NC124",
            "the second bottom has too few axes, expected 4 or more, as in (2, 3, 4, 5), actual 2 in (4, 5)",
            'bottom: "b1"',
        ),
        ('type: "Crop" crop_param { axis: 4 }', [IMAGE, IMAGE], "NC123", "axis out of range", "axis: 4"),
        ('type: "Tile" tile_param { axis: 1 }', [IMAGE], "NC120", "tiles is missing", "tile_param"),
        ('type: "Tile" tile_param { tiles: 0 }', [IMAGE], "NC121", "expected at least 1, actual 0", "tiles: 0"),
        ('type: "Tile" tile_param { tiles: 2 axis: 4 }', [IMAGE], "NC123", "axis out of range", "axis: 4"),
    ],
)
def test_errors_of_rearranging(layer: str, bottoms: list[Shape], code: str, says: str, field: str) -> None:
    finding, at = finding_of(layer, *bottoms)
    assert finding.code == code
    assert says in str(finding)
    assert at.startswith(field)


@pytest.mark.parametrize(
    ("layer", "bottoms", "top"),
    [
        ('type: "Crop" crop_param { axis: 1 }', [(2, 3, 4), (2, 2, 3, 7)], (2, 2, 3)),
        ('type: "Flatten" flatten_param { axis: 2 end_axis: 1 }', [(2, 3)], None),
        ('type: "Flatten" flatten_param { axis: 1 end_axis: 0 }', [(2, 3)], (2, 1, 3)),
        ('type: "Reshape" reshape_param { shape { } }', [(1, 1)], ()),
        ('type: "Reshape" reshape_param { shape { dim: 2 dim: 3 } axis: -1 num_axes: 0 }', [(4, 1)], None),
        ('type: "Reshape" reshape_param { shape { dim: 1 dim: 1 } axis: -2 num_axes: 0 }', [(4, 5)], (4, 1, 1, 5)),
        ('type: "Permute" permute_param { order: 2 }', [(4, 5, 6)], (6, 4, 5)),
    ],
)
def test_shapes_at_the_edges(layer: str, bottoms: list[Shape], top: Shape | None) -> None:
    if top is None:
        finding_of(layer, *bottoms)
    else:
        assert net_of(layer, *bottoms).blobs["t0"].shape == top


def _maximum(*arrays: list[float]) -> SingleLayer:
    bottom = Bottom((1, len(arrays[0])))
    case = LayerCase("Eltwise", "extra", "", "eltwise_param { operation: MAX }", bottoms=(bottom,) * len(arrays))
    single = SingleLayer(case)
    single.forward([np.array([array]) for array in arrays])
    return single


def test_of_two_equal_values_the_second_is_chosen_and_of_more_the_first_of_these() -> None:
    single = _maximum([1, 2, 5, 0], [1, 2, 3, 7], [1, 0, 5, 7])
    gradients, _ = single.backward([np.array([[1.0, 2, 3, 4]])])
    assert [gradient.tolist() for gradient in gradients] == [[[0, 0, 3, 0]], [[1, 2, 0, 4]], [[0, 0, 0, 0]]]


def test_a_nan_is_the_maximum_wherever_it_stands() -> None:
    single = _maximum([np.nan, 1, 1], [2, np.nan, 2], [3, 3, np.nan])
    assert np.isnan(single.tops[0].data).all()
    gradients, _ = single.backward([np.ones((1, 3))])
    np.testing.assert_array_equal(np.concatenate(gradients), np.eye(3))


def test_the_gradient_of_a_product_is_finite_at_zero() -> None:
    case = LayerCase("Eltwise", "extra", "", "eltwise_param { operation: PROD }", bottoms=(Bottom((1, 2)),) * 2)
    single = SingleLayer(case)
    single.forward([np.array([[0.0, 0]]), np.array([[3.0, 0]])])
    gradients, _ = single.backward([np.ones((1, 2))])
    assert [gradient.tolist() for gradient in gradients] == [[[3, 0]], [[0, 0]]]


@pytest.mark.parametrize(
    ("type_name", "text", "count"),
    [
        ("Concat", "", 2),
        ("Eltwise", "", 2),
        ("Slice", "", 1),
        ("Crop", "crop_param { axis: 1 }", 2),
        ("Tile", "tile_param { tiles: 2 }", 1),
        ("Permute", "permute_param { order: 0 order: 3 }", 1),
        ("ShuffleChannel", "shuffle_channel_param { group: 2 }", 1),
        ("Flatten", "flatten_param { axis: 2 }", 1),
    ],
)
def test_lanes_are_kept_without_a_conversion(type_name: str, text: str, count: int) -> None:
    case = LayerCase(type_name, "extra", "", text, bottoms=(Bottom((3, 4, 2, 2)),) * count)
    single = SingleLayer(case)
    single.forward(case.make_bottoms())
    before = [bottom.values.conversions for bottom in single.bottoms]
    for top in single.tops:
        top.values.write(LANES)
    single.layer.forward(single.bottoms, single.tops)
    single.layer.backward(single.tops, [True] * count, single.bottoms)
    assert [bottom.values.conversions for bottom in single.bottoms] == before
    assert all(top.values.home() is LANES for top in single.tops)
