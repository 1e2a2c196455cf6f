"""What the parser says about text that is not prototxt, and where it goes on afterwards.

The aim is one finding for one mistake. Three rules serve it: a value that is wrong is skipped alone; text that
is nothing at all is skipped to the end of its line; and a brace is called missing (or one too many) at the first
field that belongs to an outer (or the just closed) message, provided that the braces of the whole text agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from netcli.errors import Finding, Place
from netcli.prototxt import advice, values
from netcli.prototxt.braces import Mend, mended
from netcli.prototxt.fields import FieldRule, MessageRule
from netcli.prototxt.nodes import Node, SourceText
from netcli.prototxt.tokens import (
    BROKEN_STRING,
    END,
    NAME,
    NUMBER,
    OTHER,
    STRING,
    Token,
    begins_field,
    brace_balance,
    tokenize,
)

MAX_FINDINGS = 100
MAX_DEPTH = 100

_OPENERS = ("{", "<")
_NAME_BEFORE = re.compile(r"(\w+)\s*:?\s*\Z")
_LONGEST_NAME = 100
_VALUES = (NAME, NUMBER, STRING, BROKEN_STRING)


@dataclass(slots=True)
class Open:
    """A message that is being read. ``name_at`` and ``opened_at`` are the offsets of its name and its brace."""

    message: Message
    node: Node
    rule: MessageRule
    closer: str
    name_at: int = -1
    opened_at: int = -1
    closed_at: int = -1


def _position(finding: Finding) -> tuple[int, int]:
    return (finding.place.line, finding.place.column) if finding.place else (0, 0)


class Recovery:
    """The current token, the open messages, the findings, and one method for each kind of mistake.

    Each method reports and leaves the current token where reading can go on.
    """

    def __init__(self, source: SourceText, braces: Sequence[Mend] = ()) -> None:
        self.source = source
        self.findings: list[Finding] = []
        self.open: list[Open] = []
        self.just_closed: Open | None = None
        self._balance: int | None = None
        self._end_is_told = False
        self._tokens: Iterator[Token] = tokenize(source.text)
        if braces:
            self._tokens = mended(self._tokens, list(braces))
            for mend in braces:
                self._mended_brace(mend)
            self._balance = 0
        self.advance()

    def advance(self) -> None:
        """Make the next token the current one; the end stays the end."""
        self.kind, self.token, self.at = next(self._tokens, (END, "", len(self.source.text)))

    def resume(self, closed: Open) -> None:
        """Go on inside a message that an extra brace had closed."""
        raise NotImplementedError

    def place(self, offset: int) -> Place:
        """The place of an offset."""
        return self.source.place(offset)

    def error(
        self,
        code: str,
        message: str,
        at: int,
        *,
        expected: str | None = None,
        actual: str | None = None,
        hint: str | None = None,
        suggestion: str | None = None,
    ) -> None:
        """Note an error at an offset. After MAX_FINDINGS of them the text ends, as it were."""
        if self.is_full:
            return
        self.findings.append(
            Finding(
                code,
                message,
                place=self.place(at),
                expected=expected,
                actual=actual,
                hint=hint,
                suggestion=suggestion,
            )
        )
        if self.is_full:
            self._tokens = iter(())

    @property
    def is_full(self) -> bool:
        """Whether there are as many findings as one file gets."""
        return len(self.findings) >= MAX_FINDINGS

    def finish(self) -> None:
        """Put the findings into the order of the text, and say that reading stopped early, if it did."""
        self.findings.sort(key=_position)
        if self.is_full:
            message = f"reading stopped after {MAX_FINDINGS} errors; there may be more"
            self.findings.append(Finding("NC011", message, severity="note", place=Place(self.source.file)))

    def _mended_brace(self, mend: Mend) -> None:
        """Tell of a brace that is read although it is missing, or passed over because it is too many."""
        if mend.is_missing:
            self.error(
                "NC006",
                f"missing '{mend.closer}': {self.opening(mend.opened_at)} is still open here",
                mend.place_at,
                hint="close it here, or wherever it is to end",
                suggestion=mend.closer,
            )
        else:
            message = f"extra '{mend.closer}': by the indentation, what it would close goes on or is closed already"
            self.error("NC007", message, mend.place_at, hint="take it out")

    # Fields

    def unknown_field(self, inside: Open) -> bool:
        """The current token names no field of ``inside``. True if ``inside`` ends here for want of its brace."""
        name, at = self.token, self.at
        if self.brace_balance > 0 and any(name in outer.rule.fields for outer in self.open[:-1]):
            self._balance = self.brace_balance - 1
            self.error(
                "NC006",
                f"missing '{inside.closer}' before '{name}': {self.opening(inside.opened_at)} is still open",
                at,
            )
            return True
        closed = self.just_closed
        if self.brace_balance < 0 and closed is not None and name in closed.rule.fields:
            self._balance = self.brace_balance + 1
            self.error(
                "NC007",
                f"extra '{closed.closer}': {self.opening(closed.opened_at)} ends here, but '{name}' belongs to it",
                closed.closed_at,
            )
            self.just_closed = None
            self.resume(closed)
            return False
        code, message, hint, suggestion = advice.on_unknown_field(
            name, inside.rule, self.label(inside), [outer.rule for outer in self.open[:-1]]
        )
        self.error(code, message, at, hint=hint, suggestion=suggestion)
        self.just_closed = None
        if not begins_field(self.source.text, at):
            self.skip_line()
            return False
        self.advance()
        self.skip_value()
        if self.token in (",", ";"):
            self.advance()
        return False

    def given_twice(self, inside: Open, rule: FieldRule, name_at: int) -> None:
        """A singular field stands for the second time."""
        first = inside.node.children[rule.name][0].place
        self.error("NC016", f"'{rule.name}' is given twice", name_at, hint=f"the first one is at {first}")

    def missing_required(self, done: Open, name: str) -> None:
        """A message has ended without a field it needs."""
        self.error("NC017", f"missing field '{name}' in {self.label(done)}", done.name_at)

    def colon_missing(self, rule: FieldRule, name_at: int) -> bool:
        """A scalar's name is not followed by a colon. True if a value can be read all the same."""
        if self.token in _OPENERS:
            self.error("NC013", f"'{rule.name}' is not a message", self.at, expected=rule.expected, actual="{ ... }")
            self.skip_block()
            return False
        if self.token == "=":
            self.error("NC008", f"unexpected '=' after '{rule.name}'", self.at, expected="':'")
            self.advance()
            return True
        same_line = self.at < self.line_end(name_at)
        if self.kind in _VALUES and same_line and not (self.kind == NAME and begins_field(self.source.text, self.at)):
            self.error("NC009", f"missing ':' after '{rule.name}'", self.at)
            return True
        self.error("NC009", f"'{rule.name}' has no value", name_at, expected=rule.expected)
        return False

    # Values

    def bad_value(self, rule: FieldRule, name_at: int, value_at: int, error: ValueError) -> None:
        """The current token is no value of the field, or (already read) a string that is not text."""
        if self.at != value_at:
            self.error("NC004", f"the value of '{rule.name}' is not UTF-8 text", value_at)
            return
        if self._is_no_value():
            self.error("NC009", f"'{rule.name}' has no value", name_at, expected=rule.expected)
            return
        if self.token in _OPENERS:
            self.error("NC013", f"'{rule.name}' is not a message", self.at, expected=rule.expected, actual="{ ... }")
            self.skip_block()
            return
        token = self.token
        if any("\ud800" <= character <= "\udfff" for character in token):
            self.error("NC004", f"the value of '{rule.name}' is not UTF-8 text", value_at)
        else:
            code, message, hint, suggestion = advice.on_bad_value(
                rule, token, isinstance(error, values.OutOfRange), self.open[-1].rule.name
            )
            actual = token if len(token) <= 40 else token[:37] + "..."
            self.error(code, message, value_at, expected=rule.expected, actual=actual, hint=hint, suggestion=suggestion)
        was_text = self.kind in (STRING, BROKEN_STRING)
        self.advance()
        while was_text and self.kind in (STRING, BROKEN_STRING):
            self.advance()
        if self.kind in (STRING, BROKEN_STRING) and self.at == value_at + len(token):
            self.skip_line()  # only the opening quote is missing, so what follows is no text

    def not_repeated(self, rule: FieldRule) -> None:
        """A list stands where one value belongs."""
        self.error("NC013", f"'{rule.name}' takes one value, not a list", self.at, expected=rule.expected)
        self.skip_block()

    def not_a_message(self, rule: FieldRule, name_at: int) -> None:
        """A message's name is not followed by a brace."""
        if self._is_no_value() or self.at > self.line_end(name_at):
            self.error("NC009", f"'{rule.name}' has no value", name_at, expected=rule.expected)
            return
        self.error("NC013", f"'{rule.name}' is a message", self.at, expected=rule.expected, actual=self.token)
        self.skip_value()

    def list_not_closed(self, rule: FieldRule, opened_at: int) -> None:
        """A list's value is followed by neither a comma nor the bracket."""
        self.error(
            "NC006",
            f"the list of '{rule.name}' opened at {self.place(opened_at)} does not go on",
            self.at,
            expected="',' or ']'",
            actual=self.named_token(),
        )
        self._end_is_told = self._end_is_told or self.kind == END
        end = self.line_end(self.at)
        while self.kind != END and self.at < end and self.token not in ("]", "{", "}", "<", ">"):
            if self.kind == NAME and begins_field(self.source.text, self.at):
                return
            self.advance()
        if self.token == "]":
            self.advance()

    def broken_string(self) -> None:
        """The current token is a string without its closing quote."""
        self.error("NC005", f"text without its closing {self.token[0]}", self.at, actual=self.token[:40])

    def bad_escape(self, error: values.BadEscape) -> None:
        """The current token is a string with a backslash sequence that does not exist."""
        self.error(
            "NC005",
            f"unknown escape sequence '{error.sequence}'",
            self.at + error.offset,
            hint="write '\\\\' for a backslash, and '/' between the parts of a path",
        )

    # Anything else

    def stray_token(self, inside: Open) -> bool:
        """The current token cannot begin a field. True if it is a wrong brace that closes ``inside``."""
        self.just_closed = None
        if self.token in ("}", ">") and self.kind == OTHER:
            if not inside.closer:
                self.error("NC007", f"extra '{self.token}': nothing is open here", self.at)
                self.advance()
                return False
            self.error("NC007", f"{self.opening(inside.opened_at)} is closed by '{self.token}'", self.at)
            self.advance()
            return True
        hint = None
        previous = next(reversed(inside.node.children), None)
        if previous and inside.rule.fields[previous].repeated and self.kind in (NUMBER, STRING):
            hint = f"several values are written {previous}: [a, b] or by repeating '{previous}: ...'"
        self.error("NC008", f"unexpected {self.named_token()}", self.at, expected="the name of a field", hint=hint)
        if self.token in ("{", "<", "["):
            self.skip_block()
            if self.token == ":":
                self.skip_value()
            return False
        self.skip_line()
        return False

    def end_inside(self) -> None:
        """The text ends while messages are open: one finding for all of them."""
        if self._end_is_told:
            return
        self._end_is_told = True
        opened = [self.opening(message.opened_at) for message in reversed(self.open[1:])]
        missing = f"'{self.open[-1].closer}'" if len(opened) == 1 else f"{len(opened)} closing braces"
        self.error("NC006", f"missing {missing} at the end: still open are {', '.join(opened)}", self.at)

    # Skipping

    def skip_line(self) -> None:
        """Skip to the end of the line, but no further than a brace or the next field."""
        end = self.line_end(self.at)
        self.advance()
        while self.kind != END and self.at < end and self.token not in ("{", "}", "<", ">"):
            if self.kind == NAME and begins_field(self.source.text, self.at):
                return
            self.advance()

    def skip_value(self) -> None:
        """Skip what follows the name of an unknown field."""
        if self.token in (":", "="):
            self.advance()
        if self.token in ("{", "<", "["):
            self.skip_block()
            return
        if self._is_no_value():
            return
        if self.kind in (STRING, BROKEN_STRING):
            while self.kind in (STRING, BROKEN_STRING):
                self.advance()
        elif self.kind in _VALUES:
            self.advance()

    def skip_block(self) -> None:
        """Skip from an opening brace or bracket to its partner."""
        opened_at, opener = self.at, self.token
        depth = 0
        too_deep = False
        while self.kind != END:
            if self.kind == OTHER:
                if self.token in "{<[":
                    depth += 1
                    if depth > MAX_DEPTH and not too_deep:
                        too_deep = True
                        self.error("NC010", f"nested more than {MAX_DEPTH} deep", self.at)
                elif self.token in "}>]":
                    depth -= 1
            self.advance()
            if depth == 0:
                return
        self.error("NC006", f"the text ends before the '{opener}' opened at {self.place(opened_at)} is closed", self.at)
        self._end_is_told = True

    # Questions

    @property
    def brace_balance(self) -> int:
        """Braces opened less braces closed in the whole text, less those already reported."""
        if self._balance is None:
            self._balance = brace_balance(self.source.text)
        return self._balance

    def label(self, message: Open) -> str:
        """The name of the field that a message stands in; for the root, the message's type."""
        if message.name_at < 0:
            return message.rule.name
        end = message.name_at
        text = self.source.text
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        return text[message.name_at : end]

    def opening(self, opened_at: int) -> str:
        """An open message as it began, by the offset of its brace: its name, its brace, its place."""
        name = _NAME_BEFORE.search(self.source.text, max(0, opened_at - _LONGEST_NAME), opened_at)
        begins = name.start(1) if name else opened_at
        return f"'{name[1] + ' ' if name else ''}{self.source.text[opened_at]}' at {self.place(begins)}"

    def named_token(self) -> str:
        """The current token, fit for a sentence."""
        if self.kind == END:
            return "the end of the text"
        token = self.token if len(self.token) <= 40 else self.token[:37] + "..."
        if len(token) == 1 and not token.isprintable():
            return f"character U+{ord(token):04X}"
        return f"'{token}'"

    def line_end(self, offset: int) -> int:
        """The offset at which the line of ``offset`` ends."""
        end = self.source.text.find("\n", offset)
        return len(self.source.text) if end < 0 else end

    def _is_no_value(self) -> bool:
        if self.kind == END or self.token in ("}", ">", ",", ";", "]"):
            return True
        return self.kind == NAME and begins_field(self.source.text, self.at)
