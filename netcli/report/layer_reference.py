"""What a layer type does, in words: its module's docstring, its registration, and the schema's comments.

``netcli layers`` prints it and docs/layers.md is made of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from netcli.layers.layer import EQUAL_TO_BOTTOMS, CountRule, Layer
from netcli.layers.registry import layer_types
from netcli.report.tables import Column, table
from netcli.schema import caffe_pb2 as pb
from netcli.schema.documentation import FieldText, MessageText, message_text

SCHEMA = 1
WIDTH = 120
INDENT = "  "


def docstring(layer: type[Layer]) -> str:
    """The equations, shapes and sources: the docstring of the module that the type stands in."""
    return _module_text(layer.__module__)


def shared_texts(layer: type[Layer]) -> dict[str, str]:
    """What the docstring refers to: name -> docstring, for modules of the family that several types share."""
    family = layer.__module__.rpartition(".")[0]
    types = {other.__module__ for other in layer_types().values()}
    found: dict[str, str] = {}
    waiting = [docstring(layer)]
    while waiting:
        for name in re.findall("``([a-z_]+)``", waiting.pop(0)):
            module = f"{family}.{name}"
            if name not in found and module not in types and importlib.util.find_spec(module):
                importlib.import_module(module)
                found[name] = _module_text(module)
                waiting.append(found[name])
    return found


def _module_text(module: str) -> str:
    return inspect.cleandoc(sys.modules[module].__doc__ or "")


def summary_line(layer: type[Layer]) -> str:
    """The first sentence of the docstring, without the type's name before it."""
    paragraph = docstring(layer).partition("\n\n")[0].replace("\n", " ")
    name, colon, rest = paragraph.partition(": ")
    line = rest if colon and layer.type_name in name else paragraph
    return re.split(r"\. (?=[A-Z])", line)[0].removesuffix(".").replace("``", "")


def find_type(name: str, types: Mapping[str, type[Layer]]) -> type[Layer] | None:
    """The type called ``name``, be it its V1 name or in another case; None if there is none."""
    by_name = {key.lower(): layer for layer in types.values() for key in (layer.v1_name, layer.type_name) if key}
    return types.get(name) or by_name.get(name.lower())


def layer_summary(layer: type[Layer]) -> dict[str, Any]:
    """The object of ``netcli layers TYPE --json``, but for its schema."""
    return {
        "type": layer.type_name,
        "summary": summary_line(layer),
        "text": docstring(layer),
        "shared_texts": shared_texts(layer),
        "v1": layer.v1_name,
        "fork": layer.fork or None,
        "bottoms": _limits(layer.bottoms),
        "tops": EQUAL_TO_BOTTOMS if layer.tops == EQUAL_TO_BOTTOMS else _limits(layer.tops),  # type: ignore[arg-type]
        "in_place": layer.in_place,
        "loss": layer.is_loss,
        "bottoms_without_gradient": list(layer.undifferentiable_bottoms),
        "no_gradient": layer.no_gradient or None,
        "gradient_error": layer.gradient_error,
        "messages": {field: _message(text) for field, text in _messages(layer)},
    }


def type_list(types: Mapping[str, type[Layer]], *, terminal: bool) -> str:
    """One line for each type."""
    columns = (Column("type"), Column("does"), Column("fork"))
    rows = [[name, summary_line(layer), layer.fork] for name, layer in types.items()]
    return table(columns, rows, terminal=terminal)


def layer_text(layer: type[Layer]) -> str:
    """Everything about one type, in lines of at most about 120 characters."""
    parts = [docstring(layer)]
    parts += [f"{name}\n{textwrap.indent(text, INDENT)}" for name, text in shared_texts(layer).items()]
    parts.append("\n".join(_facts(layer)))
    nested: dict[str, MessageText] = {}
    for field, text in _messages(layer):
        parts.append(_message_lines(f"{field} {{ }}", text))
        for inner in text.fields:
            if inner.message:
                nested[inner.type] = message_text(inner.type)
    parts += [_message_lines(name, text) for name, text in nested.items()]
    return "\n\n".join(parts)


