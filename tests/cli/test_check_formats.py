"""``netcli check --format``: what other programs read, exactly."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMA = Path(__file__).resolve().parents[1] / "data" / "sarif" / "sarif-2.1.0-rtm.4.json"
"""OASIS's schema of SARIF 2.1.0, as Microsoft's package sarif-om (MIT) holds it."""

NET = """layer { name: "in" type: "Input" top: "a" input_param { shape { dim: 2 dim: 4 } } }
layer { name: "bn" type: "BatchNorm" bottom: "a" top: "b" }
layer { name: "r" type: "RelU" bottom: "b" top: "c" }
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One file with an error, one with a warning, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.prototxt").write_text(NET)
    (tmp_path / "doubtful.prototxt").write_text(NET.replace("RelU", "ReLU"))
    return tmp_path


def test_github(files: Path, run: Any) -> None:
    result = run("check", "bad.prototxt", "doubtful.prototxt", "--format", "github")
    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "::error file=bad.prototxt,line=3,col=25,title=NC101::layer 'r': unknown layer type 'RelU'."
        " hint: did you mean 'ReLU'?",
        "::warning file=doubtful.prototxt,line=2,col=26,title=NC302::layer 'bn' (BatchNorm): no Scale layer follows:"
        ' BatchNorm itself learns no scale and no shift. hint: add a layer of type "Scale" on "b", with scale_param'
        " { bias_term: true }",
    ]


def test_junit(files: Path, run: Any) -> None:
    result = run("check", "bad.prototxt", "doubtful.prototxt", "--format", "junit")
    assert result.stdout.splitlines()[:6] == [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<testsuites tests="2" failures="1" errors="0">',
        '  <testsuite name="netcli check" tests="2" failures="1" errors="0">',
        '    <testcase classname="netcli.check" name="bad.prototxt">',
        "      <failure message=\"NC101: unknown layer type 'RelU'\">error: bad.prototxt:3:25: layer 'r': unknown layer"
        " type 'RelU'. hint: did you mean 'ReLU'? [NC101]</failure>",
        "    </testcase>",
    ]
    suite = ElementTree.fromstring(result.stdout)[0]
    assert [[child.tag for child in case] for case in suite] == [["failure"], ["system-out"]]
    strict = ElementTree.fromstring(run("check", ".", "--format", "junit", "--strict").stdout)
    assert strict.get("failures") == "2"


def test_sarif_is_valid_and_points_at_the_place(files: Path, run: Any) -> None:
    log = json.loads(run("check", ".", "gone.prototxt", "--format", "sarif").stdout)
    jsonschema.Draft4Validator(json.loads(SCHEMA.read_text())).validate(log)
    results = log["runs"][0]["results"]
    assert [(result["ruleId"], result["level"]) for result in results] == [
        ("NC101", "error"), ("NC302", "warning"), ("NC001", "error"),
    ]  # fmt: skip
    assert results[0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "bad.prototxt"},
        "region": {"startLine": 3, "startColumn": 25},
    }


def test_sarif_without_findings_is_valid_too(files: Path, run: Any) -> None:
    Path("fine.prototxt").write_text(NET.splitlines()[0])
    log = json.loads(run("check", "fine.prototxt", "--format", "sarif").stdout)
    jsonschema.Draft4Validator(json.loads(SCHEMA.read_text())).validate(log)
    assert log["runs"][0]["results"] == []
