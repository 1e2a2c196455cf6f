"""The hook of pre-commit, called as pre-commit calls it: entry, then the names of changed files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

HOOK = Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml"


def fields() -> dict[str, str]:
    """The one hook's fields; the file is a list of flat mappings, for which no parser of YAML is needed."""
    lines = [line.lstrip("- ") for line in HOOK.read_text(encoding="utf-8").splitlines() if line.strip()]
    return dict(line.split(": ", 1) for line in lines)


def test_the_hook_has_what_pre_commit_asks_for() -> None:
    assert fields() == {
        "id": "netcli-check",
        "name": "netcli check",
        "description": "Find what is wrong with Caffe prototxt files, without data.",
        "entry": "netcli check",
        "language": "python",
        "files": r"\.prototxt$",
        "require_serial": "true",
    }


def test_it_checks_the_files_that_it_is_given(tiny: Path, run: Any) -> None:
    changed = ["net.prototxt", "solver.prototxt", "train_lmdb"]
    selected = [name for name in changed if re.search(fields()["files"], name)]
    assert selected == ["net.prototxt", "solver.prototxt"]
    program, *arguments = shlex.split(fields()["entry"])
    assert program == "netcli"
    assert run(*arguments, *selected).exit_code == 0
    Path("net.prototxt").write_text("layer {\n")
    assert run(*arguments, *selected).exit_code == 3
