"""Prototxt cut into tokens by one regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterator

NAME, NUMBER, STRING, BROKEN_STRING, OTHER, END = range(1, 7)
"""Kinds of tokens. OTHER is any single character that is nothing else, braces and separators among them."""

Token = tuple[int, str, int]
"""Kind, text (a string with its quotes), offset."""

# Possessive quantifiers keep the time linear, whatever the text. A token always matches (END in the last
# resort), else the search would go on inside a comment.
_TOKEN = re.compile(
    r"""(?:\s++|\#[^\n]*+)*+
    (?: ([a-zA-Z_][0-9a-zA-Z_+-]*+)
      | ((?:[0-9+-]|\.[0-9])[0-9a-zA-Z_.+-]*+)
      | ("[^"\n\\]*+(?:\\.[^"\n\\]*+)*+" | '[^'\n\\]*+(?:\\.[^'\n\\]*+)*+')
      | (["'][^\n]*+)
      | (.)
      | (\Z)
    )""",
    re.VERBOSE,
)

_BEGINS_FIELD = re.compile(r"[a-zA-Z_][0-9a-zA-Z_]*+(?:\s++|\#[^\n]*+)*+[:{<]")


def tokenize(text: str) -> Iterator[Token]:
    """The tokens of ``text`` without white space and comments, closed by one END token.

    A string that is not closed ends with its line, but before the braces that end the line, so that one
    missing quote is not taken for a missing brace as well.
    """
    for match in _TOKEN.finditer(text):
        kind = match.lastindex or END
        if kind == BROKEN_STRING:
            yield from _broken_string(match[kind], match.start(kind))
        else:
            yield kind, match[kind], match.start(kind)


def _broken_string(text: str, at: int) -> Iterator[Token]:
    kept = text[0] + text[1:].rstrip(" \t\r}>")
    yield BROKEN_STRING, kept, at
    for offset in range(len(kept), len(text)):
        if text[offset] in "}>":
            yield OTHER, text[offset], at + offset


def begins_field(text: str, at: int) -> bool:
    """Whether a field (a name, then a colon or a brace) begins at this offset."""
    return _BEGINS_FIELD.match(text, at) is not None


def brace_balance(text: str) -> int:
    """How many more braces the text opens than it closes."""
    balance = 0
    for kind, token, _ in tokenize(text):
        if kind == OTHER:
            balance += (token in "{<") - (token in "}>")
    return balance
