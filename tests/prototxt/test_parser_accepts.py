"""What the parser accepts, and what it makes of it, is what protobuf's own text format does."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcli.prototxt import parse_text, to_text
from netcli.schema import caffe_pb2 as pb

CONV = "layer { convolution_param { %s } }"


def parsed(text: str) -> pb.NetParameter:
    message, _, findings = parse_text(text, pb.NetParameter)
    assert findings == []
    return message


def assert_agrees(text: str) -> None:
    """Ours has no findings and the same message where protobuf accepts the text, and findings where it does not."""
    ours, _, findings = parse_text(text, pb.NetParameter)
    try:
        theirs = text_format.Parse(text, pb.NetParameter())
    except text_format.ParseError:
        assert findings, text
        return
    assert findings == [], text
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True), text


@pytest.mark.parametrize(
    "text",
    [
        'name: "a"',
        "name: 'a'",
        'name: "a" "b"\n\'c\'',
        'name:"a",input:"b";input:"c"',
        "state { level: 1 }",
        "state: { level: 1 }",
        "state < level: 1 >",
        "state: < level: 1 >",
        'state { stage: ["a", "b"] stage: [] stage: "c" }',
        "input_shape: [{ dim: 1 }, < dim: [2, 3] >]",
        "input_shape [{ dim: 1 }]",
        "input_shape: []",
        '# a comment { "\nname: "x" # another }\n#last',
        'name: "#no comment"',
        'name: "a"\r\nforce_backward: true\r\n',
        "  \t\n\f\v ",
        "",
        "state{level:1}state_:1",
        "layer{name:'a'top:'b'}",
    ],
)
def test_grammar(text: str) -> None:
    assert_agrees(text)


@pytest.mark.parametrize("value", ["0", "7", "-7", "0x1F", "0X1f", "017", "-0x10", "2147483647", "-2147483648"])
def test_whole_numbers(value: str) -> None:
    assert_agrees(f"input_dim: {value}")


@pytest.mark.parametrize(
    "value", ["2147483648", "-2147483649", "08", "1.0", "1e3", "0x", "1f", "abc", "--1", "'1'", "-"]
)
def test_what_is_no_int32(value: str) -> None:
    assert_agrees(f"input_dim: {value}")


@pytest.mark.parametrize("value", ["-1", "4294967295", "4294967296", "0xFFFFFFFF"])
def test_unsigned_range(value: str) -> None:
    assert_agrees(CONV % f"group: {value}")


@pytest.mark.parametrize(
    "value",
    [
        *("0", "1", "1.", ".5", "-.5", "1e-3", "1E+3", "1f", "1.5F", "0.f", "1e40", "1e-50", "3.4028235e38"),
        *("inf", "-inf", "Inf", "INFINITY", "-infinity", "inff", "nan", "NaN", "nanf"),
    ],
)
def test_floats(value: str) -> None:
    assert_agrees(f"layer {{ loss_weight: {value} }}")


@pytest.mark.parametrize("value", ["0x10", "01", "1.5.2", "1e", "f", "+", "-nan", "true", "'1'", "1..", "e5"])
def test_what_is_no_float(value: str) -> None:
    assert_agrees(f"layer {{ loss_weight: {value} }}")


def test_floats_have_the_right_values() -> None:
    weights = parsed("layer { loss_weight: [1., .5, -1e-3, 1f, inf, nan] }").layer[0].loss_weight
    assert list(weights[:2]) == [1, 0.5]
    assert weights[2] == pytest.approx(-1e-3)
    assert weights[4] == math.inf
    assert math.isnan(weights[5])


@pytest.mark.parametrize("value", ["true", "t", "True", "1", "false", "f", "False", "0", "TRUE", "yes", "2", "'true'"])
def test_bools(value: str) -> None:
    assert_agrees(f"force_backward: {value}")


@pytest.mark.parametrize("value", ["MAX", "AVE", "0", "1", "0x2", "3", "max", "'MAX'", "-1"])
def test_enums(value: str) -> None:
    assert_agrees(f"layer {{ pooling_param {{ pool: {value} }} }}")


@pytest.mark.parametrize(
    "value",
    [
        r'"\n\t\r\a\b\f\v\\\'\""',
        r'"\x41\xe2\x82\xac\101\0"',
        r'"\u20ac\U0001F600"',
        '"€ ä 漢"',
        "'\"'",
        '"\'"',
        r'"\x4"',
    ],
)
def test_string_escapes(value: str) -> None:
    assert_agrees(f"name: {value}")


def test_bytes_fields_take_any_byte() -> None:
    message, _, findings = parse_text(r'data: "\000\377\x80"', pb.Datum)
    assert findings == []
    assert message.data == b"\x00\xff\x80"


def test_byte_order_mark_is_skipped() -> None:
    assert parsed('\ufeffname: "x"').name == "x"


def test_comments_in_any_alphabet() -> None:
    assert parsed('# 注释 "\nname: "x"').name == "x"


VOCABULARY = [
    *(
        "name",
        "input",
        "input_dim",
        "layer",
        "state",
        "force_backward",
        "level",
        "stage",
        "phase",
        "dim",
        "input_shape",
    ),
    *("type", "top", "loss_weight", "nonsense", ":", ":", ":", ":", "{", "}", "{", "}", "<", ">", "[", "]", ",", ";"),
    *("1", "0", "-3", "0x1F", "010", ".5", "1e3", "inf", "true", "TRAIN", "TEST", '"a"', "'b'", '""', '"\\n"'),
    *("#", "@", "=", "\n"),
]
SPACE = st.sampled_from(["", " ", "\n", "\t", " # a comment }\n", "\r\n"])


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(VOCABULARY), max_size=24).map(" ".join))
def test_any_tokens_agree_with_protobuf(text: str) -> None:
    assert_agrees(text)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="nametop: {}<>[]\"'\\#\n\r\t.,;-+0123456789xaflt_@é\x00", max_size=60))
def test_any_characters_do_no_harm(text: str) -> None:
    _, _, findings = parse_text(text, pb.NetParameter)
    for finding in findings:
        assert finding.place is not None
        assert str(finding)


@st.composite
def net_texts(draw: st.DrawFn) -> str:
    """A valid net, spelt in every way that the grammar allows."""

    def pick(*choices: str) -> str:
        return draw(st.sampled_from(choices))

    def space() -> str:
        return draw(SPACE)

    def block(body: str) -> str:
        return pick(f"{{{body}}}", f"<{body}>", f":{{{body}}}", f" : < {body} > ")

    def scalar(kind: str) -> str:
        if kind == "int":
            return pick("1", "-5", "0x1f", "017", "0")
        if kind == "float":
            return pick("1", ".5", "-1.", "1e-3", "2f", "inf", "-inf", "1e3f")
        if kind == "bool":
            return pick("true", "f", "True", "0")
        word = draw(st.text(st.characters(codec="utf-8", exclude_characters="\\'\"\n\0"), max_size=4))
        return pick(f'"{word}"', f"'{word}'") + pick("", ' "more"', "'x\\n'")

    def field(name: str, kind: str) -> str:
        return name + space() + ":" + space() + scalar(kind) + pick(" ", "\n", ",", " ; ")

    def many(name: str, kind: str) -> str:
        if draw(st.booleans()):
            values = [scalar(kind) for _ in range(draw(st.integers(0, 3)))]
            return f"{name}:{space()}[{(space() + ',' + space()).join(values)}]" + pick(" ", ";")
        return "".join(field(name, kind) for _ in range(draw(st.integers(0, 3))))

    layers = []
    for _ in range(draw(st.integers(0, 3))):
        body = (
            field("name", "text") + many("top", "text") + many("loss_weight", "float") + many("propagate_down", "bool")
        )
        body += "include" + space() + block(pick("phase: TRAIN", "phase: 1", 'stage: ["a"]', "")) + space()
        body += "relu_param" + space() + block(field("negative_slope", "float"))
        layers.append("layer" + space() + block(body) + space())
    return space() + field("name", "text") + many("input_dim", "int") + "".join(layers)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(net_texts())
def test_valid_nets_in_every_spelling(text: str) -> None:
    theirs = text_format.Parse(text, pb.NetParameter())
    ours = parsed(text)
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
    assert parsed(to_text(ours)) == ours


def test_corpus(shared: Path) -> None:
    files = sorted((shared / "corpus").glob("*.prototxt"))
    assert files
    for file in files:
        text = file.read_text()
        assert parsed(text) == text_format.Parse(text, pb.NetParameter()), file.name
