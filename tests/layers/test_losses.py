"""The losses beyond the table: extremes, forms that must agree, files, centres, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from single_layer import SingleLayer

from netcli.data.feed import Feeds
from netcli.errors import ConfigError, RunError
from netcli.net import Net
from netcli.prototxt import NetSource
from netcli.runtime.blob import LANES, PLAIN, Place
from netcli.schema.arrays import array_to_blob

SOFTMAX, SIGMOID = "SoftmaxWithLoss", "SigmoidCrossEntropyLoss"
RNG = np.random.default_rng(3)
SCORES = RNG.standard_normal((6, 5))
CLASSES = np.array([0, 4, 2, 2, 1, 3.0])


def case_of(type_name: str, text: str, *shapes: tuple[int, ...]) -> LayerCase:
    bottoms = tuple(Bottom(shape, differentiable=i == 0) for i, shape in enumerate(shapes))
    return LayerCase(type_name, "own", "", text, bottoms=bottoms)


def run(
    type_name: str, text: str, *bottoms: np.ndarray, weight: float = 1.0, place: Place = LANES
) -> tuple[float, np.ndarray]:
    """The loss and the gradient of the first bottom."""
    single = SingleLayer(case_of(type_name, text, *(array.shape for array in bottoms)))
    (loss,) = single.forward(bottoms, place)
    (dx,), _ = single.backward([np.array(weight)], place)
    return float(loss), dx


@pytest.mark.parametrize("place", [PLAIN, LANES])
@pytest.mark.parametrize("text", ["", "loss_param { label_smoothing: 0.1 }"])
def test_one_hot_targets_and_labels_agree(text: str, place: Place) -> None:
    by_label = run(SOFTMAX, text, SCORES, CLASSES, place=place)
    by_target = run(SOFTMAX, text, SCORES, np.eye(5)[CLASSES.astype(int)], place=place)
    assert by_label[0] == pytest.approx(by_target[0], rel=1e-6)
    np.testing.assert_allclose(by_label[1], by_target[1], atol=1e-7)


def test_infogain_with_the_unit_matrix_is_softmax_with_loss() -> None:
    loss, dx = run("InfogainLoss", "", SCORES, CLASSES, np.eye(5))
    expected, gradient = run(SOFTMAX, "", SCORES, CLASSES)
    assert loss == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(dx, gradient, atol=1e-7)


def test_extreme_scores_cost_what_they_should() -> None:
    scores = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]])
    loss, dx = run(SOFTMAX, "loss_param { normalization: NONE }", scores, np.array([[0, 1.0, 0], [0.5, 0.5, 0]]))
    assert loss == pytest.approx(2e4 + 0.5 * 2e4 + np.log(2), rel=1e-6)
    np.testing.assert_allclose(dx, [[1, -1, 0], [-0.5, 0, 0.5]], atol=1e-6)
    smoothed, _ = run(SOFTMAX, "loss_param { normalization: NONE label_smoothing: 0.3 }", scores[:1], np.array([1.0]))
    assert smoothed == pytest.approx(0.7 * 2e4 + 0.1 * (0 + 2e4 + 1e4), rel=1e-6)
    labelled, dx = run(SOFTMAX, "", scores, np.array([1.0, 0.0]))
    assert labelled == pytest.approx(87.3365, abs=1e-4)
    assert np.isfinite(dx).all()


def test_extreme_scores_of_a_sigmoid_cost_what_they_should() -> None:
    scores = np.array([[1e4, -1e4, 1e4, -1e4]])
    loss, dx = run(SIGMOID, "", scores, np.array([[1.0, 0.0, 0.0, 0.75]]))
    assert loss == pytest.approx(1e4 + 0.75e4, rel=1e-6)
    np.testing.assert_allclose(dx, [[0, 0, 1, -0.75]], atol=1e-6)


def test_the_infogain_loss_of_an_impossible_class_is_caffes() -> None:
    loss, _ = run("InfogainLoss", "", np.array([[0.0, 1e4]]), np.array([0.0]), np.eye(2))
    assert loss == pytest.approx(-np.log(1e-20), rel=1e-6)


def test_weights_of_elements_leave_the_normaliser_alone() -> None:
    targets, weights = np.ones((6, 5)), np.full((6, 5), 2.0)
    loss, dx = run(SIGMOID, "", SCORES, targets)
    weighted, gradient = run(SIGMOID, "", SCORES, targets, weights)
    assert weighted == pytest.approx(2 * loss, rel=1e-6)
    np.testing.assert_allclose(gradient, 2 * dx, rtol=1e-6)


def test_a_target_is_cut_off_before_it_is_ignored_as_in_caffe() -> None:
    loss, dx = run(
        SIGMOID, "loss_param { ignore_label: 0 normalization: VALID }", np.zeros((1, 3)), np.array([[0.9, 1, 0]])
    )
    assert loss == pytest.approx(np.log(2))
    np.testing.assert_allclose(dx, [[0, -0.5, 0]])


def test_pairs_at_one_place_have_a_finite_gradient() -> None:
    loss, dx = run("ContrastiveLoss", "", np.ones((2, 3)), np.ones((2, 3)), np.zeros(2))
    assert loss == pytest.approx(0.5)
    assert not dx.any()


def test_both_bottoms_of_a_euclidean_loss_may_get_a_gradient() -> None:
    single = SingleLayer(LayerCase("EuclideanLoss", "both", "", bottoms=(Bottom((2, 3)), Bottom((2, 3)))))
    single.forward([np.full((2, 3), 3.0), np.ones((2, 3))])
    (da, db), _ = single.backward([np.array(0.5)])
    np.testing.assert_array_equal(da, np.full((2, 3), 0.5))
    np.testing.assert_array_equal(db, -da)


def test_the_center_loss_moves_features_by_the_gradient_and_centres_by_the_papers_rule() -> None:
    labels = np.array([1, 0, 1, 1, 0, 3.0])
    case = case_of("CenterLoss", "center_loss_param { num_output: 4 }", (6, 5), (6,))
    single = SingleLayer(case, np.float64)
    single.forward([SCORES, labels])
    (dx,), (dc,) = single.backward([np.array(0.25)])
    centers = single.params[0]
    np.testing.assert_allclose(dx, 0.25 / 6 * (SCORES - centers[labels.astype(int)]))
    for j in range(4):
        mine = SCORES[labels == j]
        np.testing.assert_allclose(dc[j], (len(mine) * centers[j] - mine.sum(axis=0)) / (1 + len(mine)), atol=1e-12)


INFOGAIN_NET = """
layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ dim: 6 dim: 5 }} }} }}
layer {{ name: "label" type: "Input" top: "label" input_param {{ shape {{ dim: 6 }} }} }}
layer {{ name: "loss" type: "InfogainLoss" bottom: "x" bottom: "label" infogain_loss_param {{ source: "{}" }} }}
"""


def infogain_net(folder: Path, matrix: np.ndarray, name: str = "H.binaryproto") -> Net:
    (folder / "H.binaryproto").write_bytes(array_to_blob(matrix).SerializeToString())
    anchor = str(folder / "net.prototxt")
    net = Net(NetSource.from_text(INFOGAIN_NET.format(name), anchor), feeds=Feeds(anchor))
    net.blobs["x"].data[...] = SCORES
    net.blobs["label"].data[...] = CLASSES
    return net


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_infogain_matrix_may_come_from_a_file(tmp_path: Path, dtype: type) -> None:
    matrix = RNG.uniform(0, 1, (1, 1, 5, 5)).astype(dtype)
    expected, _ = run("InfogainLoss", "", SCORES, CLASSES, matrix)
    net = infogain_net(tmp_path, matrix)
    assert net.forward() == pytest.approx(expected, rel=1e-6)
    (tmp_path / "H.binaryproto").unlink()
    assert net.forward() == pytest.approx(expected, rel=1e-6), "the file is read once"


def test_files_that_hold_no_infogain_matrix(tmp_path: Path) -> None:
    for name, matrix, code, message in (
        ("H.binaryproto", np.eye(4, dtype=np.float32), "NC133", "expected 5 x 5 values for 5 classes, actual 16"),
        ("absent.binaryproto", np.eye(5, dtype=np.float32), "NC001", "'absent.binaryproto' does not exist"),
    ):
        with pytest.raises((RunError, ConfigError)) as caught:
            infogain_net(tmp_path, matrix, name).forward()
        assert caught.value.code == code
        assert message in str(caught.value)
        assert "layer 'loss' (InfogainLoss)" in str(caught.value)


@pytest.mark.parametrize(
    ("type_name", "text", "bottoms", "expected"),
    [
        ("InfogainLoss", "", (SCORES, np.full(6, 5.0), np.eye(5)), "0 to 4"),
        ("HingeLoss", "", (SCORES, np.full(6, -1.0)), "0 to 4"),
        ("MultinomialLogisticLoss", "", (np.abs(SCORES), np.full(6, np.nan)), "0 to 4"),
        ("CenterLoss", "center_loss_param { num_output: 3 }", (SCORES, np.full(6, 3.0)), "0 to 2"),
    ],
)
def test_a_label_out_of_range_is_named(
    type_name: str, text: str, bottoms: tuple[np.ndarray, ...], expected: str
) -> None:
    with pytest.raises(RunError, match="label out of range") as caught:
        run(type_name, text, *bottoms)
    assert caught.value.code == "NC150"
    assert f"expected {expected}" in str(caught.value)


@pytest.mark.parametrize(
    ("type_name", "text", "shapes", "code", "message"),
    [
        (SOFTMAX, "loss_param { label_smoothing: 1 }", ((6, 5), (6,)), "NC121", "expected at least 0 and below 1"),
        (SOFTMAX, "loss_param { ignore_label: 1 }", ((6, 5), (6, 5)), "NC126", "targets have no label"),
        (SOFTMAX, "", ((6, 5), (30,)), "NC125", "6 labels for predictions (6, 5) along axis 1, actual 30"),
        ("InfogainLoss", "", ((6, 5), (6,)), "NC120", "expected a third bottom, or a file as source"),
        ("InfogainLoss", "", ((6, 5), (6,), (4, 4)), "NC124", "5 x 5 values for 5 classes, actual 16 in (4, 4)"),
        ("InfogainLoss", "infogain_loss_param { axis: 2 }", ((6, 5), (6,), (5, 5)), "NC123", "axis out of range"),
        ("InfogainLoss", "loss_param { label_smoothing: 0.1 }", ((6, 5), (6,), (5, 5)), "NC126", "SoftmaxWithLoss"),
        (SIGMOID, "", ((6, 5), (6,)), "NC124", "as many targets as scores, expected 30 as in (6, 5), actual 6"),
        (SIGMOID, "", ((6, 5), (6, 5), (6,)), "NC124", "there must be as many weights as scores"),
        (SIGMOID, "", ((), ()), "NC122", "a batch is needed"),
        (SIGMOID, "loss_param { label_smoothing: 0.1 }", ((6, 5), (6, 5)), "NC126", "does not smooth its labels"),
        ("HingeLoss", "", ((6, 5), (5,)), "NC125", "expected 6 labels"),
        ("HingeLoss", "", ((), ()), "NC122", "a batch is needed"),
        ("MultinomialLogisticLoss", "", ((6, 5), (6, 5)), "NC125", "actual 30 in (6, 5)"),
        ("EuclideanLoss", "", ((6, 5), (6, 4)), "NC124", "as many values as (6, 5), actual (6, 4)"),
        ("EuclideanLoss", "", ((6, 5), (5, 6)), "NC124", "the bottoms must have one shape"),
        ("EuclideanLoss", "", ((6,), ()), "NC122", "a batch is needed"),
        ("ContrastiveLoss", "", ((6, 5, 2), (6, 5, 2), (6,)), "NC122", "not a batch of vectors"),
        ("ContrastiveLoss", "", ((6, 5), (6, 4), (6,)), "NC124", "expected (6, 5), actual (6, 4)"),
        ("ContrastiveLoss", "", ((6, 5), (6, 5), (5,)), "NC125", "one label for each pair"),
        ("CenterLoss", "", ((6, 5), (6,)), "NC120", "num_output is missing"),
        ("CenterLoss", "center_loss_param { num_output: 3 axis: 2 }", ((6, 5), (6,)), "NC123", "axis out of range"),
        ("CenterLoss", "center_loss_param { num_output: 3 }", ((6, 5), (5,)), "NC125", "expected 6 labels"),
    ],
)
def test_settings_and_shapes_that_do_not_fit(
    type_name: str, text: str, shapes: tuple[tuple[int, ...], ...], code: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        case_of(type_name, text, *shapes).inferred_shapes()
    assert caught.value.code == code
    assert message in str(caught.value)
