"""What the parser needs to know about messages and fields, taken from the descriptors once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from netcli.prototxt import values

_INTEGERS: dict[int, tuple[int, int]] = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
_CHARACTERS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


def has_label(field: Any, label: str) -> bool:
    """``field.is_repeated`` or ``field.is_required``, also where protobuf is too old to have them (before 6.31)."""
    answer = getattr(field, f"is_{label}", None)
    return bool(field.label == getattr(field, f"LABEL_{label.upper()}") if answer is None else answer)


class FieldRule:
    """One field: how to read its value and how to describe it in an error.

    ``convert`` turns the text of a token into a value (ValueError if it cannot); it is None for messages and
    for strings, which may span several tokens.
    """

    __slots__ = ("choices", "convert", "descriptor", "expected", "is_message", "is_text", "name", "repeated")

    def __init__(self, descriptor: Any) -> None:
        self.descriptor = descriptor
        self.name: str = descriptor.name
        self.repeated = has_label(descriptor, "repeated")
        self.is_message: bool = descriptor.type == FieldDescriptor.TYPE_MESSAGE
        self.is_text: bool = descriptor.type in _CHARACTERS
        self.choices: tuple[str, ...] = ()
        self.convert: Callable[[str], Any] | None = None
        if self.is_message:
            self.expected = "{ ... }"
        elif self.is_text:
            self.expected = "text in quotes"
        elif descriptor.type in _INTEGERS:
            lowest, highest = _INTEGERS[descriptor.type]
            self.convert = values.bounded(lowest, highest)
            self.expected = f"a whole number from {lowest} to {highest}"
        elif descriptor.type == FieldDescriptor.TYPE_BOOL:
            self.convert = values.truth
            self.expected = "true or false"
        elif descriptor.type == FieldDescriptor.TYPE_ENUM:
            numbers = {value.name: value.number for value in descriptor.enum_type.values}
            self.choices = tuple(numbers)
            self.convert = values.enumerated(numbers)
            self.expected = "one of " + ", ".join(numbers)
        else:
            self.convert = values.real_number
            self.expected = "a number"


class MessageRule:
    """One message: its fields by name, and those it cannot do without."""

    __slots__ = ("descriptor", "fields", "name", "required")

    def __init__(self, descriptor: Any) -> None:
        self.descriptor = descriptor
        self.name: str = descriptor.name
        self.fields = {field.name: FieldRule(field) for field in descriptor.fields}
        self.required = tuple(field.name for field in descriptor.fields if has_label(field, "required"))


@cache
def message_rule(descriptor: Any) -> MessageRule:
    """The rule of a message, made at its first use."""
    return MessageRule(descriptor)
