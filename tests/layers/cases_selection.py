"""The rows of the layer table for layers that reduce, pick by index and resample."""

from __future__ import annotations

import numpy as np
from layer_case import Bottom, LayerCase, away_from_zero, labels, well_apart

from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

REDUCTION = [
    LayerCase(
        "Reduction",
        variant,
        "oracle_selection:reduction",
        f"reduction_param {{ {text} }}",
        bottoms=(Bottom(shape, away_from_zero),),
    )
    for variant, text, shape in [
        ("sum", "", (2, 3, 4)),
        ("sum_rows", "axis: 1 coeff: 0.5", (2, 3, 2, 2)),
        ("asum", "operation: ASUM axis: -1 coeff: 2", (2, 3, 4)),
        ("sumsq", "operation: SUMSQ coeff: -1", (3, 4)),
        ("mean", "operation: MEAN axis: 1", (2, 3, 4)),
    ]
]

ARGMAX = [
    LayerCase(
        "ArgMax",
        variant,
        "oracle_selection:argmax",
        f"argmax_param {{ {text} }}",
        bottoms=(Bottom(shape, well_apart, differentiable=False),),
        carries_nan="out_max_val" in text,
    )
    for variant, text, shape in [
        ("images", "", (2, 3, 2, 2)),
        ("vectors", "top_k: 2", (3, 5)),
        ("values", "out_max_val: true top_k: 3", (2, 3, 2)),
        ("axis", "axis: 1 top_k: 2", (2, 4, 2, 3)),
        ("axis_values", "axis: 1 out_max_val: true", (2, 4, 3)),
        ("last_axis", "axis: -1 top_k: 2", (2, 3, 4)),
    ]
]


def _some(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Selectors that let everything through: only so the shape does not depend on the data."""
    return rng.choice([-1.0, 0.5, 3.0], shape)


def _in_turn(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """0, 1, 2, 3, 0, 1 ..."""
    return np.arange(shape[0]) % 4.0


INDEXING = [
    *(
        LayerCase(
            "Embed",
            variant,
            "oracle_selection:embed",
            f"embed_param {{ {text} }}",
            bottoms=(Bottom(shape, labels(6), differentiable=False),),
            nan_error="NC151",
        )
        for variant, text, shape in [
            ("bias", "num_output: 3 input_dim: 6", (4, 2)),
            ("no_bias", "num_output: 5 input_dim: 6 bias_term: false", (5,)),
        ]
    ),
    LayerCase(
        "BatchReindex",
        "images",
        "oracle_selection:batch_reindex",
        bottoms=(Bottom((4, 3, 2)), Bottom((6,), _in_turn, differentiable=False)),
        batched=False,
    ),
    LayerCase(
        "Filter",
        "two",
        "oracle_selection:filtered",
        bottoms=(Bottom((4, 3)), Bottom((4, 5, 2, 2)), Bottom((4, 1), _some)),
        tops=2,
        differentiable_tops=(0, 1),
    ),
    *(
        LayerCase(
            "LabelSpecificAdd",
            variant,
            f"oracle_selection:label_specific_add{'_testing' if phase == pb.TEST else ''}",
            f"label_specific_add_param {{ {text} }}",
            bottoms=(Bottom(shape), Bottom((shape[0],), labels(4), differentiable=False)),
            tops=tops,
            phase=phase,
        )
        for variant, text, shape, tops, phase in [
            ("margin", "bias: -0.35", (6, 5), 1, pb.TRAIN),
            ("positive", "bias: 0.5", (6, 4), 2, pb.TRAIN),
            ("images", "bias: -0.35", (5, 2, 2, 1), 1, pb.TRAIN),
            ("testing", "bias: -0.35 transform_test: true", (6, 5), 1, pb.TEST),
        ]
    ),
]

RESAMPLE = [
    *(
        LayerCase("Upsample", f"x{scale}", "oracle_selection:upsample", text, bottoms=(Bottom((2, 2, 2, 3)),))
        for scale, text in [(1, ""), (2, "upsample_param { scale: 2 }"), (3, "upsample_param { scale: 3 }")]
    ),
    *(
        LayerCase(
            "Interp",
            variant,
            "oracle_selection:interp",
            f"interp_param {{ {text} }}",
            bottoms=tuple(Bottom(shape) for shape in shapes),
            carries_nan="pad" not in text,
        )
        for variant, text, *shapes in [
            ("larger", "height: 5 width: 7", (2, 2, 3, 3)),
            ("smaller", "height: 2 width: 3", (2, 2, 4, 5)),
            ("one_pixel", "height: 1 width: 1", (2, 2, 3, 2)),
            ("from_one_pixel", "height: 2 width: 3", (2, 2, 1, 1)),
            ("zoom", "zoom_factor: 2", (2, 2, 3, 2)),
            ("shrink", "shrink_factor: 2", (2, 2, 5, 4)),
            ("shrink_and_zoom", "shrink_factor: 2 zoom_factor: 3", (2, 2, 5, 3)),
            ("cropped", "height: 3 width: 4 pad_beg: -1 pad_end: -1", (2, 2, 4, 5)),
            ("second_bottom", "", (2, 2, 3, 2), (2, 1, 4, 3)),
        ]
    ),
]

PARAMETER = [
    LayerCase(
        "Parameter",
        "plane",
        "oracle_selection:parameter",
        "parameter_param { shape { dim: 2 dim: 3 } }",
        batched=False,
    )
]

SELECTION = [*REDUCTION, *ARGMAX, *INDEXING, *RESAMPLE, *PARAMETER]
