"""The margin layers' rows of the layer table."""

from __future__ import annotations

from layer_case import Bottom, LayerCase, labels

from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

_MARGINS = ("SINGLE", "DOUBLE", "TRIPLE", "QUADRUPLE")
_ANNEALED = "base: 1000 gamma: 0.12 power: 1 lambda_min: 5 iteration: 900"

_VECTORS: tuple[Shape, Shape] = ((6, 5), (6,))
_IMAGES: tuple[Shape, Shape] = ((3, 2, 2, 3), (3, 1, 1, 1))
_SEQUENCES: tuple[Shape, Shape] = ((2, 3, 4), (2, 3))

_ROWS: list[tuple[str, str, tuple[Shape, Shape], int]] = [
    *((f"{margin.lower()}_alone", f"type: {margin} base: 0", _VECTORS, 1) for margin in _MARGINS),
    *((f"{margin.lower()}_annealed", f"type: {margin} {_ANNEALED}", _VECTORS, 2) for margin in _MARGINS),
    ("images", f"type: QUADRUPLE {_ANNEALED}", _IMAGES, 1),
    ("axis_2", "type: TRIPLE base: 2 gamma: 1 power: 2 axis: 2", _SEQUENCES, 2),
]


def _bottoms(shapes: tuple[Shape, Shape]) -> tuple[Bottom, Bottom]:
    return Bottom(shapes[0]), Bottom(shapes[1], labels(7), differentiable=False)


_ANGULAR: list[tuple[str, str]] = [
    ("cosface", "type: COSFACE margin: 0.35 scale: 8"),
    ("arcface", "type: ARCFACE margin: 0.5 scale: 8"),
    ("arcface_wide", "type: ARCFACE margin: 2 scale: 8"),
    ("sphereface", "type: SPHEREFACE margin: 2.7 scale: 8"),
    ("r_v1", "type: SPHEREFACE_R_V1 margin: 1.4 scale: 8"),
    ("r_v2", "type: SPHEREFACE_R_V2 margin: 1.5 scale: 8"),
    ("sphereface2", "type: SPHEREFACE2 margin: 0.4 scale: 4"),
    *((f"{kind}_free", f"type: {kind.upper()} margin: 1.3 scale: 0") for kind in ("arcface", "sphereface_r_v2")),
    *(
        (f"{kind}_annealed", f"type: {kind.upper()} margin: 1.3 scale: 4 {_ANNEALED}")
        for kind in ("cosface", "sphereface_r_v2")
    ),
]

MARGIN = [
    *(
        LayerCase(
            "AngularMargin",
            variant,
            "oracle_margin:angular_margin",
            f"angular_margin_param {{ num_output: 7 {text} }}",
            bottoms=_bottoms(shapes),
            tops=tops,
            rtol=1e-4,
        )
        for variant, text, shapes, tops in [
            *((variant, text, _VECTORS, 1) for variant, text in _ANGULAR),
            ("images", "type: COSFACE margin: 0.35", _IMAGES, 3),
            ("axis_2", "type: SPHEREFACE2 margin: 0.2 scale: 2 axis: 2", _SEQUENCES, 3),
        ]
    ),
    LayerCase(
        "AngularMargin",
        "detached",
        "oracle_margin:angular_margin",
        "angular_margin_param { num_output: 7 type: SPHEREFACE_R_V1 margin: 1.5 gradient: DETACHED }",
        bottoms=_bottoms(_VECTORS),
        rtol=1e-4,
    ),
    *(
        LayerCase(
            "OneVsAllLoss",
            variant,
            "oracle_margin:one_vs_all_loss",
            text,
            bottoms=_bottoms(shapes),
        )
        for variant, text, shapes in [
            ("default", "", ((6, 7), (6,))),
            ("weighted", "one_vs_all_loss_param { positive_weight: 0.25 } loss_weight: 3", ((4, 7), (4, 1))),
        ]
    ),
    *(
        LayerCase(
            "LargeMarginInnerProduct",
            variant,
            "oracle_margin:large_margin_inner_product",
            f"largemargin_inner_product_param {{ num_output: 7 {text} }}",
            bottoms=_bottoms(shapes),
            tops=tops,
            rtol=1e-4,
        )
        for variant, text, shapes, tops in _ROWS
    ),
    *(
        LayerCase(
            "MarginInnerProduct",
            f"exact_{variant}",
            "oracle_margin:margin_inner_product",
            f"margin_inner_product_param {{ num_output: 7 gradient: EXACT {text} }}",
            bottoms=_bottoms(shapes),
            tops=tops,
            rtol=1e-4,
        )
        for variant, text, shapes, tops in _ROWS
    ),
    *(
        LayerCase(
            "MarginInnerProduct",
            f"reference_{variant}",
            "oracle_margin:margin_inner_product",
            f"margin_inner_product_param {{ num_output: 7 {text} }}",
            bottoms=_bottoms(shapes),
            tops=tops,
            phase=phase,
            rtol=1e-4,
        )
        for variant, text, shapes, tops, phase in [
            ("annealed", f"type: QUADRUPLE {_ANNEALED}", _VECTORS, 2, pb.TRAIN),
            ("images", "type: DOUBLE base: 0", _IMAGES, 1, pb.TRAIN),
            ("axis_2", "type: TRIPLE base: 0 axis: 2", _SEQUENCES, 1, pb.TRAIN),
            ("testing", "type: TRIPLE base: 0", _VECTORS, 1, pb.TEST),
        ]
    ),
]
