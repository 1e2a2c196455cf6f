"""Messages written as prototxt read back equal, with floats as short as can be."""

from __future__ import annotations

import math

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from netcli.prototxt import parse_text, to_text
from netcli.schema import caffe_pb2 as pb


def written(value: float) -> str:
    return to_text(pb.SolverParameter(base_lr=value)).removeprefix("base_lr: ").rstrip()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((1, "1"), (0, "0"), (-2, "-2"), (0.1, "0.1"), (0.01, "0.01"), (1e-8, "1e-08"), (0.00390625, "0.00390625")),
        *((100000, "100000"), (1e6, "1e+06"), (1 / 3, "0.33333334"), (16777216, "16777216")),
        *((math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan"), (3.4028234663852886e38, "3.4028235e+38")),
    ],
)
def test_floats_are_short(value: float, text: str) -> None:
    assert written(value) == text


@given(st.floats(width=32, allow_nan=False))
@settings(max_examples=300)
def test_floats_read_back_equal(value: float) -> None:
    message = pb.SolverParameter(base_lr=value)
    assert parse_text(to_text(message), pb.SolverParameter)[0] == message


@given(st.floats(allow_nan=False))
@settings(max_examples=300)
def test_doubles_read_back_equal(value: float) -> None:
    message = pb.BlobProto(double_data=[value])
    assert parse_text(to_text(message), pb.BlobProto)[0] == message


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.binary(max_size=20))
@settings(max_examples=300)
def test_text_and_bytes_read_back_equal(text: str, data: bytes) -> None:
    net = pb.NetParameter(name=text)
    datum = pb.Datum(data=data)
    assert parse_text(to_text(net), pb.NetParameter)[0] == net
    assert parse_text(to_text(datum), pb.Datum)[0] == datum
    assert text_format.Parse(to_text(net), pb.NetParameter()) == net


def test_layout() -> None:
    message = pb.NetParameter(name='a "b"\\\n', force_backward=True)
    layer = message.layer.add(name="p", top=["x", "y"], phase=pb.TEST)
    layer.pooling_param.pool = pb.PoolingParameter.AVE
    layer.input_param.SetInParent()
    assert to_text(message) == (
        'name: "a \\"b\\"\\\\\\n"\n'
        "force_backward: true\n"
        "layer {\n"
        '  name: "p"\n'
        '  top: "x"\n'
        '  top: "y"\n'
        "  phase: TEST\n"
        "  input_param {\n"
        "  }\n"
        "  pooling_param {\n"
        "    pool: AVE\n"
        "  }\n"
        "}\n"
    )


def test_an_empty_message() -> None:
    assert to_text(pb.NetParameter()) == ""
