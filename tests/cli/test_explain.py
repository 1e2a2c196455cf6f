"""The catalogue of codes: each has an example that leads to it and to no other, and the code base has no others."""

from __future__ import annotations

import ast
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from netcli.catalogue import CATALOGUE, ENTRIES

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate_errors.py"))
NEEDS = {
    **dict.fromkeys(["NC600", "NC602", "NC603", "NC604", "NC605", "NC606", "NC607"], "onnx"),
    **dict.fromkeys(["NC616"], "onnxruntime"),
    **dict.fromkeys(["NC225", "NC224", "NC228", "NC458", "NC463", "NC555", "NC567"], "h5py"),
    **dict.fromkeys(["NC206", "NC209", "NC210", "NC215", "NC216", "NC221", "NC229", "NC589"], "cv2"),
    **dict.fromkeys(["NC564", "NC565", "NC566"], "cv2"),
    **dict.fromkeys(["NC531", "NC532", "NC533", "NC550", "NC551", "NC553", "NC574"], "matplotlib"),
}


@pytest.mark.parametrize("code", ENTRIES)
def test_the_example_leads_to_the_code_and_to_no_other(code: str, tmp_path: Path) -> None:
    if code in NEEDS:
        pytest.importorskip(NEEDS[code])
    example = ENTRIES[code].example
    text = GENERATOR["said"](example, tmp_path)
    assert GENERATOR["codes_in"](text) - set(example.also) == {code}, text


def test_what_the_code_base_says_is_what_the_catalogue_knows() -> None:
    said = {
        node.value
        for path in (ROOT / "netcli").rglob("*.py")
        if "catalogue" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"NC\d{3}", node.value)
    }
    assert said == set(CATALOGUE)


@pytest.mark.parametrize("code", ENTRIES)
def test_the_page_of_errors_is_fresh(code: str) -> None:
    """Texts and examples; what they print may differ with versions of libraries."""
    page = GENERATOR["TARGET"].read_text(encoding="utf-8")
    entry = ENTRIES[code]
    section = page.split(f"### {code}: {entry.title}\n", 1)[-1].split("\n### ", 1)[0]
    assert f"{entry.means} **Fix:** {entry.fix}\n" in section
    assert f"[{code}]" in section
    example = entry.example
    texts = [text for text in (*example.files.values(), example.python) if isinstance(text, str)]
    assert all(text.rstrip()[:800] in section for text in texts)
    assert all(f"$ netcli {command}\n" in section for command in (*example.before, example.command) if command)


@pytest.mark.parametrize("code", ["NC012", "nc012", "12", "012"])
def test_a_code_is_explained(code: str, run: Any) -> None:
    result = run("explain", code)
    assert result.exit_code == 0
    assert result.stdout == (
        "NC012: unknown field\n\n"
        "The message that it stands in has no such field.\n\n"
        "Fix: Take the name that is proposed; `netcli layers TYPE` lists what a layer reads.\n\n"
        "Example, net.prototxt:\n"
        '    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }\n'
        '    layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param '
        "{ num_outputs: 4 num_output: 4 } }\n"
        "$ netcli check net.prototxt\n"
        "error: net.prototxt:2:88: layer 'ip' (InnerProduct): unknown field 'num_outputs' in inner_product_param. "
        "hint: did you mean 'num_output'? [NC012]\n"
    )


def test_an_unknown_code_is_a_matter_of_usage(run: Any) -> None:
    result = run("explain", "NC013x")
    assert result.exit_code == 2
    assert "there is no code 'NC013x'. Did you mean NC013?" in result.stderr


def test_all_codes_are_listed(run: Any) -> None:
    lines = run("explain").stdout.splitlines()
    assert lines == [f"{code}  {title}" for code, title in CATALOGUE.items()]
    assert json.loads(run("explain", "--list", "--json").stdout)["codes"] == CATALOGUE
    explained = json.loads(run("explain", "NC470", "--json").stdout)
    assert explained["title"] == "a state of another solver type"
    assert "--set type=Adam" in explained["example"]
