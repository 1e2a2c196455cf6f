"""The losses' rows of the layer table, SoftmaxWithLoss with labels apart."""

from __future__ import annotations

import numpy as np
from layer_case import Bottom, LayerCase, Maker, labels, normal

from netcli.runtime.blob import Shape


def _probabilities(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Positive numbers that sum to 1 along axis 1."""
    values = rng.uniform(0.2, 1.0, shape)
    return values / values.sum(axis=1, keepdims=True)


def _some_empty(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Probabilities, of which the last item has none."""
    values = _probabilities(rng, shape)
    values[-1] = 0
    return values


def _between_zero_and_one(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return rng.uniform(0, 1, shape)


def _bits_and_255(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """0, 1 and, now and then, 255."""
    return rng.choice([0.0, 1.0, 255.0], shape, p=[0.4, 0.4, 0.2])


def _off_the_hinges(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Scores at least 0.05 from 1 and -1."""
    values = rng.uniform(-3, 3, shape)
    values[np.abs(np.abs(values) - 1) < 0.05] = 0.5
    return values


def _constant(shape: Shape, make: Maker) -> Bottom:
    return Bottom(shape, make, differentiable=False)


_SMOOTHED = "loss_param { label_smoothing: 0.2 }"

SOFTMAX_TARGETS = [
    LayerCase(
        "SoftmaxWithLoss",
        f"targets_{variant}",
        "oracle_softmax:softmax_with_targets",
        text,
        bottoms=(Bottom(shape), _constant(target_shape, make)),
    )
    for variant, text, shape, target_shape, make in [
        ("vectors", "", (6, 5), (6, 5), _probabilities),
        ("any_sum", "", (6, 5), (6, 5), normal),
        ("trailing_ones", "", (6, 5), (6, 5, 1, 1), _probabilities),
        ("spatial", "", (2, 4, 3, 2), (2, 4, 3, 2), _some_empty),
        ("last_axis", "softmax_param { axis: -1 }", (2, 3, 4), (2, 3, 4), _between_zero_and_one),
        ("full", "loss_param { normalization: FULL }", (6, 5), (6, 5), _some_empty),
        ("batch_size", "loss_param { normalization: BATCH_SIZE }", (2, 4, 3, 2), (2, 4, 3, 2), _probabilities),
        ("none", "loss_param { normalization: NONE }", (6, 5), (6, 5), _probabilities),
        ("smoothed", _SMOOTHED, (6, 5), (6, 5), _some_empty),
        ("smoothed_spatial", _SMOOTHED, (2, 4, 3, 2), (2, 4, 3, 2), _between_zero_and_one),
    ]
] + [
    LayerCase(
        "SoftmaxWithLoss",
        f"smoothed_{variant}",
        "oracle_softmax:softmax_with_loss_smoothed",
        text,
        bottoms=(Bottom(shape), _constant(label_shape, labels(4))),
    )
    for variant, text, shape, label_shape in [
        ("labels", _SMOOTHED, (6, 5), (6,)),
        ("spatial_labels", "loss_param { label_smoothing: 0.1 ignore_label: 1 }", (2, 4, 3, 2), (2, 1, 3, 2)),
    ]
]

INFOGAIN = [
    LayerCase(
        "InfogainLoss",
        variant,
        "oracle_losses:infogain_loss",
        text,
        bottoms=(
            Bottom(shape),
            _constant(label_shape, labels(classes)),
            _constant((1, 1, classes, classes), _between_zero_and_one),
        ),
        tops=tops,
        batched=False,
    )
    for variant, text, shape, label_shape, classes, tops in [
        ("vectors", "", (6, 5), (6,), 5, 1),
        ("ignore", "loss_param { ignore_label: 1 }", (6, 5), (6,), 5, 1),
        ("full", "loss_param { ignore_label: 1 normalization: FULL }", (6, 5), (6,), 5, 1),
        ("batch_size", "loss_param { normalization: BATCH_SIZE }", (2, 4, 3, 2), (2, 1, 3, 2), 4, 1),
        ("probabilities", "", (2, 4, 3, 2), (2, 3, 2), 4, 2),
        ("last_axis", "infogain_loss_param { axis: -1 }", (2, 3, 4), (2, 3), 4, 1),
    ]
]

_SCORES, _LABELS = Bottom((6, 5)), _constant((6,), labels(5))

SIGMOID_CROSS_ENTROPY = [
    LayerCase("SigmoidCrossEntropyLoss", variant, "oracle_losses:sigmoid_cross_entropy_loss", text, bottoms=bottoms)
    for variant, text, bottoms in [
        ("soft_targets", "", (_SCORES, _constant((6, 5), _between_zero_and_one))),
        ("ignore", "loss_param { ignore_label: 255 }", (_SCORES, _constant((6, 5), _bits_and_255))),
        (
            "valid",
            "loss_param { ignore_label: 255 normalization: VALID }",
            (Bottom((2, 3, 4, 2)), _constant((2, 3, 4, 2), _bits_and_255)),
        ),
        (
            "full",
            "loss_param { normalization: FULL }",
            (Bottom((2, 3, 4, 2)), _constant((2, 3, 4, 2), _between_zero_and_one)),
        ),
        ("none", "loss_param { normalization: NONE }", (_SCORES, _constant((6, 5), _between_zero_and_one))),
        ("normalize", "loss_param { normalize: true }", (_SCORES, _constant((6, 5), _between_zero_and_one))),
        ("one_axis", "", (Bottom((6,)), _constant((6, 1), _between_zero_and_one))),
        (
            "weights",
            "loss_param { ignore_label: 255 normalization: VALID }",
            (_SCORES, _constant((6, 5), _bits_and_255), _constant((6, 5), normal)),
        ),
    ]
]

ROWS_AND_LABELS = [
    LayerCase(
        "MultinomialLogisticLoss",
        "vectors",
        "oracle_losses:multinomial_logistic_loss",
        bottoms=(Bottom((6, 5), _probabilities), _LABELS),
        carries_nan=False,
    ),
    LayerCase(
        "MultinomialLogisticLoss",
        "images",
        "oracle_losses:multinomial_logistic_loss",
        bottoms=(Bottom((3, 2, 2, 1), _probabilities), _constant((3, 1, 1, 1), labels(4))),
        carries_nan=False,
    ),
    *(
        LayerCase(
            "HingeLoss",
            f"{norm.lower()}_{variant}",
            "oracle_losses:hinge_loss",
            f"hinge_loss_param {{ norm: {norm} }}",
            bottoms=(Bottom(shape, _off_the_hinges), _constant((shape[0],), labels(4))),
        )
        for norm in ("L1", "L2")
        for variant, shape in [("vectors", (6, 5)), ("images", (3, 2, 2, 1))]
    ),
]

DISTANCES = [
    LayerCase("EuclideanLoss", "vectors", "oracle_losses:euclidean_loss", bottoms=(_SCORES, _SCORES)),
    LayerCase(
        "EuclideanLoss", "images", "oracle_losses:euclidean_loss", bottoms=(Bottom((2, 3, 2, 2)), Bottom((2, 12)))
    ),
    *(
        LayerCase(
            "ContrastiveLoss",
            variant,
            "oracle_losses:contrastive_loss",
            f"contrastive_loss_param {{ {text} }}",
            bottoms=(Bottom(shape), Bottom(shape), _constant((shape[0],), labels(2))),
        )
        for variant, text, shape in [
            ("vectors", "margin: 3", (6, 5)),
            ("images", "margin: 2", (6, 2, 1, 1)),
            ("legacy", "margin: 8 legacy_version: true", (6, 3)),
            ("beyond_the_margin", "", (6, 9)),
        ]
    ),
    *(
        LayerCase(
            "CenterLoss",
            variant,
            "oracle_losses:center_loss",
            f"center_loss_param {{ {text} }}",
            bottoms=(Bottom(shape), _constant(label_shape, labels(4))),
        )
        for variant, text, shape, label_shape in [
            ("vectors", "num_output: 4", (6, 5), (6,)),
            ("images", "num_output: 7", (6, 2, 2, 1), (6, 1)),
            ("axis_2", "num_output: 4 axis: 2", (2, 3, 4), (2, 3)),
        ]
    ),
]

LOSSES = [*SOFTMAX_TARGETS, *INFOGAIN, *SIGMOID_CROSS_ENTROPY, *ROWS_AND_LABELS, *DISTANCES]
