"""``netcli upgrade``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

OLD = 'layers { name: "r" type: RELU bottom: "a" top: "b" }\n'
NEW = 'layer {\n  name: "r"\n  type: "ReLU"\n  bottom: "a"\n  top: "b"\n}\n'


def test_to_standard_output(tmp_path: Path, run: Any) -> None:
    (tmp_path / "old.prototxt").write_text(OLD)
    result = run("upgrade", tmp_path / "old.prototxt")
    assert (result.exit_code, result.stdout) == (0, NEW)
    assert result.stderr.startswith("note: ")
    assert "[NC051]" in result.stderr


def test_to_a_file_but_not_over_another(tmp_path: Path, run: Any) -> None:
    old, new = tmp_path / "old.prototxt", tmp_path / "new.prototxt"
    old.write_text(OLD)
    assert run("upgrade", old, "-o", new).exit_code == 0
    assert new.read_text() == NEW
    new.write_text("mine")
    refused = run("upgrade", old, "-o", new)
    assert refused.exit_code == 1
    assert "[NC512]" in refused.stderr
    assert new.read_text() == "mine"
    assert run("upgrade", old, "-o", new, "--force").exit_code == 0
    assert new.read_text() == NEW
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.prototxt", "old.prototxt"]


def test_a_modern_file_stays_as_it_is(tmp_path: Path, run: Any) -> None:
    (tmp_path / "new.prototxt").write_text(NEW)
    result = run("upgrade", tmp_path / "new.prototxt")
    assert (result.stdout, result.stderr) == (NEW, "")


def test_a_folder_that_is_not_there(tmp_path: Path, run: Any) -> None:
    (tmp_path / "old.prototxt").write_text(OLD)
    result = run("upgrade", tmp_path / "old.prototxt", "-o", tmp_path / "no" / "new.prototxt")
    assert result.exit_code == 1
    assert "[NC459]" in result.stderr
