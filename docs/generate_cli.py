"""Writes docs/cli.md from the commands themselves: ``python docs/generate_cli.py``. A test keeps it fresh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from netcli.cli import main

WIDTH = 100
TARGET = Path(__file__).parent / "cli.md"
INTRODUCTION = """# The command line

Made from the commands' own help by `python docs/generate_cli.py`; do not edit.

Results go to standard output, everything else to standard error. With `--json` (or `check --format json`)
standard output is one JSON object that bears `"schema": 1`; keys are only ever added.

| exit code | meaning |
| --- | --- |
| 0 | fine |
| 1 | the run failed: data, files, weights or the machine |
| 2 | the command was used wrongly |
| 3 | the config is invalid |
| 4 | training diverged |
| 130 | interrupted; `train` finishes the iteration and writes a snapshot first |
"""


def walk(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """(full name, help) of ``command`` and of all commands below it."""
    settings = command.context_settings | {"terminal_width": WIDTH, "color": False}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from walk(found, child, context)


def cli_reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    parts += [f"## {path}\n\n```text\n{text}\n```\n" for path, text in walk(main, "netcli")]
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(cli_reference(), encoding="utf-8")
