"""Every mistake gets one finding that says what, where, and what to do; and none hides the next."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcli.catalogue import CATALOGUE
from netcli.errors import Finding
from netcli.prototxt import parse_text
from netcli.prototxt.fork_fields import FORK_FIELDS
from netcli.prototxt.recovery import MAX_FINDINGS
from netcli.schema import caffe_pb2 as pb


def findings_of(text: str) -> list[Finding]:
    _, _, findings = parse_text(text, pb.NetParameter, "net.prototxt")
    for finding in findings:
        assert finding.code in CATALOGUE
        assert finding.place is not None
        assert finding.place.file == "net.prototxt"
    return findings


def only(text: str) -> Finding:
    findings = findings_of(text)
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


def where(finding: Finding) -> tuple[int, int]:
    assert finding.place is not None
    return finding.place.line, finding.place.column


LAYER = 'layer {\n  name: "conv1"\n  type: "Convolution"\n  %s\n}\n'


def test_unknown_field_is_named_with_its_layer_and_a_suggestion() -> None:
    finding = only(LAYER % "convolution_param { num_output: 3 kernal_size: 5 }")
    assert str(finding) == (
        "net.prototxt:4:37: layer 'conv1' (Convolution): unknown field 'kernal_size' in convolution_param. "
        "hint: did you mean 'kernel_size'? [NC012]"
    )
    assert finding.suggestion == "kernel_size"


@pytest.mark.parametrize(
    ("field", "fork"),
    [
        ("prior_box_param { min_size: 30 }", "SSD"),
        ("roi_pooling_param { pooled_w: 7 }", "Fast R-CNN"),
        ("upsample_param { scale_h: 2 }", "SegNet"),
        ("label_specific_add_param { bias_base: 0.1 }", "AM-Softmax"),
    ],
)
def test_a_forks_field_names_the_fork(field: str, fork: str) -> None:
    finding = only(LAYER % field)
    assert finding.code == "NC018"
    assert fork in finding.message


def test_the_table_of_forks_holds_no_field_that_exists() -> None:
    messages = pb.DESCRIPTOR.message_types_by_name
    for message, field in FORK_FIELDS:
        assert field not in messages[message].fields_by_name


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (LAYER % "num_output: 3", None),
        (LAYER % "kernel_size: 3", "'kernel_size' belongs inside convolution_param or pooling_param { }"),
        (LAYER % "blobs_lr: 1", "'blobs_lr' belongs to the old layers { }; in layer { } write param { lr_mult: ... }"),
        (LAYER % 'convolution_param { bottom: "x" }', "'bottom' is a field of the layer, outside of these braces"),
        ("base_lr: 0.1", "'base_lr' is a field of a solver"),
        ('bottom: "x"', "'bottom' is a field of a layer; is a brace closed too early?"),
    ],
)
def test_a_field_in_the_wrong_place_is_sent_home(text: str, hint: str | None) -> None:
    finding = only(text)
    assert (finding.code, finding.hint) == ("NC012", hint)


def test_a_net_field_in_a_solver() -> None:
    _, _, findings = parse_text("force_backward: true", pb.SolverParameter)
    assert [finding.hint for finding in findings] == ["'force_backward' is a field of a net"]


@pytest.mark.parametrize(
    ("field", "code", "expected", "actual", "hint"),
    [
        ("top: conv1", "NC013", "text in quotes", "conv1", 'write "conv1"'),
        ("top: 5", "NC013", "text in quotes", "5", 'write "5"'),
        ("loss_weight: '1.5'", "NC013", "a number", "'1.5'", "write 1.5"),
        ("loss_weight: abc", "NC013", "a number", "abc", None),
        ("propagate_down: TRUE", "NC013", "true or false", "TRUE", "write true"),
        ("convolution_param { num_output: 20.0 }", "NC013", "a whole number from 0 to 4294967295", "20.0", "write 20"),
        ("convolution_param { num_output: 2.5 }", "NC013", "a whole number from 0 to 4294967295", "2.5", None),
        ("convolution_param { num_output: -1 }", "NC014", "a whole number from 0 to 4294967295", "-1", None),
        ("convolution_param { num_output: 4294967296 }", "NC014", None, "4294967296", None),
        ("convolution_param { axis: 2147483648 }", "NC014", None, "2147483648", None),
        ("input_param { shape { dim: 9223372036854775808 } }", "NC014", None, "9223372036854775808", None),
        ("phase: test", "NC015", "one of TRAIN, TEST", "test", "did you mean 'TEST'?"),
        ("phase: 'TEST'", "NC015", "one of TRAIN, TEST", "'TEST'", "write TEST without quotes"),
        ("phase: 7", "NC015", "one of TRAIN, TEST", "7", None),
        ("convolution_param: 5", "NC013", "{ ... }", "5", None),
        ("convolution_param: [{ }]", "NC013", "{ ... }", None, None),
        ("top { }", "NC013", "text in quotes", "{ ... }", None),
        ("top: { }", "NC013", "text in quotes", "{ ... }", None),
        ("pooling_param { stride: [1, 2] }", "NC013", None, None, None),
        ("top:", "NC009", "text in quotes", None, None),
        ("top", "NC009", "text in quotes", None, None),
        ("convolution_param", "NC009", "{ ... }", None, None),
        ('top "x"', "NC009", None, None, None),
        ('top = "x"', "NC008", "':'", None, None),
        ('top: "x', "NC005", None, '"x', None),
        ("top: conv1'", "NC013", "text in quotes", "conv1", 'write "conv1"'),
        ("top: '\\377'", "NC004", None, None, None),
        ("top: ['a' 'b', ]", "NC013", None, "]", None),
        ("top: ['a', 'b'", "NC006", "',' or ']'", "'}'", None),
        ("top: ['a' \n bottom: 'x'", "NC006", "',' or ']'", "'bottom'", None),
        ("top: 'a';;", "NC008", "the name of a field", None, None),
        ("[my.extension]: 5", "NC008", "the name of a field", None, None),
        ("{ top: 'a' }", "NC008", "the name of a field", None, None),
        ("@", "NC008", "the name of a field", None, None),
    ],
)
def test_one_mistake_one_finding(
    field: str, code: str, expected: str | None, actual: str | None, hint: str | None
) -> None:
    finding = only(LAYER % field)
    assert (finding.layer, finding.layer_type) == ("conv1", "Convolution")
    assert where(finding)[0] in (4, 5, 6)
    if field == "top: ['a' 'b', ]":  # the list breaks off after its last comma
        assert finding.code == "NC009"
        return
    assert finding.code == code
    if expected is not None:
        assert finding.expected == expected
    if actual is not None:
        assert finding.actual == actual
    assert finding.hint == hint


def test_several_values_without_brackets() -> None:
    finding = only(LAYER % 'bottom: "a", "b", "c"')
    assert (finding.code, where(finding)) == ("NC008", (4, 16))
    assert finding.hint == "several values are written bottom: [a, b] or by repeating 'bottom: ...'"


def test_windows_paths_are_explained() -> None:
    finding = only(LAYER % 'data_param { source: "C:\\data\\lmdb" }')
    assert (finding.code, where(finding)) == ("NC005", (4, 27))
    assert "'\\d'" in finding.message
    assert finding.hint is not None
    assert "'/'" in finding.hint


def test_old_and_new_names_of_types() -> None:
    new_in_old = only('layers { name: "x" type: "InnerProduct" }')
    assert new_in_old.suggestion == "INNER_PRODUCT"
    old_in_new = only('layer { name: "x" type: INNER_PRODUCT }')
    assert old_in_new.hint == "names in capitals belong to the old layers { }; layer { } takes text"


def test_given_twice_points_at_both() -> None:
    finding = only('name: "a"\nlayer { }\n  name: "b"')
    assert (finding.code, where(finding)) == ("NC016", (3, 3))
    assert finding.hint == "the first one is at net.prototxt:1:1"


def test_a_message_given_twice_is_still_read() -> None:
    findings = findings_of("state { level: 1 }\nstate { level: x }")
    assert [(finding.code, where(finding)) for finding in findings] == [("NC016", (2, 1)), ("NC013", (2, 16))]


def test_missing_required_field() -> None:
    finding = only('layer { name: "c"\n clip_param { min: 0 } }')
    assert (finding.code, where(finding)) == ("NC017", (2, 2))
    assert "'max' in clip_param" in finding.message


class TestBraces:
    def test_missing_at_the_end(self) -> None:
        finding = only('layer {\n  name: "a"\n  convolution_param {\n    num_output: 3\n')
        assert finding.code == "NC006"
        assert where(finding) == (5, 1)
        assert "2 closing braces" in finding.message
        assert "'convolution_param {' at net.prototxt:3:3, 'layer {' at net.prototxt:1:1" in finding.message

    def test_missing_in_the_middle_is_found_where_it_shows(self) -> None:
        text = 'layer {\n  convolution_param {\n    num_output: 3\n  name: "a"\n}\nlayer { tpye: "ReLU" }\n'
        text = text.replace("num_output: 3\n", "num_output: 3\n  bottom: 'x'\n")
        findings = findings_of(text)
        assert [finding.code for finding in findings] == ["NC006", "NC012"]
        assert where(findings[0]) == (4, 3)
        assert "'convolution_param {' at net.prototxt:2:3 is still open" in findings[0].message

    def test_the_rest_of_the_net_is_read_after_a_missing_brace(self) -> None:
        message, _, findings = parse_text(
            'layer { name: "a"\nlayer { name: "b" }\nlayer { name: "c" }', pb.NetParameter
        )
        assert [finding.code for finding in findings] == ["NC006"]
        assert [layer.name for layer in message.layer] == ["a", "b", "c"]

    def test_extra_in_the_middle(self) -> None:
        text = 'layer {\n  name: "a" }\n  type: "ReLU"\n  bottom: "x"\n}\nlayer { name: "b" }\n'
        message, _, findings = parse_text(text, pb.NetParameter)
        assert [finding.code for finding in findings] == ["NC007"]
        assert where(findings[0]) == (2, 13)
        assert [(layer.name, list(layer.bottom)) for layer in message.layer] == [("a", ["x"]), ("b", [])]

    def test_extra_at_the_end(self) -> None:
        finding = only('layer { name: "a" }\n}\n')
        assert (finding.code, where(finding)) == ("NC007", (2, 1))

    def test_wrong_kind(self) -> None:
        finding = only('layer { name: "a" >\n')
        assert (finding.code, where(finding)) == ("NC007", (1, 19))
        assert "'layer {' at net.prototxt:1:1 is closed by '>'" in finding.message

    def test_inside_an_unknown_field(self) -> None:
        findings = findings_of("layer { nonsense { a: 1\n")
        assert [finding.code for finding in findings] == ["NC012", "NC006"]

    def test_a_missing_quote_is_not_a_missing_brace(self) -> None:
        message, _, findings = parse_text('layer { name: "a }\nlayer { name: "b" }', pb.NetParameter)
        assert [finding.code for finding in findings] == ["NC005"]
        assert [layer.name for layer in message.layer] == ["a", "b"]


def test_all_errors_at_once() -> None:
    text = """name: "net"
