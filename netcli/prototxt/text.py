"""Messages written as prototxt."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from netcli.prototxt.fields import has_label

_TEXT_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def to_text(message: Message) -> str:
    """Prototxt with one field a line, in the order of the schema; floats as short as they read back equal."""
    return "".join(line + "\n" for line in _lines(message, ""))


def _lines(message: Message, indent: str) -> Iterator[str]:
    for field, value in sorted(message.ListFields(), key=lambda item: item[0].index):
        for one in value if has_label(field, "repeated") else (value,):
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                yield f"{indent}{field.name} {{"
                yield from _lines(one, indent + "  ")
                yield indent + "}"
            else:
                yield f"{indent}{field.name}: {_scalar(field, one)}"


def _scalar(field: Any, value: Any) -> str:
    if field.type == FieldDescriptor.TYPE_STRING:
        return '"' + value.translate(_TEXT_ESCAPES) + '"'
    if field.type == FieldDescriptor.TYPE_BYTES:
        return '"' + "".join(_byte(byte) for byte in value) + '"'
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "true" if value else "false"
    if field.type == FieldDescriptor.TYPE_ENUM:
        name = field.enum_type.values_by_number.get(value)
        return str(value) if name is None else str(name.name)
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return _shortest(value, "<f", 6, 9)
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _shortest(value, "<d", 15, 17)
    return str(value)


def _byte(byte: int) -> str:
    character = chr(byte)
    return character if character.isascii() and character.isprintable() and character not in '"\\' else f"\\{byte:03o}"


def _shortest(value: float, layout: str, fewest: int, most: int) -> str:
    """The fewest digits that give the same float back."""
    if not math.isfinite(value):
        return repr(value)
    for digits in range(fewest, most):
        text = f"{value:.{digits}g}"
        if struct.unpack(layout, struct.pack(layout, float(text)))[0] == value:
            return text
    return f"{value:.{most}g}"
