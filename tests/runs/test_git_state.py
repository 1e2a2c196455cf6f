"""What the manifest says of the repository that a config lies in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from netcli.runs.git_state import git_state


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_files_in_every_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    folder = repository / "configs"
    folder.mkdir(parents=True)
    _git(repository, "init", "-q", "-b", "main")
    files = [folder / name for name in ("solver.prototxt", "net.prototxt", "new.prototxt", "old.tmp")]
    for file in files:
        file.write_text("a")
    outside = tmp_path / "elsewhere.prototxt"
    (repository / ".gitignore").write_text("*.tmp\n")
    before = git_state(files[:1])
    assert before == {"commit": None, "branch": "main", "files": {"configs/solver.prototxt": "untracked"}}
    _git(repository, "add", "configs/solver.prototxt", "configs/net.prototxt", ".gitignore")
    _git(repository, "commit", "-q", "-m", "first")
    files[1].write_text("b")
    monkeypatch.chdir(folder)
    assert git_state([Path("solver.prototxt"), *files[1:], outside]) == {
        "commit": _git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "files": {
            "configs/solver.prototxt": "committed",
            "configs/net.prototxt": "modified",
            "configs/new.prototxt": "untracked",
            "configs/old.tmp": "ignored",
            str(outside): "outside",
        },
    }


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state([tmp_path / "solver.prototxt"]) is None
    monkeypatch.setenv("PATH", "")
    assert git_state([Path("solver.prototxt")]) is None
