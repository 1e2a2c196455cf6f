"""``# netcli: ignore NC301`` in a prototxt: the places where a warning is not wanted.

- Behind text, the comment holds for its line, and if the line opens a block that it does not close, for that block.
- On a line of its own, it holds for the block that it stands in: a layer, or outside of all blocks the whole file.

Several codes are separated by commas or spaces; whatever follows them is for the reader, who wants to know why.
Errors cannot be ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from netcli.errors import Finding

_PIECE = re.compile(r"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|[{}<>]|[^\s#\"'{}<>]+")
_SWITCH = re.compile(r"#\s*netcli:\s*ignore\s+(NC\d{3}(?:[\s,]+NC\d{3})*)", re.IGNORECASE)


@dataclass
class _Block:
    first_line: int
    last_line: int | None = None
    codes: set[str] = field(default_factory=set)


def without_ignored(findings: Iterable[Finding], text: str) -> list[Finding]:
    """The findings on the file with this text, without the warnings and notes that its comments switch off."""
    findings = list(findings)
    if "netcli:" not in text:
        return findings
    blocks = _switches(text)
    return [finding for finding in findings if finding.severity == "error" or not _is_ignored(finding, blocks)]


def _is_ignored(finding: Finding, blocks: list[_Block]) -> bool:
    line = finding.place.line if finding.place else 0
    return any(
        finding.code in block.codes
        and block.first_line <= line
        and (block.last_line is None or line <= block.last_line)
        for block in blocks
    )


def _switches(text: str) -> list[_Block]:
    """The blocks and lines that have codes to ignore; the whole file is the block from line 0 on."""
    found = [_Block(0)]
    open_blocks = [found[0]]
    opened_here: list[_Block] = []
    line, searched, line_with_text = 1, 0, 0
    for match in _PIECE.finditer(text):
        breaks = text.count("\n", searched, match.start())
        searched = match.start()
        if breaks:
            line += breaks
            opened_here = []
        piece = match[0]
        if piece[0] != "#":
            line_with_text = line
        if piece in "{<":
            block = _Block(line)
            found.append(block)
            open_blocks.append(block)
            opened_here.append(block)
        elif piece in "}>" and len(open_blocks) > 1:
            open_blocks.pop().last_line = line
        switch = _SWITCH.match(piece)
        if switch:
            codes = {code.upper() for code in re.findall(r"NC\d{3}", switch[1], re.IGNORECASE)}
            if line_with_text != line:
                open_blocks[-1].codes |= codes
            else:
                found.append(_Block(line, line, codes))
                for block in opened_here:
                    if block.last_line is None:
                        block.codes |= codes
    return [block for block in found if block.codes]
