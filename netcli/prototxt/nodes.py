"""Where each field of a parsed message stands in its file: a tree of positions that mirrors the message."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from netcli.errors import Place


class SourceText:
    """A text and its name, able to turn an offset into a line and a column (both from 1).

    Columns count characters, a tab as one. The table of lines is made at the first question, so that a
    file without findings never pays for it.
    """

    __slots__ = ("_line_starts", "file", "text")

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self._line_starts: list[int] | None = None

    def place(self, offset: int) -> Place:
        """The place of the character at ``offset``; a negative offset means the file as a whole."""
        if offset < 0:
            return Place(self.file)
        if self._line_starts is None:
            starts = [0]
            at = self.text.find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = self.text.find("\n", at + 1)
            self._line_starts = starts
        line = bisect_right(self._line_starts, offset)
        return Place(self.file, line, offset - self._line_starts[line - 1] + 1)


class Node:
    """The position of one field and, below it, those of its own fields.

    ``children`` maps a field's name to its occurrences in the order of the text; the occurrences of a
    repeated field have the indices that its values have in the message.
    """

    __slots__ = ("_name_at", "_source", "_value_at", "children")

    def __init__(self, source: SourceText, name_at: int, value_at: int = -1) -> None:
        self._source = source
        self._name_at = name_at
        self._value_at = value_at
        self.children: dict[str, list[Node]] = {}

    @property
    def place(self) -> Place:
        """Where the field's name stands; for the root, the file."""
        return self._source.place(self._name_at)

    @property
    def offset(self) -> int:
        """The offset of the field's name in the text; -1 for the root."""
        return self._name_at

    @property
    def value_place(self) -> Place | None:
        """Where the value of a scalar field stands; None for a message."""
        return None if self._value_at < 0 else self._source.place(self._value_at)

    @property
    def best_place(self) -> Place:
        """The value's place if there is one, else the name's."""
        return self._source.place(self._value_at if self._value_at >= 0 else self._name_at)

    def find(self, *path: str | int) -> Node:
        """The node at ``path``, or the nearest ancestor of it that the text holds.

        A name may be followed by an index (0 if left out): ``find("convolution_param", "kernel_size", 1)``.
        """
        node = self
        position = 0
        while position < len(path):
            name = path[position]
            position += 1
            index = 0
            if position < len(path) and isinstance(path[position], int):
                index = int(path[position])
                position += 1
            occurrences = node.children.get(str(name), ())
            if not -len(occurrences) <= index < len(occurrences):
                return node
            node = occurrences[index]
        return node

    def add(self, name: str, child: Node) -> None:
        """Append an occurrence of the field ``name``."""
        self.children.setdefault(name, []).append(child)

    def twin(self) -> Node:
        """A node without children at the same place: for a message that an upgrade made from this field."""
        return Node(self._source, self._name_at)

    def with_children(self, name: str, occurrences: Iterable[Node]) -> Node:
        """A copy of this node in which the field ``name`` has other occurrences (none removes it)."""
        copy = Node(self._source, self._name_at, self._value_at)
        copy.children = dict(self.children)
        nodes = list(occurrences)
        if nodes:
            copy.children[name] = nodes
        else:
            copy.children.pop(name, None)
        return copy
