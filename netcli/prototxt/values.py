"""Scalar values of the protobuf text format: text to Python value.

Accepts what ``google.protobuf.text_format`` accepts: decimal, hexadecimal and octal whole numbers, floats with
a trailing ``f``, ``inf`` and ``nan`` in any case, ``true``/``t``/``True``/``1``, enum values by name or number.
Every converter raises ValueError on anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_OCTAL = re.compile(r"(-?)0([0-9]+)")
_FLOAT_OCTAL = re.compile(r"-?0[0-9]+")
_INFINITY = re.compile(r"(-?)inf(?:inity)?f?", re.IGNORECASE)
_NAN = re.compile(r"nanf?", re.IGNORECASE)
_BOOLS = {"true": True, "t": True, "True": True, "1": True, "false": False, "f": False, "False": False, "0": False}

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"?])|([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|.)"
)
_SIMPLE_ESCAPES = {
    "a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v",
    "\\": b"\\", "'": b"'", '"': b'"', "?": b"?",
}  # fmt: skip


class OutOfRange(ValueError):
    """A whole number that the field's type cannot hold."""


class BadEscape(ValueError):
    """A backslash sequence that the text format does not know; ``offset`` counts from the opening quote."""

    def __init__(self, sequence: str, offset: int) -> None:
        super().__init__(sequence)
        self.sequence = sequence
        self.offset = offset


def whole_number(text: str) -> int:
    """A decimal, hexadecimal (0x) or octal (leading 0) whole number of any size."""
    octal = _OCTAL.fullmatch(text)
    return int(octal[1] + octal[2], 8) if octal else int(text, 0)


def bounded(lowest: int, highest: int) -> Callable[[str], int]:
    """A converter for whole numbers from ``lowest`` to ``highest``; raises OutOfRange beyond."""

    def convert(text: str) -> int:
        value = whole_number(text)
        if not lowest <= value <= highest:
            raise OutOfRange(text)
        return value

    return convert


def real_number(text: str) -> float:
    """A float in any of the spellings ``1``, ``1.``, ``.5``, ``1e-3``, ``1f``, ``inf``, ``-inf``, ``nan``."""
    if _FLOAT_OCTAL.match(text):
        raise ValueError(text)
    try:
        return float(text)
    except ValueError:
        infinity = _INFINITY.fullmatch(text)
        if infinity:
            return float(infinity[1] + "inf")
        if _NAN.fullmatch(text):
            return float("nan")
        return float(text.rstrip("fF"))


def truth(text: str) -> bool:
    """A bool in one of the eight spellings."""
    try:
        return _BOOLS[text]
    except KeyError:
        raise ValueError(text) from None


def enumerated(numbers: dict[str, int]) -> Callable[[str], int]:
    """A converter for an enum whose names have these numbers; takes names and numbers."""
    allowed = frozenset(numbers.values())

    def convert(text: str) -> int:
        if text in numbers:
            return numbers[text]
        number = int(text, 0)
        if number not in allowed:
            raise ValueError(text)
        return number

    return convert


def quoted_bytes(token: str) -> bytes:
    """The bytes of one quoted string: escapes resolved, other characters as UTF-8. Raises BadEscape."""
    body = token[1:-1]
    if "\\" not in body:
        return body.encode()
    parts = []
    end = 0
    for match in _ESCAPE.finditer(body):
        parts.append(body[end : match.start()].encode())
        parts.append(_unescape(match))
        end = match.end()
    parts.append(body[end:].encode())
    return b"".join(parts)


def _unescape(match: re.Match[str]) -> bytes:
    simple, octal, hexadecimal, short, long = match.groups()
    if simple:
        return _SIMPLE_ESCAPES[simple]
    if octal and int(octal, 8) < 256:
        return bytes([int(octal, 8)])
    if hexadecimal:
        return bytes([int(hexadecimal, 16)])
    code_point = int(short or long or "110000", 16)
    if code_point > 0x10FFFF or 0xD800 <= code_point <= 0xDFFF:
        raise BadEscape(match[0], match.start() + 1)
    return chr(code_point).encode()