layer {
  name: "data"
  type: DATA
  tops: "data"
  data_param { batch_size: "64" backend: LMBD }
}
layer {
  name: "conv"
  type: "Convolution"
  convolution_param { num_output: -5 kernel_size: 5.0 pad = 1 groups: 2 }
  prior_box_param { min_size: 30 }
  type: "Pooling"
}
bottom: "x"
layer { clip_param { min: 0 } include { phase: TRIAN } }
layer { name: "unfinished"
"""
    found = [(finding.code, *where(finding)) for finding in findings_of(text)]
    assert found == [
        ("NC013", 4, 9),
        ("NC012", 5, 3),
        ("NC013", 6, 28),
        ("NC015", 6, 42),
        ("NC014", 11, 35),
        ("NC013", 11, 51),
        ("NC008", 11, 59),
        ("NC012", 11, 63),
        ("NC018", 12, 3),
        ("NC016", 13, 3),
        ("NC012", 15, 1),
        ("NC017", 16, 9),
        ("NC015", 16, 48),
        ("NC006", 17, 27),
    ]


def test_reading_stops_after_so_many_errors() -> None:
    findings = findings_of("nonsense: 1\n" * 5000)
    assert len(findings) == MAX_FINDINGS + 1
    assert (findings[-1].code, findings[-1].severity) == ("NC011", "note")


def test_prose_is_one_finding_a_line() -> None:
    findings = findings_of("this is not a net\nnor is this, at all\n")
    assert [where(finding) for finding in findings] == [(1, 1), (2, 1)]


VALID = """name: "net"
layer {
  name: "conv" type: "Convolution" bottom: "a" top: "b"
  convolution_param { num_output: 3 kernel_size: [3, 5] weight_filler < type: 'xavier' > }
  include: { phase: TEST stage: ["x", "y"] }
}
"""


@given(st.integers(0, len(VALID) - 1), st.sampled_from(["", "{", "}", '"', ":", "[", "\0", "\n", "#", "é", "5", "x"]))
@settings(max_examples=300)
def test_a_broken_character_never_breaks_the_parser(at: int, character: str) -> None:
    _, _, findings = parse_text(VALID[:at] + character + VALID[at + 1 :], pb.NetParameter)
    assert len(findings) <= 10, [str(finding) for finding in findings]


@given(st.integers(1, len(VALID)))
@settings(max_examples=200)
def test_a_truncated_net_is_never_taken_for_a_whole_one(length: int) -> None:
    text = VALID[:length]
    _, _, findings = parse_text(text, pb.NetParameter)
    is_whole = text.rstrip() in ('name: "net"', VALID.rstrip())
    assert is_whole == (not findings)
