"""The rows of the layer table for layers that combine and rearrange blobs."""

from __future__ import annotations

from layer_case import Bottom, LayerCase, well_apart

from netcli.runtime.blob import Shape


def _rows(
    type_name: str, oracle: str, field: str, variants: list[tuple[str, str, tuple[Shape, ...]]], tops: int = 1
) -> list[LayerCase]:
    """One row for each (variant, text inside ``field``, shapes of the bottoms)."""
    return [
        LayerCase(
            type_name,
            variant,
            f"oracle_arrangement:{oracle}",
            f"{field} {{ {text} }}" if text else "",
            bottoms=tuple(Bottom(shape) for shape in shapes),
            tops=tops,
            differentiable_tops=tuple(range(tops)),
            batched="axis 0" not in variant,
            carries_nan="offset" not in text,
        )
        for variant, text, shapes in variants
    ]


COMBINE = [
    *_rows(
        "Concat",
        "concat",
        "concat_param",
        [
            ("channels", "", ((2, 3, 2, 2), (2, 1, 2, 2), (2, 2, 2, 2))),
            ("vectors", "concat_dim: 1", ((4, 3), (4, 5))),
            ("one", "", ((2, 3, 2),)),
            ("axis 0", "axis: 0", ((2, 3, 2), (3, 3, 2))),
            ("last axis", "axis: -1", ((2, 3, 2, 2), (2, 3, 2, 3))),
            ("axis 2", "axis: 2", ((2, 2, 1, 3, 2), (2, 2, 3, 3, 2))),
        ],
    ),
    *_rows("Slice", "slices", "slice_param", [("one", "", ((2, 3, 2),))]),
    *_rows(
        "Slice",
        "slices",
        "slice_param",
        [
            ("channels", "", ((2, 4, 2, 2),)),
            ("axis 0", "axis: 0", ((4, 3),)),
            ("old form", "slice_dim: 2", ((2, 2, 4),)),
        ],
        2,
    ),
    *_rows(
        "Slice",
        "slices",
        "slice_param",
        [
            ("points", "slice_point: 1 slice_point: 4", ((2, 6, 3),)),
            ("last axis", "axis: -1 slice_point: 2 slice_point: 3", ((2, 2, 2, 5),)),
        ],
        3,
    ),
    *_rows(
        "Eltwise",
        "eltwise",
        "eltwise_param",
        [
            ("sum", "", ((2, 3, 2, 2),) * 2),
            ("sum of three", "coeff: 1 coeff: -0.5 coeff: 2", ((3, 4),) * 3),
            ("product", "operation: PROD", ((2, 3, 2, 2),) * 2),
            ("product of four", "operation: PROD stable_prod_grad: false", ((3, 4),) * 4),
        ],
    ),
    *(
        LayerCase(
            "Eltwise",
            variant,
            "oracle_arrangement:eltwise",
            "eltwise_param { operation: MAX }",
            bottoms=(Bottom(shape, well_apart),) * count,
        )
        for variant, shape, count in [("maximum", (2, 3, 2, 2), 2), ("maximum of three", (3, 4), 3)]
    ),
    *_rows(
        "Axpy",
        "axpy",
        "",
        [
            ("images", "", ((2, 3), (2, 3, 2, 2), (2, 3, 2, 2))),
            ("four axes", "", ((2, 3, 1, 1), (2, 3, 2, 3), (2, 3, 2, 3))),
            ("vectors", "", ((3, 4), (3, 4), (3, 4))),
        ],
    ),
]

REARRANGE = [
    *_rows(
        "Flatten",
        "flatten",
        "flatten_param",
        [
            ("images", "", ((2, 3, 2, 4),)),
            ("spatial", "axis: 2", ((2, 3, 2, 4),)),
            ("axis 0", "axis: 0 end_axis: 1", ((2, 3, 2),)),
            ("new axis", "axis: -1 end_axis: 1", ((2, 3, 4),)),
        ],
    ),
    *_rows(
        "Reshape",
        "reshape",
        "reshape_param",
        [
            ("zero and rest", "shape { dim: 0 dim: -1 dim: 2 }", ((2, 3, 4),)),
            ("spatial", "shape { dim: 0 dim: 0 dim: -1 }", ((2, 3, 2, 4),)),
            ("axis 0", "shape { dim: -1 }", ((2, 3, 2),)),
            ("some axes", "shape { dim: 3 dim: -1 } axis: 1 num_axes: 1", ((2, 6, 2),)),
            ("new axes", "shape { dim: 1 } axis: -1 num_axes: 0", ((2, 3, 2),)),
        ],
    ),
    *_rows(
        "Permute",
        "permute",
        "permute_param",
        [
            ("channels last", "order: 0 order: 2 order: 3 order: 1", ((2, 3, 2, 4),)),
            ("identity", "", ((2, 3, 2),)),
            ("some", "order: 0 order: 2", ((2, 3, 2, 2),)),
            ("axis 0", "order: 2 order: 0 order: 1", ((2, 3, 4),)),
        ],
    ),
    *_rows(
        "ShuffleChannel",
        "shuffle_channel",
        "shuffle_channel_param",
        [("images", "group: 2", ((2, 6, 2, 2),)), ("vectors", "group: 3", ((3, 6),)), ("default", "", ((2, 4, 2),))],
    ),
    *_rows(
        "Crop",
        "crop",
        "crop_param",
        [
            ("offsets", "offset: 1 offset: 2", ((2, 3, 4, 5), (2, 1, 2, 3))),
            ("one offset", "axis: 1 offset: 1", ((2, 3, 4, 3), (2, 2, 2, 2))),
            ("beginning", "axis: -1", ((2, 3, 4), (2, 1, 3))),
            ("axis 0", "axis: 0 offset: 1 offset: 0", ((3, 4), (2, 3))),
        ],
    ),
    *_rows(
        "Tile",
        "tile",
        "tile_param",
        [
            ("channels", "tiles: 3", ((2, 3, 2, 2),)),
            ("last axis", "axis: -1 tiles: 2", ((2, 3, 2),)),
            ("axis 0", "axis: 0 tiles: 2", ((2, 3),)),
        ],
    ),
]

ARRANGEMENT = [*COMBINE, *REARRANGE]
