"""RNN, LSTM and LSTMUnit beyond the table: the state between batches, what gets no gradient, illegal settings."""

from __future__ import annotations

import numpy as np
import oracle_recurrent
import pytest
from cases_recurrent import RECURRENT
from layer_case import LayerCase
from one_layer_net import finding_of, net_of
from single_layer import SingleLayer

from netcli.runtime.blob import PLAIN, Shape

TYPES = pytest.mark.parametrize("type_name", ["RNN", "LSTM"])
X, CONT = (4, 2, 3), (4, 2)


def case_of(type_name: str, variant: str) -> LayerCase:
    return next(case for case in RECURRENT if (case.type, case.variant) == (type_name, variant))


@TYPES
def test_a_batch_goes_on_where_the_one_before_has_ended(type_name: str) -> None:
    case = case_of(type_name, "plain")
    single = SingleLayer(case, np.float64)
    x = np.random.default_rng(1).standard_normal((8, 2, 3))
    cont = np.ones((8, 2))
    cont[4, 1] = 0
    whole = getattr(oracle_recurrent, type_name.lower())(case.param(), [x, cont], single.params)[0]
    first = single.forward([x[:4], cont[:4]])[0]
    second = single.forward([x[4:], cont[4:]])[0]
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-10)


@TYPES
def test_another_number_of_streams_starts_from_zero(type_name: str) -> None:
    net = net_of(f'type: "{type_name}" recurrent_param {{ num_output: 3 weight_filler {{ value: 1 }} }}', X, CONT)
    for blob in ("b0", "b1"):
        net.blobs[blob].data[...] = 1
    net.forward()
    first = net.blobs["t0"].data.copy()
    net.forward()
    assert (net.blobs["t0"].data[0] != first[0]).all()
    net.blobs["b0"].reshape((4, 5, 3))
    net.blobs["b1"].reshape((4, 5))
    for blob in ("b0", "b1"):
        net.blobs[blob].data[...] = 1
    net.forward()
    np.testing.assert_allclose(net.blobs["t0"].data, np.repeat(first[:, :1], 5, axis=1), rtol=1e-6)


@TYPES
def test_exposed_states_get_no_gradient_as_in_caffe(type_name: str) -> None:
    case = case_of(type_name, "exposed")
    single = SingleLayer(case)
    single.forward(case.make_bottoms())
    for blob in single.bottoms:
        blob.gradients.write(PLAIN).fill(np.nan)
    single.tops[0].gradients.write(PLAIN).fill(0)
    for top in single.tops[1:]:
        top.gradients.write(PLAIN).fill(1)
    single.layer.backward(single.tops, [True, False, *[True] * (len(single.bottoms) - 2)], single.bottoms)
    for blob in single.bottoms[:1] + single.bottoms[2:]:
        assert not blob.gradients.read(PLAIN).any()


