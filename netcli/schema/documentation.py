"""What proto/caffe.proto says about its messages: fields with types, defaults and the comments beside them.

The comments come from the compiled descriptor, which keeps where everything stands in the .proto: a comment before a
field is about all fields that follow without an empty line or a comment of their own.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto

_MESSAGES, _FIELDS, _ENUMS, _NESTED_ENUMS, _VALUES = 4, 2, 5, 4, 2
"""Field numbers in descriptor.proto, of which the paths of source locations are made."""

Path = tuple[int, ...]


@dataclass(frozen=True)
class FieldText:
    """One field.

    Attributes:
        type: a scalar type of protobuf, or the name of a message or enumeration.
        default: as written in a prototxt; empty for none.
        comment: about this field; ``shared_comment``: about it and those beside it together.
        values: of an enumeration, with their comments.
        message: whether ``type`` is a message.
    """

    name: str
    type: str
    repeated: bool
    default: str
    comment: str
    shared_comment: str
    values: dict[str, str]
    message: bool


@dataclass(frozen=True)
class MessageText:
    """One message: what it is about, and its fields in the order of the .proto."""

    name: str
    comment: str
    fields: tuple[FieldText, ...]


@functools.cache
def message_text(name: str) -> MessageText:
    """The message called ``name``, e.g. "ConvolutionParameter". Raises KeyError."""
    return _file().message(name)


@dataclass(frozen=True)
class _Location:
    line: int
    leading: str
    trailing: str


class _SchemaFile:
    """The descriptor with its source locations."""

    def __init__(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        self._messages = {message.name: (index, message) for index, message in enumerate(file.message_type)}
        self._enums: dict[str, tuple[EnumDescriptorProto, Path]] = {
            f".{file.package}.{enum.name}": (enum, (_ENUMS, index)) for index, enum in enumerate(file.enum_type)
        }
        for number, message in self._messages.values():
            for index, enum in enumerate(message.enum_type):
                path = (_MESSAGES, number, _NESTED_ENUMS, index)
                self._enums[f".{file.package}.{message.name}.{enum.name}"] = enum, path
        self._locations = {
            tuple(location.path): _Location(
                location.span[0], _joined(location.leading_comments), _joined(location.trailing_comments)
            )
            for location in file.source_code_info.location
        }

    def message(self, name: str) -> MessageText:
        index, message = self._messages[name]
        path = (_MESSAGES, index)
        return MessageText(name, self._locations[path].leading, tuple(self._fields(message, path)))

    def _fields(self, message: DescriptorProto, path: Path) -> Iterator[FieldText]:
        for group in self._groups(message, path):
            shared = group[0][1].leading if len(group) > 1 else ""
            for field, location in group:
                values = self._values(*self._enums[field.type_name]) if field.type_name in self._enums else {}
                yield FieldText(
                    field.name,
                    field.type_name.rpartition(".")[2] or FieldDescriptorProto.Type.Name(field.type)[5:].lower(),
                    field.label == FieldDescriptorProto.LABEL_REPEATED,
                    _default(field),
                    location.trailing or ("" if shared else location.leading),
                    shared,
                    values,
                    field.type == FieldDescriptorProto.TYPE_MESSAGE,
                )

    def _groups(self, message: DescriptorProto, path: Path) -> list[list[tuple[FieldDescriptorProto, _Location]]]:
        """The fields, those together that one comment is about."""
        groups: list[list[tuple[FieldDescriptorProto, _Location]]] = []
        last = _Location(-1, "", "")
        for index, field in enumerate(message.field):
            location = self._locations[*path, _FIELDS, index]
            alone = location.leading or location.trailing or last.trailing or location.line != last.line + 1
            if alone or not groups[-1][0][1].leading:
                groups.append([])
            groups[-1].append((field, location))
            last = location
        return groups

    def _values(self, enum: EnumDescriptorProto, path: Path) -> dict[str, str]:
        locations = [self._locations[*path, _VALUES, index] for index in range(len(enum.value))]
        return {
            value.name: location.trailing or location.leading
            for value, location in zip(enum.value, locations, strict=True)
        }


@functools.cache
def _file() -> _SchemaFile:
    data = importlib.resources.files(__package__).joinpath("caffe.desc").read_bytes()
    return _SchemaFile(descriptor_pb2.FileDescriptorSet.FromString(data).file[0])


def _default(field: FieldDescriptorProto) -> str:
    if not field.HasField("default_value"):
        return ""
    return f'"{field.default_value}"' if field.type == FieldDescriptorProto.TYPE_STRING else field.default_value


def _joined(comment: str) -> str:
    """A comment as paragraphs: lines are joined, but for indented ones (equations, lists), which stay lines."""
    text, own_line = "", False
    for line in (line.removeprefix(" ").rstrip() for line in comment.splitlines()):
        indented = line.startswith(" ")
        text += ("\n" if indented or own_line else " ") + line if text else line
        own_line = indented
    return text
