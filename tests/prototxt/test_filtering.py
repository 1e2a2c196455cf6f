"""Include and exclude rules by phase, level and stage."""

from __future__ import annotations

import pytest

from netcli.errors import ConfigError
from netcli.prototxt import NetSource, filtered
from netcli.schema import caffe_pb2 as pb

TRAIN, TEST = pb.TRAIN, pb.TEST


def exists(rules: str, **state: object) -> bool:
    net = NetSource.from_text(f'layer {{ name: "x" {rules} }}')
    return len(filtered(net, pb.NetState(**state)).param.layer) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "state", "expected"),
    [
        ("", {}, True),
        ("include { }", {}, True),
        ("exclude { }", {}, False),
        ("include { phase: TRAIN }", {"phase": TRAIN}, True),
        ("include { phase: TRAIN }", {"phase": TEST}, False),
        ("include { phase: TRAIN }", {}, False),
        ("include { phase: TEST }", {}, True),
        ("exclude { phase: TRAIN }", {"phase": TRAIN}, False),
        ("exclude { phase: TRAIN }", {"phase": TEST}, True),
        ("include { phase: TRAIN } include { phase: TEST }", {"phase": TEST}, True),
        ("exclude { phase: TRAIN } exclude { phase: TEST }", {"phase": TEST}, False),
        ("include { min_level: 2 }", {"level": 1}, False),
        ("include { min_level: 2 }", {"level": 2}, True),
        ("include { max_level: 2 }", {"level": 3}, False),
        ("include { max_level: 2 }", {"level": 2}, True),
        ("include { max_level: -1 }", {}, False),
        ("include { min_level: 1 max_level: 3 }", {"level": 2}, True),
        ("include { stage: 'a' }", {}, False),
        ("include { stage: 'a' }", {"stage": ["b", "a"]}, True),
        ("include { stage: 'a' stage: 'b' }", {"stage": ["a"]}, False),
        ("include { stage: 'a' } include { stage: 'b' }", {"stage": ["b"]}, True),
        ("include { not_stage: 'a' }", {}, True),
        ("include { not_stage: 'a' }", {"stage": ["a"]}, False),
        ("include { not_stage: ['a', 'b'] }", {"stage": ["b"]}, False),
        ("exclude { stage: 'a' }", {"stage": ["a"]}, False),
        ("include { phase: TEST stage: 'a' }", {"phase": TEST, "stage": ["a"]}, True),
        ("include { phase: TRAIN stage: 'a' }", {"phase": TEST, "stage": ["a"]}, False),
    ],
)
def test_rules(rules: str, state: dict[str, object], expected: bool) -> None:
    assert exists(rules, **state) is expected


TEXT = """name: "net" force_backward: true debug_info: true state { level: 9 }
layer { name: "train" include { phase: TRAIN } }
layer { name: "both" top: "b" }
layer { name: "test" include { phase: TEST } }
"""


def test_positions_follow_and_the_original_stays() -> None:
    net = NetSource.from_text(TEXT, "f")
    test = filtered(net, pb.NetState(phase=TEST, level=3))
    assert [layer.param.name for layer in test.layers()] == ["both", "test"]
    assert [str(layer.place("name")) for layer in test.layers()] == ["f:3:15", "f:4:15"]
    assert (test.param.name, test.param.force_backward, test.param.debug_info) == ("net", True, True)
    assert (test.param.state.phase, test.param.state.level) == (TEST, 3)
    assert len(net.layers()) == 3
    assert net.param.state.level == 9


def test_the_rules_stay_in_the_layers() -> None:
    net = filtered(NetSource.from_text(TEXT), pb.NetState(phase=TRAIN))
    assert net.param.layer[0].include[0].phase == TRAIN


def test_without_text() -> None:
    message = NetSource.from_text(TEXT).param
    net = filtered(NetSource.from_message(message, "m"), pb.NetState(phase=TRAIN))
    assert [layer.param.name for layer in net.layers()] == ["train", "both"]
    assert net.node is None


def test_both_kinds_of_rule_is_an_error_in_every_layer() -> None:
    text = "\n".join(f'layer {{ name: "{name}" include {{ }} exclude {{ }} }}' for name in "ab")
    with pytest.raises(ConfigError) as caught:
        filtered(NetSource.from_text(text, "f"), pb.NetState())
    found = [(finding.code, finding.layer, str(finding.place)) for finding in caught.value.findings]
    assert found == [("NC022", "a", "f:1:31"), ("NC022", "b", "f:2:31")]