@TYPES
def test_a_batch_in_two_halves_with_exposed_states_is_the_whole(type_name: str) -> None:
    case = case_of(type_name, "exposed")
    single = SingleLayer(case, np.float64)
    states = len(single.tops) - 1
    x = np.random.default_rng(2).standard_normal((8, 2, 3))
    cont = np.ones((8, 2))
    zero = [np.zeros((1, 2, 3))] * states
    whole = getattr(oracle_recurrent, type_name.lower())(case.param(), [x, cont, *zero], single.params)
    first = single.forward([x[:4], cont[:4], *zero])
    second = single.forward([x[4:], cont[4:], *first[1:]])
    np.testing.assert_allclose(np.concatenate([first[0], second[0]]), whole[0], rtol=1e-10)
    for got, expected in zip(second[1:], whole[1:], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_infinite_weights_give_no_warnings() -> None:
    single = SingleLayer(case_of("LSTM", "plain"))
    for param in single.layer.params:
        param.values.write(PLAIN).fill(np.inf)
    bottoms = single.case.make_bottoms()
    bottoms[0][0, 0] = 0
    (y,) = single.forward(bottoms)
    single.backward([np.ones(y.shape)])
    assert np.isnan(y).any()


@pytest.mark.parametrize(
    ("layer", "bottoms", "shapes"),
    [
        ('type: "LSTM" recurrent_param { num_output: 5 }', [X, CONT], [(20, 3), (20,), (20, 5)]),
        (
            'type: "LSTM" recurrent_param { num_output: 5 }',
            [(4, 2, 3, 2), CONT, (2, 7)],
            [(20, 6), (20,), (20, 7), (20, 5)],
        ),
        ('type: "RNN" recurrent_param { num_output: 5 }', [X, CONT], [(5, 3), (5,), (5, 5), (5, 5), (5,)]),
        (
            'type: "RNN" recurrent_param { num_output: 5 }',
            [X, CONT, (2, 7, 1)],
            [(5, 3), (5,), (5, 7), (5, 5), (5, 5), (5,)],
        ),
    ],
)
def test_parameter_shapes_in_caffes_order(layer: str, bottoms: list[Shape], shapes: list[Shape]) -> None:
    assert [blob.shape for blob in net_of(layer, *bottoms).params["layer"]] == shapes


def test_macs_count_each_matrix_once_a_step_and_stream() -> None:
    layer = net_of('type: "LSTM" recurrent_param { num_output: 5 }', X, CONT, (2, 7)).layer("layer")
    assert layer.macs([X, CONT, (2, 7)], [(4, 2, 5)]) == 4 * 2 * (20 * 3 + 20 * 5) + 2 * 20 * 7


@pytest.mark.parametrize("filler", ["weight_filler", "bias_filler"])
@TYPES
def test_an_unknown_filler_is_named_where_it_stands(type_name: str, filler: str) -> None:
    layer = f'type: "{type_name}" recurrent_param {{ num_output: 2\n{filler} {{ type: "gausian" }} }}'
    finding, text = finding_of(layer, X, CONT)
    assert (finding.code, finding.suggestion) == ("NC127", "gaussian")
    assert text.startswith(filler)


@TYPES
@pytest.mark.parametrize(
    ("settings", "bottoms", "code", "at", "actual"),
    [
        ("recurrent_param { }", [X, CONT], "NC120", "recurrent_param", None),
        ("recurrent_param { num_output: 3 }", [(4, 2), CONT], "NC122", 'bottom: "b0"', "(4, 2)"),
        ("recurrent_param { num_output: 3 }", [X, (2, 4)], "NC124", 'bottom: "b1"', "(2, 4)"),
        ("recurrent_param { num_output: 3 }", [X, CONT, (3, 2)], "NC124", 'bottom: "b2"', "(3, 2)"),
        ("recurrent_param { num_output: 3 }", [X, CONT, (2,)], "NC124", 'bottom: "b2"', "(2,)"),
        ("recurrent_param { num_output: 3 }", [X, CONT, (2, 2), (1, 2, 3)], "NC102", 'bottom: "b3"', "4"),
        ("recurrent_param { num_output: 3 expose_hidden: true }", [X, CONT], "NC102", 'bottom: "b1"', "2"),
    ],
)
def test_illegal_settings(
    type_name: str, settings: str, bottoms: list[Shape], code: str, at: str, actual: str | None
) -> None:
    finding, text = finding_of(f'type: "{type_name}"\n{settings}', *bottoms)
    assert (finding.code, finding.actual) == (code, actual)
    assert finding.expected
    assert text.startswith(at)


def test_a_state_of_the_wrong_shape() -> None:
    layer = 'type: "RNN" top: "y" top: "h" recurrent_param { num_output: 3 expose_hidden: true }'
    finding, text = finding_of(layer, X, CONT, (1, 2, 4))
    assert (finding.code, finding.expected) == ("NC124", "(1, 2, 3), (1, streams, num_output)")
    assert text.startswith('bottom: "b2"')


def test_exposed_states_need_their_tops() -> None:
    layer = 'type: "LSTM" top: "y" top: "h" recurrent_param { num_output: 3 expose_hidden: true }'
    finding, _ = finding_of(layer, X, CONT, (1, 2, 3), (1, 2, 3))
    assert (finding.code, finding.expected, finding.actual) == ("NC103", "3 (y, h_T, c_T)", "2")


@pytest.mark.parametrize(
    ("bottoms", "code", "position"),
    [
        ([(2, 3, 2), (1, 3, 8), (1, 3)], "NC122", 0),
        ([(1, 3, 2), (1, 3, 6), (1, 3)], "NC124", 1),
        ([(1, 3, 2), (1, 3, 8), (3,)], "NC124", 2),
    ],
)
def test_illegal_shapes_of_an_lstm_unit(bottoms: list[Shape], code: str, position: int) -> None:
    finding, text = finding_of('type: "LSTMUnit" top: "c" top: "h"', *bottoms)
    assert finding.code == code
    assert text.startswith(f'bottom: "b{position}"')
