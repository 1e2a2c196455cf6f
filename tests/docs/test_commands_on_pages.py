"""Every ``netcli ...`` that README and docs show is one that the command line accepts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from doc_pages import PAGES, ROOT, blocks, shell_lines

from netcli.cli import main
from netcli.errors import NetcliError

_BEFORE = {"$", "do", "then", "time", "-", "run:"}
"""What may stand before a command on its line."""
_VARIABLE = re.compile(r"\$\w+|\$\{\w+\}")
_LAUNCHERS = {"mpirun", "mpiexec", "srun", "torchrun", "nice"}
_SHELL = {"sh", "bash", "console", "text", "yaml", "indented", ""}


@pytest.fixture(autouse=True)
def paths_need_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Path, "convert", lambda self, value, param, ctx: value)


def calls(line: str) -> Iterator[list[str]]:
    """The arguments of each netcli command on a line of shell.

    >>> list(calls("$ netcli time a.prototxt --json > b.json && netcli runs"))
    [['time', 'a.prototxt', '--json'], ['runs']]
    """
    if not re.search(r"\bnetcli\b", line):
        return
    lexer = shlex.shlex(_VARIABLE.sub("1", line), posix=True, punctuation_chars="();|&<>")
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError:  # an apostrophe: prose
        return
    words: list[str] = []
    redirected = False
    for token in [*tokens, ";"]:
        if set(token) <= set("<>"):
            redirected = True
            words = words[:-1] if words[-1:] == ["2"] else words
        elif set(token) <= set("();|&"):
            yield from _call(words)
            words, redirected = [], False
        elif redirected:
            redirected = False
        else:
            words.append(token)


def _call(words: list[str]) -> Iterator[list[str]]:
    """The arguments behind ``netcli``, if that is what ``words`` run."""
    while words and (words[0] in _BEFORE or re.fullmatch(r"[A-Z_]+=.*", words[0])):
        words = words[1:]
    if words[:3] == ["python", "-m", "netcli"]:
        words = words[2:]
    if words and words[0] in _LAUNCHERS and "netcli" in words:
        words = words[words.index("netcli") :]
    if words[:1] == ["netcli"]:
        yield words[1:]


def parse(arguments: list[str]) -> None:
    """Has click parse ``arguments`` without running anything. Raises click.UsageError."""
    command: click.Command = main
    context = click.Context(main, info_name="netcli")
    while isinstance(command, click.Group):
        if not arguments or arguments[0] in ("-h", "--help", "--version"):
            return
        child = command.get_command(context, arguments[0])
        if child is None:
            raise click.UsageError(f"no command '{arguments[0]}'")
        command, arguments = child, arguments[1:]
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=command.name, parent=context)
    try:
        command.make_context(command.name, list(arguments), parent=context)
    except (click.exceptions.Exit, NetcliError):  # --help; a device that is not there
        return


def shown(page: Path) -> list[tuple[int, list[str]]]:
    """The commands in the blocks of ``page``, with their lines."""
    return [
        (number, arguments)
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language in _SHELL
        for number, line in shell_lines(block)
        for arguments in calls(line)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks(page: Path) -> None:
    wrong = []
    for number, arguments in shown(page):
        try:
            parse(arguments)
        except click.UsageError as error:
            wrong.append(f"{page.name}:{number}: netcli {shlex.join(arguments)}: {error.format_message()}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_in_sentences(page: Path) -> None:
    """Here what is needed may be missing: `netcli faces align` names a command."""
    wrong = []
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`(netcli [^`]+)`", text):
        for arguments in calls(code.replace("\n", " ").replace("\\|", "/")):
            try:
                parse(arguments)
            except (click.MissingParameter, click.BadOptionUsage):
                continue
            except click.UsageError as error:
                wrong.append(f"{page.name}: `{code}`: {error.format_message()}")
    assert not wrong, "\n".join(wrong)


def test_enough_is_found() -> None:
    """Pages that surely show commands: a reader of pages that finds none would pass all of the above."""
    assert len(shown(ROOT / "README.md")) > 10
    assert len(shown(ROOT / "docs" / "cli.md")) > 50
    assert ["export", "FILE"] in list(calls("FOO=1 netcli export FILE 2> log | tee x"))
    assert list(calls("for m in 1 2; do netcli runs $m; done  # netcli show")) == [["runs", "1"]]
    assert list(calls("pip install netcli")) == []
    assert list(calls("mpirun -n 2 netcli train s.prototxt")) == [["train", "s.prototxt"]]


@pytest.mark.parametrize(
    "arguments", ["trian x", "train x --no-such", "train", "train x y", "train x --max-iter many", "data make a"]
)
def test_wrong_ones_are_noticed(arguments: str) -> None:
    with pytest.raises(click.UsageError):
        parse(arguments.split())
