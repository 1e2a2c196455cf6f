"""Accuracy beyond the table: ties, NaN, empty classes, errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from layer_table import ACCURACY
from single_layer import SingleLayer

from netcli.errors import ConfigError, RunError


def accuracy_case(text: str = "", shape: tuple[int, ...] = (2, 3), labels: tuple[int, ...] = (2,)) -> LayerCase:
    bottoms = (Bottom(shape, differentiable=False), Bottom(labels, differentiable=False))
    return replace(ACCURACY[0], text=text, bottoms=bottoms)


def accuracy_of(case: LayerCase, scores: list[list[float]], labels: list[float]) -> tuple[float, list[float]]:
    overall, per_class = SingleLayer(case).forward([np.array(scores), np.array(labels, float)])
    return float(overall), per_class.tolist()


def test_ties_count_against_the_label() -> None:
    scores = [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert accuracy_of(accuracy_case(), scores, [0, 2]) == (0.5, [0, 0, 1])
    assert accuracy_of(accuracy_case("accuracy_param { top_k: 2 }"), scores, [0, 2]) == (1.0, [1, 0, 1])


def test_equal_scores_are_never_right() -> None:
    assert accuracy_of(accuracy_case(), [[0.0] * 3] * 2, [0, 1]) == (0.0, [0, 0, 0])


def test_nan_scores_are_never_right() -> None:
    nan = float("nan")
    assert accuracy_of(accuracy_case(), [[nan, nan, nan], [nan, 5, 1]], [0, 1])[0] == 0


def test_a_class_without_samples_has_accuracy_zero() -> None:
    assert accuracy_of(accuracy_case(), [[0, 1, 0], [0, 1, 0]], [1, 1]) == (1.0, [0, 1, 0])


def test_nothing_but_ignored_labels_has_accuracy_zero() -> None:
    case = accuracy_case("accuracy_param { ignore_label: 7 }")
    assert accuracy_of(case, [[0, 1, 0], [0, 1, 0]], [7, 7]) == (0.0, [0, 0, 0])


def test_a_label_out_of_range_is_named() -> None:
    with pytest.raises(RunError, match=r"label out of range, expected 0 to 2, actual 3 \(item 1 of the batch\)"):
        accuracy_of(accuracy_case(), [[0, 1, 0], [0, 1, 0]], [0, 3])


@pytest.mark.parametrize(
    ("text", "labels", "code", "message"),
    [
        ("accuracy_param { top_k: 4 }", (2,), "NC121", "expected 1 to 3 (the number of classes), actual 4"),
        ("accuracy_param { top_k: 0 }", (2,), "NC121", "top_k is out of range"),
        ("accuracy_param { axis: 2 }", (2,), "NC123", "axis out of range"),
        ("", (3,), "NC125", "the number of labels must match the number of predictions"),
    ],
)
def test_settings_that_do_not_fit(text: str, labels: tuple[int, ...], code: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        accuracy_case(text, labels=labels).inferred_shapes()
    assert caught.value.code == code
    assert message in str(caught.value)