def _messages(layer: type[Layer]) -> Iterator[tuple[str, MessageText]]:
    """The fields of LayerParameter that the type reads, with their messages."""
    fields = pb.LayerParameter.DESCRIPTOR.fields_by_name
    for field in filter(None, (layer.param_field, *layer.shared_fields)):
        message = fields[field].message_type
        assert message is not None
        yield field, message_text(message.name)


def _facts(layer: type[Layer]) -> Iterator[str]:
    facts = {
        "V1 name": layer.v1_name,
        "fork": layer.fork,
        "bottoms": _count(layer.bottoms),
        "tops": _count(layer.tops),
        "in place": "yes" if layer.in_place else "no",
        "loss": "the first top counts with weight 1 unless loss_weight is given" if layer.is_loss else "",
        "no gradient for": ", ".join(f"bottom {position}" for position in layer.undifferentiable_bottoms),
        "gradcheck": f"not checked: {layer.no_gradient}" if layer.no_gradient else _leeway(layer),
    }
    told = {name: value for name, value in facts.items() if value}
    width = max(map(len, told))
    for name, value in told.items():
        yield f"{INDENT}{name:{width}}  {value}"


def _leeway(layer: type[Layer]) -> str:
    return f"up to {layer.gradient_error:g} off: Caffe's formula is not exact" if layer.gradient_error else ""


def _limits(rule: CountRule) -> list[int | None]:
    return [rule, rule] if isinstance(rule, int) else list(rule)


def _count(rule: CountRule | str) -> str:
    if isinstance(rule, str):
        return rule
    least, most = _limits(rule)
    if most is None:
        return f"{least} or more"
    if least == most:
        return str(least or "none")
    return f"{least} or {most}" if most == (least or 0) + 1 else f"{least} to {most}"


def _message(text: MessageText) -> dict[str, Any]:
    fields = [
        {
            "name": field.name,
            "type": field.type,
            "repeated": field.repeated,
            "default": field.default or None,
            "comment": " ".join(filter(None, (field.shared_comment, field.comment))) or None,
            "values": field.values or None,
        }
        for field in text.fields
    ]
    return {"message": text.name, "comment": text.comment or None, "fields": fields}


def _message_lines(title: str, text: MessageText) -> str:
    """A title, the message's comment, and a line for each field: type, name, default, comment."""
    lines = [title, *_wrapped(text.comment, INDENT), ""]
    names = max(len(field.name) for field in text.fields)
    types = max(len(_type(field)) for field in text.fields)
    defaults = max(len(field.default) for field in text.fields)
    for shared, group in groupby(text.fields, key=lambda field: field.shared_comment):
        lines += _wrapped(shared, f"{INDENT}# ")
        for field in group:
            start = f"{INDENT}{field.name:{names}}  {_type(field):{types}}  {field.default:{defaults}}  "
            explained = any(field.values.values())
            choice = f"One of {', '.join(field.values)}." if field.values and not explained else ""
            lines += _wrapped(f"{field.comment} {choice}".strip(), start) or [start.rstrip()]
            for value, comment in field.values.items() if explained else ():
                lines += _wrapped(f"{value}: {comment}" if comment else value, " " * len(start))
    return "\n".join(lines)


def _type(field: FieldText) -> str:
    return f"repeated {field.type}" if field.repeated else field.type


def _wrapped(comment: str, start: str) -> list[str]:
    """``comment`` in lines; ``start`` stands before the first, and a comment sign or spaces before the others."""
    others = start if start.rstrip().endswith("#") else " " * len(start)
    lines: list[str] = []
    for line in comment.splitlines():
        lines += textwrap.wrap(line, WIDTH, initial_indent=others if lines else start, subsequent_indent=others)
    return lines
