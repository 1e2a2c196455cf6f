"""Prototxt to message, with the position of every field and with every error, not only the first.

The grammar is protobuf's text format. Where the text departs from it, the parser says so and goes on at the
next point where it can make sense of the text; ``recovery`` holds those rules. Where braces do not pair, the text is
read a second time with the braces that ``braces`` puts in or takes out, if that explains everything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from netcli.errors import Finding
from netcli.prototxt import values
from netcli.prototxt.braces import Mend, mends
from netcli.prototxt.fields import FieldRule, MessageRule, message_rule
from netcli.prototxt.nodes import Node, SourceText
from netcli.prototxt.recovery import Open, Recovery
from netcli.prototxt.tokens import BROKEN_STRING, END, NAME, OTHER, STRING

M = TypeVar("M", bound=Message)

_LAYERS = ("LayerParameter", "V1LayerParameter")
_CLOSERS = {"{": "}", "<": ">"}
_BRACE_CODES = ("NC006", "NC007")


def parse_text(text: str, message_class: type[M], file: str = "<string>") -> tuple[M, Node, list[Finding]]:
    """Parse ``text`` as a ``message_class``.

    Returns:
        The message, the tree of positions that mirrors it, and the findings in the order of the text. With
        findings of severity error the message holds what could be understood.
    """
    text = text.removeprefix("\ufeff")
    message = message_class()
    parser = _Parser(text, file)
    node = parser.parse(message)
    if any(finding.code in _BRACE_CODES for finding in parser.findings):
        found = mends(text)
        mended_message = message_class()
        mended_parser = _Parser(text, file, found)
        mended_node = mended_parser.parse(mended_message)
        if found and sum(finding.code in _BRACE_CODES for finding in mended_parser.findings) == len(found):
            return mended_message, mended_node, mended_parser.findings
    return message, node, parser.findings


class _Parser(Recovery):
    """Recursive descent over the descriptors. The messages of a schema nest to a fixed depth, unlike the text."""

    def __init__(self, text: str, file: str, braces: Sequence[Mend] = ()) -> None:
        super().__init__(SourceText(text, file), braces)

    def parse(self, message: Message) -> Node:
        """Read the whole text into ``message``."""
        node = Node(self.source, -1)
        rule = message_rule(message.DESCRIPTOR)
        root = Open(message, node, rule, "")
        self.open.append(root)
        self.fields(root)
        self.check_required(root)
        self.finish()
        return node

    def fields(self, inside: Open) -> None:
        """Read fields up to the end of the message ``inside``, its closing brace included."""
        rules = inside.rule.fields
        closer = inside.closer
        while True:
            if self.kind == NAME:
                rule = rules.get(self.token)
                if rule is not None:
                    self.field(inside, rule)
                    if self.token == "," or self.token == ";":
                        self.advance()
                elif self.unknown_field(inside):
                    return
            elif self.token == closer and self.kind == OTHER:
                inside.closed_at = self.at
                self.just_closed = inside
                self.advance()
                return
            elif self.kind == END:
                if closer:
                    self.end_inside()
                return
            elif self.stray_token(inside):
                return

    def field(self, inside: Open, rule: FieldRule) -> None:
        """Read one known field: its name is the current token."""
        name_at = self.at
        self.just_closed = None
        self.advance()
        if not rule.repeated and rule.name in inside.node.children:
            self.given_twice(inside, rule, name_at)
            inside = Open(type(inside.message)(), Node(self.source, inside.node.offset), inside.rule, inside.closer)
        if rule.is_message:
            self.message_field(inside, rule, name_at)
        elif self.token == ":":
            self.advance()
            if self.token == "[":
                self.value_list(inside, rule, name_at)
            else:
                self.value(inside, rule, name_at)
        elif self.colon_missing(rule, name_at):
            self.value(inside, rule, name_at)

    def message_field(self, inside: Open, rule: FieldRule, name_at: int) -> None:
        """Read ``{ ... }``, ``: { ... }``, ``< ... >`` or a list of those."""
        if self.token == ":":
            self.advance()
        if self.token in _CLOSERS:
            self.message(inside, rule, name_at)
        elif self.token == "[":
            self.value_list(inside, rule, name_at)
        else:
            self.not_a_message(rule, name_at)

    def message(self, inside: Open, rule: FieldRule, name_at: int) -> None:
        """Read one message: its opening brace is the current token."""
        node = Node(self.source, name_at)
        inside.node.add(rule.name, node)
        if rule.repeated:
            message = getattr(inside.message, rule.name).add()
        else:
            message = getattr(inside.message, rule.name)
            message.SetInParent()
        below = Open(message, node, message_rule(message.DESCRIPTOR), _CLOSERS[self.token], name_at, self.at)
        first_finding = len(self.findings)
        self.advance()
        self.open.append(below)
        self.fields(below)
        self.open.pop()
        self.check_required(below)
        if len(self.findings) > first_finding and below.rule.name in _LAYERS:
            self._name_layer(message, below.rule, first_finding)

    def resume(self, closed: Open) -> None:
        """Go on inside a message that an extra brace had closed."""
        self.open.append(closed)
        self.fields(closed)
        self.open.pop()

    def value_list(self, inside: Open, rule: FieldRule, name_at: int) -> None:
        """Read ``[a, b, ...]``: the opening bracket is the current token."""
        opened_at = self.at
        if not rule.repeated:
            self.not_repeated(rule)
            return
        self.advance()
        if self.token == "]":
            self.advance()
            return
        while True:
            if not rule.is_message:
                self.value(inside, rule, name_at)
            elif self.token in _CLOSERS:
                self.message(inside, rule, name_at)
            else:
                self.not_a_message(rule, name_at)
            if self.token == ",":
                self.advance()
            elif self.token == "]":
                self.advance()
                return
            else:
                self.list_not_closed(rule, opened_at)
                return

    def value(self, inside: Open, rule: FieldRule, name_at: int) -> None:
        """Read one scalar into the message and note where it stands."""
        value_at = self.at
        try:
            if rule.convert is None:
                value: Any = self.text_value(rule)
            else:
                value = rule.convert(self.token)
                self.advance()
            if rule.repeated:
                getattr(inside.message, rule.name).append(value)
            else:
                setattr(inside.message, rule.name, value)
        except ValueError as error:
            self.bad_value(rule, name_at, value_at, error)
        inside.node.add(rule.name, Node(self.source, name_at, value_at))

    def text_value(self, rule: FieldRule) -> str | bytes:
        """Adjacent quoted strings, joined; a broken one is reported and taken as far as it goes."""
        if self.kind != STRING and self.kind != BROKEN_STRING:
            raise ValueError(self.token)
        parts = []
        while self.kind == STRING or self.kind == BROKEN_STRING:
            token = self.token
            if self.kind == BROKEN_STRING:
                self.broken_string()
                token += token[0]
            try:
                parts.append(values.quoted_bytes(token))
            except values.BadEscape as error:
                self.bad_escape(error)
            self.advance()
        joined = b"".join(parts)
        if rule.descriptor.type == rule.descriptor.TYPE_BYTES:
            return joined
        return joined.decode()

    def check_required(self, done: Open) -> None:
        """Report the required fields that a message lacks."""
        for name in done.rule.required:
            if name not in done.node.children:
                self.missing_required(done, name)

    def _name_layer(self, message: Any, rule: MessageRule, first: int) -> None:
        """Say in the findings from ``first`` on which layer they are about."""
        kind = rule.fields["type"]
        layer_type = None
        if message.HasField("type"):
            layer_type = message.type if kind.is_text else message.LayerType.Name(message.type)
        self.findings[first:] = [
            finding
            if finding.layer is not None or not message.name
            else dataclasses.replace(finding, layer=message.name, layer_type=layer_type)
            for finding in self.findings[first:]
        ]
