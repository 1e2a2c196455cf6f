"""Which commit a config belongs to, and whether it has been changed since."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SECONDS = 5.0
_STATES = {"??": "untracked", "!!": "ignored"}


def git_state(files: Sequence[Path]) -> dict[str, Any] | None:
    """The state of ``files`` in the repository of the first one.

    Returns:
        ``{"commit": HEAD's hash or None before the first commit, "branch": its name or None,
        "files": {path in the repository: "committed", "modified", "untracked", "ignored" or "outside"}}``;
        None where git is not installed or the first file lies in no repository.
    """
    folder = files[0].absolute().parent
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        return None
    root = Path(top.strip())
    commit, branch = _git(root, "rev-parse", "HEAD"), _git(root, "symbolic-ref", "--short", "-q", "HEAD")
    return {
        "commit": commit.strip() if commit else None,
        "branch": branch.strip() if branch else None,
        "files": dict(_state_of(file.resolve(), root.resolve()) for file in files),
    }


def _state_of(file: Path, root: Path) -> tuple[str, str]:
    if not file.is_relative_to(root):
        return str(file), "outside"
    name = file.relative_to(root).as_posix()
    status = _git(root, "status", "--porcelain", "--ignored", "--", name)
    return name, "committed" if status == "" else _STATES.get((status or "")[:2], "modified")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None if it is not there, takes too long, or does not succeed."""
    # fsmonitor could start a program that the repository names.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
