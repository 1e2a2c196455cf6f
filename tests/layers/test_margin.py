"""The margin layers beyond the table: gradients of either kind, the rows' length, annealing, what does not fit."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from layer_case import Bottom, LayerCase, labels
from oracle_margin import annealed, psi
from single_layer import SingleLayer

from netcli.errors import ConfigError
from netcli.layers.margin import annealing as annealing_module
from netcli.layers.margin.annealing import annealing
from netcli.net import Net
from netcli.prototxt import NetSource, SolverSource
from netcli.runtime.blob import LANES, PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.solver import Solver

RECORDED = Path(__file__).parents[1] / "data" / "layers" / "MarginInnerProduct"
EXACT_CASES = sorted(RECORDED.glob("*.exact.npz"))
FIELDS = {
    "MarginInnerProduct": "margin_inner_product_param",
    "LargeMarginInnerProduct": "largemargin_inner_product_param",
}
BOTH = sorted(FIELDS)
SHAPES = ((6, 5), (6,))


def margin_case(
    text: str,
    type_name: str = "MarginInnerProduct",
    shapes: tuple[tuple[int, ...], ...] = SHAPES,
    phase: int = pb.TRAIN,
    num_output: int = 7,
) -> LayerCase:
    """A margin layer over 7 classes."""
    return LayerCase(
        type_name,
        "own",
        "",
        f"{FIELDS[type_name]} {{ num_output: {num_output} {text} }}",
        bottoms=(Bottom(shapes[0]), Bottom(shapes[1], labels(7), differentiable=False)),
        phase=phase,
    )


@pytest.mark.parametrize("case", EXACT_CASES, ids=lambda case: case.name.partition(".")[0])
def test_the_exact_gradient_is_that_of_automatic_differentiation(case: Path) -> None:
    base = case.with_name(case.name.replace(".exact", ""))
    with np.load(base) as stored, np.load(case) as exact:
        recorded, expected = dict(stored), dict(exact)
    text = base.with_suffix(".prototxt").read_text()
    net = Net(NetSource.from_text(text.replace("num_output: 7", "num_output: 7 gradient: EXACT"), "net.prototxt"))
    (weights,) = net.params["layer"]
    weights.data[...] = recorded["param/0"]
    net.blobs["x"].data[...], net.blobs["label"].data[...] = recorded["bottom/x"], recorded["bottom/label"]
    net.forward()
    np.testing.assert_allclose(net.blobs["y"].data, recorded["top/y"], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(weights.data, recorded["param/0"])
    net.blobs["y"].diff[...] = recorded["top_diff/y"]
    net.clear_param_diffs()
    net.backward()
    np.testing.assert_allclose(net.blobs["x"].diff, expected["bottom_diff/x"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(weights.diff, expected["param_diff/0"], rtol=1e-4, atol=1e-5)


def test_there_are_exact_gradients() -> None:
    assert len(EXACT_CASES) == 12


@pytest.mark.parametrize(
    ("phase", "text", "changes"), [(pb.TRAIN, "", True), (pb.TRAIN, "gradient: EXACT", False), (pb.TEST, "", False)]
)
def test_rows_are_rescaled_in_reference_training_only(phase: int, text: str, changes: bool) -> None:
    case = margin_case("type: DOUBLE " + text, phase=phase)
    single = SingleLayer(case)
    before = single.params[0].copy()
    single.forward(case.make_bottoms())
    expected = before / np.linalg.norm(before, axis=1, keepdims=True) if changes else before
    np.testing.assert_allclose(single.params[0], expected, rtol=1e-6)


def test_a_row_of_zeros_stays_and_harms_nobody() -> None:
    for text in ("type: TRIPLE", "type: TRIPLE gradient: EXACT"):
        single = SingleLayer(margin_case(text))
        single.layer.params[0].values.update(PLAIN)[2] = 0
        (y,) = single.forward([np.ones((6, 5)), np.full(6, 2.0)])
        (dx,), (dw,) = single.backward([np.ones((6, 7))])
        assert not y[:, 2].any()
        assert not single.params[0][2].any()
        assert np.isfinite(dx).all()
        assert np.isfinite(dw).all()


@pytest.mark.parametrize("type_name", BOTH)
def test_features_of_zero_length_have_no_angle_and_no_harm(type_name: str) -> None:
    single = SingleLayer(margin_case("type: QUADRUPLE", type_name))
    (y,) = single.forward([np.zeros((6, 5)), np.zeros(6)])
    (dx,), (dw,) = single.backward([np.ones((6, 7))])
    assert not y.any()
    assert np.isfinite(dx).all()
    assert not dw.any()


@pytest.mark.parametrize("type_name", BOTH)
@pytest.mark.parametrize("label", [-1.0, 7.0, np.nan])
def test_an_item_whose_label_is_no_class_has_no_margin(type_name: str, label: float) -> None:
    case = margin_case("type: QUADRUPLE base: 0", type_name)
    plain = margin_case("type: SINGLE base: 0", type_name)
    x = case.make_bottoms()[0]
    with_margin, without = (SingleLayer(c) for c in (case, plain))
    (y,), (expected,) = (single.forward([x, np.full(6, label)]) for single in (with_margin, without))
    np.testing.assert_array_equal(y, expected)
    dy = np.random.default_rng(1).standard_normal((6, 7))
    for mine, theirs in zip(with_margin.backward([dy]), without.backward([dy]), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_psi_falls_from_one_and_never_exceeds_the_cosine(margin: int) -> None:
    angles = np.linspace(0.01, np.pi - 0.01, 50)
    name = pb.MarginInnerProductParameter.MarginType.Name(margin - 1)
    case = margin_case(f"type: {name} base: 0", shapes=((50, 2), (50,)), num_output=1)
    single = SingleLayer(case, np.float64)
    single.layer.params[0].values.update(PLAIN)[...] = [[2.0, 0.0]]
    x = 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    y = single.forward([x, np.zeros(50)])[0][:, 0] / 3
    np.testing.assert_allclose(y, [psi(angle, margin) for angle in angles], atol=1e-9)
    assert (np.diff(y) < 0).all()
    assert (y <= np.cos(angles) + 1e-9).all()


def test_the_reference_gradient_of_features_is_true_without_a_margin() -> None:
    single, exact = (SingleLayer(margin_case(text), np.float64) for text in ("", "gradient: EXACT"))
    bottoms = single.case.make_bottoms()
    dy = np.random.default_rng(1).standard_normal((6, 7))
    gradients = []
    for layer in (single, exact):
        layer.forward(bottoms)
        gradients.append(layer.backward([dy])[0][0])
    np.testing.assert_allclose(*gradients, rtol=1e-9)


def test_the_annealing_example_holds() -> None:
    failed, tried = doctest.testmod(annealing_module)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize("done", [0, 1, 57, 1656, 1657, 10**6])
def test_annealing_falls_to_its_floor(done: int) -> None:
    settings = pb.MarginInnerProductParameter(base=1000, gamma=0.12, power=1, lambda_min=5, iteration=3)
    assert annealing(settings)(done) == pytest.approx(annealed(settings, done))


NET = """
layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 6 dim: 5 } data_filler { value: 1 } } }
layer { name: "l" type: "DummyData" top: "label" dummy_data_param { shape { dim: 6 } data_filler { value: 2 } } }
layer { name: "margin" type: "MarginInnerProduct" bottom: "x" bottom: "label" top: "y" top: "lambda"
        margin_inner_product_param { num_output: 7 base: 1000 gamma: 0.5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "label" top: "loss" }
"""


def test_a_net_without_a_solver_counts_its_passes_as_the_fork_does() -> None:
    net = Net(NetSource.from_text(NET, "net.prototxt"), pb.TRAIN, seed=1)
    for passes in (1, 2, 3):
        net.forward()
        assert net.blobs["lambda"].data[0] == pytest.approx(1000 / (1 + 0.5 * passes))


def solver_source(more: str = "") -> SolverSource:
    """A solver for ``NET`` that tests after every iteration."""
    settings = 'base_lr: 0.01 lr_policy: "fixed" max_iter: 6 test_iter: 2 test_interval: 1 snapshot_after_train: false'
    return SolverSource.from_text(f"{settings} {more} net_param {{ {NET} }}", "solver.prototxt")


@pytest.mark.parametrize("iter_size", [1, 4])
def test_lambda_follows_the_solvers_iteration(iter_size: int) -> None:
    """Neither the passes of an iteration nor those of tests count, and the test net has the lambda of its iteration."""
    solver = Solver(solver_source(f"iter_size: {iter_size}"), seed=1)
    for iteration in (1, 2, 3):
        solver.step(1)
        assert solver.net.blobs["lambda"].data[0] == pytest.approx(1000 / (1 + 0.5 * iteration))
        assert solver.test_all()[0].outputs["lambda"] == pytest.approx(1000 / (1 + 0.5 * (iteration + 1)))
    solver.close()


def test_lambda_goes_on_where_a_snapshot_was(tmp_path: Path) -> None:
    """Also where passes outside of training, as those of ``netcli time``, came between."""
    first = Solver(solver_source(), seed=1, default_prefix=str(tmp_path / "model"))
    first.step(4)
    state = first.snapshot()
    first.close()
    second = Solver(solver_source(), seed=1)
    for _ in range(5):
        second.net.forward()
    second.restore(state)
    second.step(1)
    assert second.net.blobs["lambda"].data[0] == pytest.approx(1000 / (1 + 0.5 * 5))
    second.close()


def test_lambda_of_a_recorded_run() -> None:
    """As the authors' layer has logged it at these iterations: wy1iu/sphereface, issue 30."""
    settings = pb.MarginInnerProductParameter(base=1000, gamma=0.15, power=1)
    logged = [7.34484, 6.61594, 6.01866, 5.52029]
    assert [annealing(settings)(done) for done in (900, 1000, 1100, 1200)] == pytest.approx(logged, abs=5e-6)


def test_the_solver_overrides_lambda_in_all_nets() -> None:
    source = solver_source("lambda_base: 64 lambda_gamma: 1 lambda_power: 2 lambda_min: 3 lambda_iteration: 1")
    solver = Solver(source, seed=1)
    solver.step(1)
    assert solver.net.blobs["lambda"].data[0] == pytest.approx(64 / 9)
    assert solver.test_all()[0].outputs["lambda"] == pytest.approx(64 / 16)
    solver.close()
    assert source.param.net_param.layer[2].margin_inner_product_param.base == 1000, "the solver itself stays as it is"


@pytest.mark.parametrize("type_name", BOTH)
@pytest.mark.parametrize(
    ("text", "num_output", "shapes", "code", "message"),
    [
        ("", 0, SHAPES, "NC120", "num_output is missing"),
        ("gamma: -0.1", 7, SHAPES, "NC121", "gamma is out of range, expected at least 0, actual -0.1"),
        ("lambda_min: -1", 7, SHAPES, "NC121", "lambda_min is out of range"),
        ("axis: 2", 7, SHAPES, "NC123", "expected -2 to 1, actual 2"),
        ("", 7, ((6, 5), (6, 5)), "NC125", "expected 6 labels"),
        ("axis: 2", 7, ((2, 3, 4), (2,)), "NC125", "expected 6 labels"),
    ],
)
def test_settings_that_do_not_fit(
    type_name: str, text: str, num_output: int, shapes: tuple[tuple[int, ...], ...], code: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        margin_case(text, type_name, shapes, num_output=num_output).inferred_shapes()
    assert caught.value.code == code
    assert message in str(caught.value)


def test_the_products_stay_in_lanes() -> None:
    case = margin_case("type: QUADRUPLE")
    single = SingleLayer(case)
    single.forward(case.make_bottoms())
    single.backward([np.ones((6, 7))])
    assert single.tops[0].values.home() is LANES
    assert single.bottoms[0].gradients.home() is LANES


@pytest.mark.parametrize("type_name", BOTH)
@pytest.mark.parametrize("phase", [pb.TRAIN, pb.TEST])
def test_the_third_top_is_the_accuracy_without_the_margin(type_name: str, phase: int) -> None:
    """Many items are right, but not by the margin; an item without a class does not count."""
    text = f"{FIELDS[type_name]} {{ num_output: 7 type: QUADRUPLE base: 0 }}"
    bottoms = (Bottom((40, 2)), Bottom((40,), labels(7), differentiable=False))
    single = SingleLayer(LayerCase(type_name, "own", "", text, bottoms=bottoms, tops=3, phase=phase))
    rows = np.stack([np.cos(np.arange(7)), np.sin(np.arange(7))], axis=1)
    single.layer.params[0].values.update(PLAIN)[...] = rows
    x = single.case.make_bottoms()[0]
    plain = x @ rows.T
    label = np.where(np.arange(40) < 25, plain.argmax(axis=1), (plain.argmax(axis=1) + 1) % 7)
    label[0] = -1
    y, _, accuracy = single.forward([x, label.astype(np.float64)])
    assert accuracy == pytest.approx(24 / 39)
    with_margin = (y.argmax(axis=1) == label).sum() / 39
    assert with_margin < 0.5 * accuracy


@pytest.mark.parametrize("text", ["", "gradient: EXACT"])
@pytest.mark.parametrize("shapes", [SHAPES, ((2, 3, 4), (2, 3))])
def test_backward_leaves_the_tops_gradient_as_it_was(text: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    axis = len(shapes[0]) - 1
    single = SingleLayer(margin_case(f"type: QUADRUPLE base: 3 axis: {axis} {text}", shapes=shapes))
    single.forward(single.case.make_bottoms())
    dy = np.random.default_rng(1).standard_normal((*shapes[0][:axis], 7)).astype(np.float32)
    first = single.backward([dy])[0][0]
    np.testing.assert_array_equal(single.tops[0].gradients.read(PLAIN), dy)
    np.testing.assert_array_equal(single.backward([dy])[0][0], first)
