"""Hints for unknown fields and wrong values: what was probably meant, and where it belongs."""

from __future__ import annotations

from netcli.errors import did_you_mean
from netcli.prototxt.fields import FieldRule, MessageRule, message_rule
from netcli.prototxt.fork_fields import fork_of
from netcli.schema import caffe_pb2 as pb
from netcli.spelling import nearest

_OLD_TYPES = frozenset(pb.V1LayerParameter.LayerType.keys())

_LAYER_FIELDS = frozenset(pb.LayerParameter.DESCRIPTOR.fields_by_name)

Advice = tuple[str, str, str | None, str | None]
"""Code, message, hint, suggestion."""


def on_unknown_field(name: str, inside: MessageRule, label: str, outer: list[MessageRule]) -> Advice:
    """What to say about a field that the message ``inside`` (written as ``label``) does not have."""
    fork = fork_of(inside.name, name)
    if fork is not None:
        message = f"unknown field '{name}' in {label}: it is defined in {fork}, and netcli does not have it"
        return "NC018", message, None, None
    hint, suggestion = _elsewhere(name, inside, outer), None
    if hint is None:
        hint, suggestion = did_you_mean(name, inside.fields)
    return "NC012", f"unknown field '{name}' in {label}", hint, suggestion


def _elsewhere(name: str, inside: MessageRule, outer: list[MessageRule]) -> str | None:
    for message in outer:
        if name in message.fields:
            return f"'{name}' is a field of {_spoken(message)}, outside of these braces"
    if inside.name == "NetParameter" and name in _LAYER_FIELDS:
        return f"'{name}' is a field of a layer; is a brace closed too early?"
    if inside.name in ("NetParameter", "SolverParameter"):
        other = pb.SolverParameter if inside.name == "NetParameter" else pb.NetParameter
        if name in message_rule(other.DESCRIPTOR).fields:
            return f"'{name}' is a field of {_spoken(message_rule(other.DESCRIPTOR))}"
    if inside.name == "LayerParameter":
        if name in ("blobs_lr", "weight_decay"):
            modern = "lr_mult" if name == "blobs_lr" else "decay_mult"
            return f"'{name}' belongs to the old layers {{ }}; in layer {{ }} write param {{ {modern}: ... }}"
        homes = [
            field.name
            for field in inside.fields.values()
            if field.name.endswith("_param") and name in message_rule(field.descriptor.message_type).fields
        ]
        if homes and len(homes) <= 4:
            return f"'{name}' belongs inside {' or '.join(homes)} {{ }}"
    return None


def _spoken(message: MessageRule) -> str:
    names = {"NetParameter": "a net", "SolverParameter": "a solver", "LayerParameter": "the layer"}
    return names.get(message.name, message.name)


def on_bad_value(rule: FieldRule, token: str, out_of_range: bool, message_name: str) -> Advice:
    """What to say about a token that is no value of the field."""
    if out_of_range:
        return "NC014", f"the value of '{rule.name}' is out of range", None, None
    is_quoted = token[:1] in ("'", '"')
    bare = token.strip("'\"")
    if rule.choices:
        return _on_bad_choice(rule, bare, is_quoted, message_name)
    message = f"wrong type of value for '{rule.name}'"
    if rule.is_text:
        if message_name == "LayerParameter" and rule.name == "type" and bare in _OLD_TYPES:
            return "NC013", message, "names in capitals belong to the old layers { }; layer { } takes text", None
        return "NC013", message, f'write "{bare}"', f'"{bare}"'
    if rule.convert is None:
        return "NC013", message, None, None
    for spelling in (bare, bare.lower()):
        if _converts(rule, spelling):
            return "NC013", message, f"write {spelling}", spelling
    try:
        number = float(bare)
    except ValueError:
        return "NC013", message, None, None
    whole = str(int(number)) if abs(number) < 2**53 and number == int(number) else ""
    if whole and _converts(rule, whole):
        return "NC013", message, f"write {whole}", whole
    return "NC013", message, None, None


def _on_bad_choice(rule: FieldRule, bare: str, is_quoted: bool, message_name: str) -> Advice:
    message = f"unknown value of '{rule.name}'"
    if message_name == "V1LayerParameter" and is_quoted:
        wanted = bare.replace("_", "").lower()
        for choice in rule.choices:
            if choice.replace("_", "").lower() == wanted:
                return "NC015", message, f"layers {{ }} takes {choice}; text in quotes belongs to layer {{ }}", choice
    suggestion = nearest(bare, rule.choices)
    if suggestion is None:
        return "NC015", message, None, None
    if is_quoted and suggestion == bare:
        return "NC015", message, f"write {suggestion} without quotes", suggestion
    return "NC015", message, f"did you mean '{suggestion}'?", suggestion


def _converts(rule: FieldRule, text: str) -> bool:
    if rule.convert is None:
        return False
    try:
        rule.convert(text)
    except ValueError:
        return False
    return True
