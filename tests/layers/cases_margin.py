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


MARGIN = [
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
