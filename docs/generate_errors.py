"""Writes docs/errors.md from the catalogue, its examples run: ``python docs/generate_errors.py``. A test keeps it fresh."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from netcli.catalogue import ENTRIES
from netcli.catalogue.entry import Entry, Example
from netcli.cli import main
from netcli.errors import NetcliError

TARGET = Path(__file__).parent / "errors.md"
CODE = re.compile(r"NC\d{3}")


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """The working directory, for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def call(command: str) -> str:
    """What netcli prints, both streams."""
    result = CliRunner().invoke(main, command.split())
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def said(example: Example, folder: Path) -> str:
    """What is said of ``example``, made in the empty ``folder``."""
    with working_in(folder):
        for name, content in example.files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        for command in example.before:
            call(command)
        if example.command:
            return call(example.command)
        try:
            exec(compile(example.python, "example.py", "exec"), {"__name__": "example"})
        except NetcliError as error:
            return f"{error}\n"
        except SystemExit as error:
            return str(error.code)
        return "nothing was raised\n"


def codes_in(text: str) -> set[str]:
    """The codes that a command has printed."""
    return set(CODE.findall(text))
