"""Writes docs/errors.md from the catalogue, with what its examples print: ``python docs/generate_errors.py``."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
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


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, example, judgement in FIRST_CONTACT:
        parts.append(f"### {title}\n\n{_shown(example)}\n{judgement}\n")
    parts.append("## All codes\n")
    parts += [_section(code, entry) for code, entry in ENTRIES.items()]
    return "\n".join(parts)


def _section(code: str, entry: Entry) -> str:
    return f"### {code}: {entry.title}\n\n{entry.means} **Fix:** {entry.fix}\n\n{_shown(entry.example)}"


def _shown(example: Example) -> str:
    """The files, the call, and the lines that say something of it."""
    with tempfile.TemporaryDirectory() as folder:
        output = said(example, Path(folder)).replace(folder, ".").replace(tempfile.gettempdir(), "/tmp")
    lines = []
    for name, content in example.files.items():
        text = content if isinstance(content, str) else f"({len(content)} bytes)\n"
        shortened = text if len(text) < _LONGEST else text[:_LONGEST] + " ...\n"
        lines.append(f"# {name}\n{shortened.rstrip()}")
    if example.python:
        lines.append(f"# Python\n{example.python.rstrip()}")
    for command in (*example.before, example.command):
        if command:
            lines.append(f"$ netcli {command}")
    told = [line for line in output.splitlines() if CODE.search(line) or line.startswith((" ", "+", "-"))]
    lines += [_without_numbers(line) for line in told[:_MOST_LINES]]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _without_numbers(line: str) -> str:
    """Without what differs from run to run: temporary folders and checksums."""
    return re.sub(r"/tmp/\S*/", "./", re.sub(r"\b[0-9a-f]{12}\b", "...", line))


_LONGEST, _MOST_LINES = 900, 12
_HEAD = """# Errors, warnings and notes

Made from the catalogue by `python docs/generate_errors.py`; do not edit. `netcli explain CODE` says the same.

A message has one form, whatever prints it:

    file:line:column: layer 'x' (Type): what happened, expected this, actual that. hint: what to do [NC012]

A code keeps its meaning for ever. `# netcli: ignore NC303` in a prototxt switches a warning off; `--strict` makes
warnings fail.

## First contact: the commonest mistakes

What new users of Caffe and SphereFace ran into most, and what netcli says. Below each is our judgement.
"""

FIRST_CONTACT: list[tuple[str, Example, str]] = [
    (
        "The loss is 87.3365, or NaN, and the run carries on",
        ENTRIES["NC410"].example,
        "The run stops; the table above the message (left out here) shows where it began. The hint says how to go on.",
    ),
    (
        "A-Softmax does not converge",
        ENTRIES["NC311"].example,
        "Said before the training, with both iterations; `netcli schedule` shows the curves.",
    ),
    (
        "A field of another fork",
        ENTRIES["NC018"].example,
        "It names the fork, so the user knows which program the file is for.",
    ),
    (
        "A misspelt field",
        ENTRIES["NC012"].example,
        "The right name is in the hint, the place in the line.",
    ),
    (
        "A missing brace",
        ENTRIES["NC006"].example,
        "It names the line that opened what is not closed, not only the end of the file.",
    ),
    (
        "The net is not found",
        ENTRIES["NC001"].example,
        "Every place that was tried is listed.",
    ),
    (
        "Weights passed as a state",
        ENTRIES["NC466"].example,
        "Both ways on are named: the file beside it, or a new run from the weights.",
    ),
    (
        "Labels that start at 1",
        ENTRIES["NC150"].example,
        "Caffe crashes or reads other memory here; the hint asks the right question.",
    ),
    (
        "A bottom that nobody makes",
        ENTRIES["NC104"].example,
        "The nearest name is proposed.",
    ),
    (
        "A kernel larger than its input",
        ENTRIES["NC121"].example,
        "Both sizes are there.",
    ),
    (
        "The data have not been made",
        ENTRIES["NC130"].example,
        "Two ways on: say the shape, or make the data.",
    ),
    (
        "A net where a solver is expected",
        ENTRIES["NC019"].example,
        "It says what the file is, and what was expected.",
    ),
]


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
