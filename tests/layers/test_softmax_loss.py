"""Softmax and SoftmaxWithLoss beyond the table: extremes, labels, normalisers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from layer_table import LOSS, SOFTMAX
from single_layer import SingleLayer

from netcli.errors import ConfigError, RunError
from netcli.layers.loss.normalisation import normalisation_mode, normaliser
from netcli.runtime.blob import LANES, PLAIN
from netcli.schema import caffe_pb2 as pb

PLAIN_LOSS = next(case for case in LOSS if case.variant == "plain")


def loss_case(text: str = "", shape: tuple[int, ...] = (6, 5), labels: tuple[int, ...] = (6,)) -> LayerCase:
    return replace(PLAIN_LOSS, text=text, bottoms=(Bottom(shape), Bottom(labels, differentiable=False)))


def loss_of(case: LayerCase, scores: np.ndarray, labels: list[float]) -> float:
    return float(SingleLayer(case).forward([scores, np.reshape(labels, case.bottoms[1].shape)])[0])


def test_softmax_sums_to_one_whatever_the_scores() -> None:
    scores = np.array([[1e30, -1e30, 0], [-1e30, -1e30, -1e30], [88.0, 89.0, 90.0]])
    case = replace(SOFTMAX[0], bottoms=(Bottom((3, 3)),))
    (y,) = SingleLayer(case).forward([scores])
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
    assert y[0].tolist() == [1, 0, 0]


def test_a_nan_stays_in_its_own_item() -> None:
    scores = np.zeros((6, 5))
    scores[2, 3] = np.nan
    case = replace(SOFTMAX[0], bottoms=(Bottom((6, 5)),))
    (y,) = SingleLayer(case).forward([scores])
    assert np.isnan(y[2]).all()
    assert not np.isnan(np.delete(y, 2, axis=0)).any()


def test_an_underflowed_probability_costs_what_it_costs_in_caffe() -> None:
    scores = np.zeros((6, 5))
    scores[:, 0] = 1e4
    assert loss_of(loss_case(), scores, [1] * 6) == pytest.approx(87.3365, abs=1e-4)


def test_a_nan_score_makes_the_loss_nan() -> None:
    scores = np.zeros((6, 5))
    scores[3, 1] = np.nan
    assert np.isnan(loss_of(loss_case(), scores, [0] * 6))


def test_only_ignored_labels_make_no_loss_and_no_gradient() -> None:
    case = loss_case("loss_param { ignore_label: 255 }")
    single = SingleLayer(case)
    (loss,) = single.forward([np.ones((6, 5)), np.full(6, 255.0)])
    (dx,), _ = single.backward([np.array(1.0)])
    assert loss == 0
    assert not dx.any()


def test_a_nan_in_an_ignored_item_does_no_harm() -> None:
    case = loss_case("loss_param { ignore_label: 255 }")
    single = SingleLayer(case)
    scores = np.zeros((6, 5))
    scores[2] = np.nan
    (loss,) = single.forward([scores, np.array([0, 1, 255, 2, 3, 4.0])])
    (dx,), _ = single.backward([np.array(1.0)])
    assert loss == pytest.approx(np.log(5))
    assert np.isfinite(dx).all()


@pytest.mark.parametrize("place", [PLAIN, LANES])
@pytest.mark.parametrize(
    ("label", "shown", "hint"),
    [
        (5, "5 (item 4 of the batch)", "labels start at 1?"),
        (-1, "-1 (item 4 of the batch)", "ignore_label: -1"),
        (1000, "1000 (item 4 of the batch)", "num_output"),
        (np.nan, "nan (item 4 of the batch)", "num_output"),
        (1e30, "1e+30 (item 4 of the batch)", "num_output"),
    ],
)
def test_a_label_out_of_range_is_named(place: object, label: float, shown: str, hint: str) -> None:
    labels = np.array([0, 1, 2, 3, label, 5])
    with pytest.raises(RunError) as caught:
        SingleLayer(loss_case()).forward([np.zeros((6, 5)), labels], place)
    (finding,) = caught.value.findings
    assert (finding.code, finding.message, finding.expected) == ("NC150", "label out of range", "0 to 4")
    assert finding.actual == shown
    assert hint in (finding.hint or "")


def test_an_ignored_label_may_be_out_of_range_and_others_may_not() -> None:
    case = loss_case("loss_param { ignore_label: -1 }")
    assert loss_of(case, np.zeros((6, 5)), [-1, 0, 1, 2, 3, 4]) == pytest.approx(np.log(5))
    with pytest.raises(RunError, match="NC150"):
        loss_of(case, np.zeros((6, 5)), [-2, 0, 1, 2, 3, 4])


def test_the_second_top_holds_the_probabilities() -> None:
    case = replace(loss_case(), tops=2)
    scores = case.make_bottoms()[0]
    _, probability = SingleLayer(case).forward([scores, np.zeros(6)])
    powers = np.exp(scores)
    np.testing.assert_allclose(probability, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "shape", "labels", "code", "message"),
    [
        ("", (6, 5), (7,), "NC125", "the number of labels must match the number of predictions"),
        ("", (2, 4, 3, 2), (2,), "NC125", "12 labels for predictions"),
        ("softmax_param { axis: 2 }", (6, 5), (6,), "NC123", "expected -2 to 1, actual 2"),
    ],
)
def test_shapes_that_do_not_fit(
    text: str, shape: tuple[int, ...], labels: tuple[int, ...], code: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loss_case(text, shape, labels).inferred_shapes()
    assert caught.value.code == code
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "divisor"),
    [
        ({}, 5),
        ({"normalization": "FULL"}, 12),
        ({"normalization": "VALID"}, 5),
        ({"normalization": "BATCH_SIZE"}, 2),
        ({"normalization": "NONE"}, 1),
        ({"normalize": True}, 5),
        ({"normalize": False}, 2),
        ({"normalize": False, "normalization": "FULL"}, 12),
    ],
)
def test_normalisers(settings: dict[str, object], divisor: float) -> None:
    mode = normalisation_mode(pb.LossParameter(**settings))
    assert normaliser(mode, outer=2, items=12, valid=5) == divisor


def test_a_normaliser_is_at_least_one() -> None:
    assert normaliser(pb.LossParameter.VALID, outer=2, items=12, valid=0) == 1
