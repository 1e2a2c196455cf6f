"""Where a brace is missing, or one too many, judged by the indentation of the lines.

The grammar alone finds such a mistake late: where text stands that fits no open message, or at the end. People see it
at once, since it breaks the pattern of the lines. The rules of that pattern are: what stands inside of a block is
indented more than the line that opens it, and a closing brace that begins its line is indented like the line that
opens its block. If the text breaks these rules exactly as often as braces are missing (or too many), those are the
places; if it breaks them more often, it is not indented by these rules, and they say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netcli.prototxt.tokens import END, OTHER, Token, tokenize

_TAB = 8
_CLOSERS = {"{": "}", "<": ">"}


@dataclass(frozen=True)
class Mend:
    """One brace to put in or to take out.

    Attributes:
        at: the offset to put the brace in at, or the offset of the brace to take out.
        place_at: the offset at which people would look for it.
        closer: the brace.
        opened_at: the offset of the brace that it closes; -1 for a brace too many.
    """

    at: int
    place_at: int
    closer: str
    opened_at: int = -1

    @property
    def is_missing(self) -> bool:
        """Whether the brace is to be put in."""
        return self.opened_at >= 0


@dataclass
class _Block:
    """A block that is open: its brace, and the line on which that stands."""

    opened_at: int
    closer: str
    line: int
    indent: int
    content_indent: int | None = None


@dataclass(frozen=True)
class _Placed:
    """A token with its line, that line's indentation, and whether it is the first one there."""

    token: str
    at: int
    line: int
    indent: int
    is_first: bool
    is_end: bool = False


def mends(text: str) -> list[Mend]:
    """The braces to put in or take out so that those of ``text`` pair; none where the indentation does not tell."""
    tokens = list(tokenize(text))
    braces = [token for kind, token, _ in tokens if kind == OTHER]
    balance = sum((brace in "{<") - (brace in "}>") for brace in braces)
    if balance == 0:
        return []
    placed = _place(text, tokens)
    found = _missing(text, placed) if balance > 0 else _superfluous(placed)
    if sum(mend.at >= len(text) for mend in found) > 1:
        return []  # the text is cut off, which is one mistake and not several
    return found if len(found) == abs(balance) else []


def mended(tokens: Iterator[Token], found: list[Mend]) -> Iterator[Token]:
    """The tokens with these braces put in or taken out."""
    waiting = sorted(found, key=lambda mend: mend.at)
    for kind, token, at in tokens:
        while waiting and waiting[0].at <= at:
            mend = waiting.pop(0)
            if not mend.is_missing:
                break
            yield OTHER, mend.closer, mend.at
        else:
            yield kind, token, at


def _place(text: str, tokens: list[Token]) -> Iterator[_Placed]:
    line, line_start, indent, searched = 1, 0, 0, 0
    is_first = True
    for kind, token, at in tokens:
        breaks = text.count("\n", searched, at)
        if breaks:
            line += breaks
            line_start = text.rfind("\n", searched, at) + 1
            is_first = True
        if is_first:
            indent = len(text[line_start:at].expandtabs(_TAB))
        searched = at
        yield _Placed(token if kind in (OTHER, END) else "", at, line, indent, is_first, kind == END)
        is_first = False


def _missing(text: str, tokens: Iterator[_Placed]) -> list[Mend]:
    """Blocks that end, as the indentation has it, before their brace comes."""
    found: list[Mend] = []
    blocks: list[_Block] = []
    last_at = last_line = 0
    for token in tokens:
        is_closer = token.token in ("}", ">")
        if token.is_first or token.is_end:
            while blocks and blocks[-1].line < token.line and _ends_before(blocks, token, is_closer=is_closer):
                block = blocks.pop()
                at = _where_missing(text, block, last_at, last_line)
                found.append(Mend(token.at, at, block.closer, block.opened_at))
        if token.token in _CLOSERS:
            blocks.append(_Block(token.at, _CLOSERS[token.token], token.line, token.indent))
        elif is_closer and blocks:
            blocks.pop()
        last_at, last_line = token.at, token.line
    return found


def _ends_before(blocks: list[_Block], token: _Placed, *, is_closer: bool) -> bool:
    block = blocks[-1]
    if token.is_end:
        return True
    if is_closer:
        return block.indent > token.indent or (len(blocks) > 1 and blocks[-2].line == block.line)
    return block.indent >= token.indent


def _where_missing(text: str, block: _Block, last_at: int, last_line: int) -> int:
    """The end of the block's line if it has but one, else the line behind the last one with something on it."""
    end = text.find("\n", last_at)
    if end < 0:
        return len(text)
    if block.line == last_line:
        return end
    following = text.find("\n", end + 1)
    width = (len(text) if following < 0 else following) - end - 1
    return end + 1 + min(block.indent, max(width, 0))


def _superfluous(tokens: Iterator[_Placed]) -> list[Mend]:
    """Braces that close a block whose content, as the indentation has it, goes on, or close no block at all."""
    found: list[Mend] = []
    blocks: list[_Block] = [_Block(-1, "", 0, -1)]
    closed: tuple[_Block, _Placed] | None = None
    for token in tokens:
        if token.token in ("}", ">"):
            block = blocks[-1]
            if len(blocks) == 1 or (block.indent != token.indent if token.is_first else block.line != token.line):
                found.append(Mend(token.at, token.at, token.token))
            else:
                closed = (blocks.pop(), token)
            continue
        if token.is_first and not token.is_end:
            inside = blocks[-1]
            if closed is not None and _goes_on(closed[0], inside, token.indent):
                blocks.append(closed[0])
                found.append(Mend(closed[1].at, closed[1].at, closed[1].token))
                closed = None
            elif inside.content_indent is None:
                inside.content_indent = token.indent
        if token.token in _CLOSERS:
            blocks.append(_Block(token.at, _CLOSERS[token.token], token.line, token.indent))
    return found


def _goes_on(closed: _Block, inside: _Block, indent: int) -> bool:
    return closed.content_indent == indent and inside.content_indent is not None and inside.content_indent < indent
