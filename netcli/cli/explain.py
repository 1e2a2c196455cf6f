"""``netcli explain``."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import click

from netcli.catalogue import ENTRIES
from netcli.catalogue.entry import Entry, Example
from netcli.cli import options
from netcli.spelling import nearest


@click.command("explain")
@click.argument("code", required=False)
@click.option("--list", "listing", is_flag=True, help="List all codes.")
@options.json_option
@options.debug_option
def command(code: str | None, listing: bool, as_json: bool) -> None:
    """Say what a code of a message means.

    How it comes about is shown by an example, and how it is fixed.

    CODE is as messages show it in brackets; `nc012` and `12` mean NC012, too. Without CODE, or with --list, all
    codes are listed.

    \b
    Example:
      netcli explain NC012
      netcli explain --list
    """
    if code is None or listing:
        titles = {known: entry.title for known, entry in ENTRIES.items()}
        if as_json:
            click.echo(json.dumps({"schema": 1, "codes": titles}))
        else:
            click.echo("\n".join(f"{known}  {title}" for known, title in titles.items()))
        return
    name = _canonical(code)
    if name not in ENTRIES:
        close = nearest(name, ENTRIES)
        hint = f" Did you mean {close}?" if close else ""
        raise click.BadParameter(f"there is no code {code!r}.{hint} --list shows all.", param_hint="CODE")
    entry = ENTRIES[name]
    if as_json:
        said = {"schema": 1, "code": name, "title": entry.title, "means": entry.means, "fix": entry.fix}
        click.echo(json.dumps({**said, "example": _example_text(entry.example)}))
    else:
        click.echo(f"{name}: {entry.title}\n\n{entry.means}\n\nFix: {entry.fix}\n\n{_text(entry)}")


def _canonical(code: str) -> str:
    digits = code.upper().removeprefix("NC")
    return f"NC{digits.zfill(3)}" if digits.isdecimal() else code.upper()


def _text(entry: Entry) -> str:
    lines = [_example_text(entry.example)]
    if entry.example.command.startswith("check ") and not entry.example.before:
        lines += _said(entry.example)
    return "\n".join(lines)


def _example_text(example: Example) -> str:
    """The files, and what is called or run over them."""
    parts = []
    for name, content in example.files.items():
        text = content if isinstance(content, str) else f"({len(content)} bytes that are no text)"
        parts.append(f"Example, {name}:\n" + "\n".join(f"    {line}" for line in text.rstrip().splitlines()))
    if example.python:
        parts.append("Example, Python:\n" + "\n".join(f"    {line}" for line in example.python.rstrip().splitlines()))
    parts += [f"$ netcli {command}" for command in (*example.before, example.command) if command]
    return "\n".join(parts)


def _said(example: Example) -> list[str]:
    """What ``netcli check`` says of the example: it is checked here and now."""
    from netcli.cli.checking import check_paths
    from netcli.cli.errors import finding_line

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, content in example.files.items():
            Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        return [finding_line(finding) for finding in check_paths([example.command.split()[1]]).findings][:5]
