"""The Markdown pages as tests see them: code blocks, and the comments that say what to do with them.

A comment right before a fenced block makes a test of it; it does not show on the rendered page:

    <!-- run -->            Run it. In a block with prompts ("$ netcli ...") what stands below a command is its output,
                            numbers and spacing aside; a line "..." stands for any lines. In an sh block all lines are
                            commands, in a python block it is one program; these only have to succeed.
    <!-- run exactly -->    The same, and the output is what stands there to the character.
    <!-- run exit N -->     The same as "run", for a command that is to end with exit code N.
    <!-- file NAME -->      The block is the content of the file NAME.
    <!-- setup COMMANDS --> Commands that the page need not show; they belong to no block.

The blocks of a page run in order, in one folder, which has the repository's ``configs``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_DIRECTIVE = re.compile(r"<!--\s*(run exactly|run exit \d+|run|file|setup)\b\s*(.*?)\s*-->", re.DOTALL)
_FENCE = re.compile(r"( *)```(\w*)\s*$")


@dataclass(frozen=True)
class Block:
    """A piece of a page.

    Attributes:
        language: of the fence ("sh", "text", ...); "" without one, "indented" for a block without a fence.
        directive: "run", "run exactly", "run exit 3", "file", "setup", or "" for a block that is only shown.
        argument: the name of the file.
        line: where its text begins, from 1.
    """

    language: str
    text: str
    line: int
    directive: str = ""
    argument: str = ""

    @property
    def has_prompts(self) -> bool:
        return bool(re.search(r"^\$ ", self.text, re.MULTILINE))


@dataclass(frozen=True)
class Command:
    """A command of a block with prompts, and the lines that it is said to print."""

    command: str
    output: list[str]
    line: int


def blocks(text: str) -> Iterator[Block]:
    """All blocks of a page in order. Raises ValueError for a comment that is no directive or stands alone."""
    lines = text.splitlines()
    pending: tuple[str, str] | None = None
    at = 0
    while at < len(lines):
        line = lines[at]
        fence = _FENCE.match(line)
        if line.lstrip().startswith("<!--"):
            end = next(i for i in range(at, len(lines)) if "-->" in lines[i])
            comment = "\n".join(lines[at : end + 1]).strip()
            known = _DIRECTIVE.fullmatch(comment)
            if known is None or pending is not None:
                raise ValueError(f"line {at + 1}: a comment that says nothing to the tests: {comment}")
            if known[1] == "setup":
                yield Block("sh", known[2], at + 1, "setup")
            else:
                pending = (known[1], known[2])
            at = end + 1
        elif fence:
            end = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == "```")
            body = "\n".join(text.removeprefix(fence[1]) for text in lines[at + 1 : end])
            yield Block(fence[2], body, at + 2, *(pending or ()))
            pending = None
            at = end + 1
        elif line.strip() and pending is not None:
            raise ValueError(f"line {at + 1}: no block follows the comment '{pending[0]}'")
        elif line.startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            end = next((i for i in range(at, len(lines)) if lines[i].strip() and not lines[i].startswith("    ")), None)
            end = len(lines) if end is None else end
            yield Block("indented", "\n".join(text[4:] for text in lines[at:end]), at + 1)
            at = end
        else:
            at += 1


def commands(block: Block) -> list[Command]:
    """The commands behind the prompts of ``block``, continued lines joined."""
    found: list[Command] = []
    lines = block.text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        start = at
        at += 1
        if line.startswith("$ "):
            while line.endswith("\\"):
                line = f"{line[:-1].rstrip()} {lines[at].strip()}"
                at += 1
            found.append(Command(line[2:], [], block.line + start))
        elif found:
            found[-1].output.append(line)
    return found


def shell_lines(block: Block) -> list[tuple[int, str]]:
    """Every line of ``block`` that may be a command, with its number: behind prompts where there are any."""
    if block.has_prompts:
        return [(command.line, command.command) for command in commands(block)]
    joined = re.sub(r"\\\n\s*", lambda gap: " " + "\0" * gap[0].count("\n"), block.text)
    found = []
    number = block.line
    for line in joined.split("\n"):
        found.append((number, line.replace("\0", "")))
        number += 1 + line.count("\0")
    return found
