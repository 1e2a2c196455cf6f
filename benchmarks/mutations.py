"""Single mistakes, as people make them in prototxts: twelve kinds, each with the line and the answer that are right.

A mutation is one small change of a text that was fine. What counts as right is fixed here, before anything is checked:

- ``lines``: the lines of which the first finding must name one. It is the changed line, for an extra brace also
  equal lines next to it. Where the change took something away, it is the block that now lacks it: for a dropped
  brace, the line on which the unclosed block was opened, the line where the brace stood, or the next line with text on
  it (where a reader first sees that it is missing); for a dropped ``num_output``, the lines of its block; for a dropped
  label, the lines of the layer.
- ``answers``: what a useful suggestion names, one of them at least, in the finding's suggestion, hint, expected value
  or message: the word that was meant, or the number or the block that mends the file.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netcli.errors import NetcliError
from netcli.layers.registry import layer_types
from netcli.net.graph import Graph, build_graph
from netcli.prototxt import NetSource, parse_text
from netcli.prototxt.fields import message_rule
from netcli.prototxt.nodes import Node
from netcli.schema import caffe_pb2 as pb


@dataclass(frozen=True)
class Mutation:
    """A text with one mistake; ``lines`` and ``answers`` say what a good finding names."""

    kind: str
    text: str
    lines: frozenset[int]
    answers: tuple[str, ...]


class Subject:
    """A net that is fine: its text, where everything stands in it, and the shapes of its blobs."""

    def __init__(self, text: str) -> None:
        self.text = text
        source = NetSource.from_text(text)
        self.graph: Graph = build_graph(source)
        _, self.root, _ = parse_text(text, pb.NetParameter)
        self.param = source.param
        self.layer_nodes = self.root.children.get("layer", [])
        # Old input fields have become layers that do not stand in the text.
        self.layers = list(source.param.layer)[len(source.param.layer) - len(self.layer_nodes) :]

    def line(self, offset: int) -> int:
        """The line of an offset, from 1."""
        return self.text.count("\n", 0, offset) + 1

    def block(self, node: Node) -> tuple[int, int]:
        """The offsets of the opening brace of a message's text and of the brace that closes it."""
        opened = self.text.index("{", node.offset)
        return opened, self.partner(opened)

    def partner(self, opened: int) -> int:
        """The offset of the brace that closes the one at ``opened``."""
        depth = 0
        for offset in braces(self.text):
            if offset >= opened:
                depth += 1 if self.text[offset] == "{" else -1
                if depth == 0:
                    return offset
        raise ValueError("the text is not fine")

    def lines_of(self, node: Node) -> frozenset[int]:
        """All lines of a message's text."""
        _, closed = self.block(node)
        return frozenset(range(self.line(node.offset), self.line(closed) + 1))

    def of_types(self, *types: str) -> list[tuple[pb.LayerParameter, Node]]:
        """The layers of these types, with their nodes."""
        pairs = zip(self.layers, self.layer_nodes, strict=True)
        return [(layer, node) for layer, node in pairs if layer.type in types]


def braces(text: str) -> Iterator[int]:
    """The offsets of braces outside of comments and quoted text."""
    for match in re.finditer(r"#[^\n]*|\"[^\"\n]*\"|'[^'\n]*'|[{}]", text):
        if match[0] in "{}":
            yield match.start()


def misspell(word: str, dice: random.Random) -> str:
    """One slip of the fingers: a letter dropped, doubled, replaced by a neighbour or swapped with the next."""
    while True:
        at = dice.randrange(len(word))
        slip = dice.randrange(4)
        if slip == 0 and len(word) > 3:
            wrong = word[:at] + word[at + 1 :]
        elif slip == 1:
            wrong = word[: at + 1] + word[at:]
        elif slip == 2 and at + 1 < len(word):
            wrong = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        else:
            wrong = word[:at] + dice.choice("aeiorstnlmpu") + word[at + 1 :]
        if wrong != word and re.fullmatch(r"[A-Za-z_]\w*", wrong) and wrong.lower() != word.lower():
            return wrong


def _replaced(subject: Subject, kind: str, at: int, old: str, new: str, answers: tuple[str, ...]) -> Mutation:
    text = subject.text[:at] + new + subject.text[at + len(old) :]
    return Mutation(kind, text, frozenset({subject.line(at)}), answers)


_ALL_FIELDS = frozenset(
    field
    for message in vars(pb).values()
    if hasattr(message, "DESCRIPTOR") and hasattr(message.DESCRIPTOR, "fields_by_name")
    for field in message_rule(message.DESCRIPTOR).fields
)


def misspelt_field(subject: Subject, dice: random.Random) -> Mutation | None:
    """A field's name with a slip in it that makes no other field's name."""
    node = dice.choice(list(_nodes(subject.root)))
    word = _word(subject.text, node.offset)
    wrong = misspell(word, dice)
    if wrong in _ALL_FIELDS:
        return None
    return _replaced(subject, "misspelt field", node.offset, word, wrong, (word,))


def misspelt_type(subject: Subject, dice: random.Random) -> Mutation | None:
    """A layer's type with a slip in it."""
    node = dice.choice(subject.layer_nodes).find("type")
    at = subject.text.index('"', node.offset) + 1
    word = _word(subject.text, at)
    wrong = misspell(word, dice)
    if wrong in layer_types():
        return None
    return _replaced(subject, "misspelt type", at, word, wrong, (word,))


def misspelt_enum(subject: Subject, dice: random.Random) -> Mutation | None:
    """A value of an enumeration with a slip in it; half of the time in a field put in for the purpose."""
    places = list(re.finditer(r"\b(pool|norm_region|operation|phase|normalization|engine): ([A-Z_]{3,})", subject.text))
    if places and dice.random() < 0.5:
        match = dice.choice(places)
        return _replaced(subject, "misspelt enum", match.start(2), match[2], misspell(match[2], dice), (match[2],))
    fields = {"Pooling": ("pooling_param", "pool: MAX"), "Convolution": ("convolution_param", "engine: CAFFE"),
              "LRN": ("lrn_param", "norm_region: ACROSS_CHANNELS")}  # fmt: skip
    candidates = subject.of_types(*fields)
    if not candidates:
        return None
    layer, node = dice.choice(candidates)
    block, line = fields[layer.type]
    name, value = line.split(": ")
    if node.find(block).children.get(name):
        return None
    opened, _ = subject.block(node.find(block))
    text = f"{subject.text[: opened + 1]}\n    {name}: {misspell(value, dice)}{subject.text[opened + 1 :]}"
    return Mutation("misspelt enum", text, frozenset({subject.line(opened) + 1}), (value,))


def dropped_brace(subject: Subject, dice: random.Random) -> Mutation | None:
    """A closing brace taken away."""
    opened = dice.choice([at for at in braces(subject.text) if subject.text[at] == "{"])
    closed = subject.partner(opened)
    text = subject.text[:closed] + subject.text[closed + 1 :]
    following = re.compile(r"\s*").match(text, closed)
    assert following is not None
    after = text.count("\n", 0, following.end()) + 1
    lines = frozenset({subject.line(opened), subject.line(closed), after})
    # Of blocks that begin on one line, nobody can say which lacks the brace.
    begun = subject.text.splitlines()[subject.line(opened) - 1]
    names = re.findall(r"(\w+)\s*:?\s*\{", begun)
    return Mutation("dropped brace", text, lines, tuple(f"'{name} {{' at" for name in names))


def extra_brace(subject: Subject, dice: random.Random) -> Mutation | None:
    """A closing brace written twice, on its line or on one of its own."""
    closed = dice.choice([at for at in braces(subject.text) if subject.text[at] == "}"])
    own_line = dice.random() < 0.5
    text = subject.text[: closed + 1] + ("\n}" if own_line else " }") + subject.text[closed + 1 :]
    line = subject.line(closed)
    # Of equal lines in a row nobody can say which is the extra one, nor of the old brace and the new.
    alike = text.splitlines()
    last = line + own_line
    while own_line and last < len(alike) and alike[last].rstrip() == alike[last - 1].rstrip():
        last += 1
    return Mutation("extra brace", text, frozenset(range(line, last + 1)), ("extra '}'",))


def renamed_bottom(subject: Subject, dice: random.Random) -> Mutation | None:
    """A bottom with a slip in it, or another ending, so that it names no blob."""
    layer, node = dice.choice(list(zip(subject.layers, subject.layer_nodes, strict=True)))
    if not layer.bottom:
        return None
    at = dice.randrange(len(layer.bottom))
    name = layer.bottom[at]
    wrong = misspell(name, dice) if dice.random() < 0.7 and name.isidentifier() else name + dice.choice("_2x")
    if wrong in subject.graph.shapes:
        return None
    offset = subject.text.index(name, node.find("bottom", at).offset + len("bottom"))
    return _replaced(subject, "renamed bottom", offset, name, wrong, (f"'{name}'",))


def duplicated_top(subject: Subject, dice: random.Random) -> Mutation | None:
    """A top that bears the name of an earlier one, as after copying a layer, or the same line twice."""
    index = dice.randrange(len(subject.layers))
    layer, node = subject.layers[index], subject.layer_nodes[index]
    if not layer.top or layer.type in ("Input", "Data", "Split", "Slice"):
        return None
    name = layer.top[0]
    top = node.find("top")
    offset = subject.text.index(name, top.offset + len("top"))
    if dice.random() < 0.25 and name not in layer.bottom:
        end = offset + len(name) + 1
        copied = subject.text[top.offset : end]
        text = f"{subject.text[:end]}\n  {copied}{subject.text[end:]}"
        return Mutation("duplicated top", text, frozenset({subject.line(offset), subject.line(end) + 1}), (name,))
    earlier = {top for before in subject.layers[:index] for top in before.top} - set(layer.bottom) - {name}
    if not earlier or name in layer.bottom:
        return None
    return _replaced(subject, "duplicated top", offset, name, dice.choice(sorted(earlier)), (f"'{name}'",))


def dropped_num_output(subject: Subject, dice: random.Random) -> Mutation | None:
    """``num_output`` taken away."""
    fields = {"Convolution": "convolution_param", "InnerProduct": "inner_product_param"}
    candidates = subject.of_types(*fields)
    if not candidates:
        return None
    layer, node = dice.choice(candidates)
    block = node.find(fields[layer.type])
    match = re.compile(r"num_output: *\d+ *\n?").match(subject.text, block.find("num_output").offset)
    assert match is not None
    text = subject.text[: match.start()] + subject.text[match.end() :]
    return Mutation("dropped num_output", text, subject.lines_of(block), ("num_output",))


def kernel_too_large(subject: Subject, dice: random.Random) -> Mutation | None:
    """A kernel that is larger than what it slides over."""
    layer, node = dice.choice(subject.of_types("Convolution", "Pooling") or [(None, None)])
    if layer is None or node is None:
        return None
    block = "convolution_param" if layer.type == "Convolution" else "pooling_param"
    kernel = node.find(block, "kernel_size")
    settings = getattr(layer, block)
    if not settings.kernel_size or "kernel_size" not in node.find(block).children:
        return None
    pad = settings.pad if block == "pooling_param" else (list(settings.pad) or [0])[0]
    fits = min(subject.graph.shapes[layer.bottom[0]][2:]) + 2 * pad
    stride = settings.stride if block == "pooling_param" else 1
    wrong = fits + stride + dice.randrange(1, 1 + 2 * fits)
    match = re.compile(r"kernel_size: *").match(subject.text, kernel.offset)
    assert match is not None
    old = _word(subject.text, match.end())
    return _replaced(subject, "kernel too large", match.end(), old, str(wrong), (str(fits),))


def wrong_group(subject: Subject, dice: random.Random) -> Mutation | None:
    """A ``group`` that does not divide the channels, changed or put in."""
    candidates = subject.of_types("Convolution")
    if not candidates:
        return None
    layer, node = dice.choice(candidates)
    counts = (subject.graph.shapes[layer.bottom[0]][1], layer.convolution_param.num_output)
    wrong = dice.randrange(2, 12)
    if all(count % wrong == 0 for count in counts):
        return None
    answers = tuple(str(count) for count in counts if count % wrong)
    block = node.find("convolution_param")
    if "group" in block.children:
        match = re.compile(r"group: *").match(subject.text, block.find("group").offset)
        assert match is not None
        old = _word(subject.text, match.end())
        return _replaced(subject, "wrong group", match.end(), old, str(wrong), answers)
    opened, _ = subject.block(block)
    text = f"{subject.text[: opened + 1]}\n    group: {wrong}{subject.text[opened + 1 :]}"
    return Mutation("wrong group", text, frozenset({subject.line(opened) + 1}), answers)


def wrong_reshape(subject: Subject, dice: random.Random) -> Mutation | None:
    """A Reshape behind one of the layers whose new shape does not hold the values of its bottom."""
    index = dice.randrange(len(subject.layers))
    layer, node = subject.layers[index], subject.layer_nodes[index]
    shape = subject.graph.shapes[layer.top[0]] if layer.top else ()
    if not shape:
        return None
    count = 1
    for size in shape:
        count *= size
    wrong = dice.choice([7, 11, 13, 17, 1000])
    dims = dice.choice([(wrong, -1), (shape[0], wrong), (wrong, count)])
    if count % wrong == 0:
        return None
    _, closed = subject.block(node)
    text = (
        f'{subject.text[: closed + 1]}\nlayer {{\n  name: "reshaped"\n  type: "Reshape"\n  bottom: "{layer.top[0]}"\n'
        f'  top: "reshaped"\n  reshape_param {{\n    shape {{ dim: {dims[0]} dim: {dims[1]} }}\n  }}\n}}'
        f"{subject.text[closed + 1 :]}"
    )
    first = subject.line(closed) + 6
    return Mutation("wrong reshape", text, frozenset({first, first + 1}), (str(count),))


def missing_label(subject: Subject, dice: random.Random) -> Mutation | None:
    """A loss behind the last blob whose label is left out, or whose label no layer makes."""
    blob = next(reversed([name for name, shape in subject.graph.shapes.items() if len(shape) >= 2]))
    images = subject.graph.shapes[blob][0]
    first = subject.text.count("\n") + 1
    made = f'layer {{\n  name: "labels"\n  type: "Input"\n  top: "label"\n  input_param {{ shape {{ dim: {images} }} }}'
    loss = (
        f'layer {{\n  name: "loss"\n  type: "SoftmaxWithLoss"\n  bottom: "{blob}"\n  bottom: "label"\n  top: "loss"\n}}'
    )
    if dice.random() < 0.5:
        text = f"{subject.text}\n{made}\n}}\n" + loss.replace('  bottom: "label"\n', "") + "\n"
        begins = first + 7
        return Mutation("missing label", text, frozenset(range(begins, begins + 6)), ("label",))
    return Mutation("missing label", f"{subject.text}\n{loss}\n", frozenset({first + 5}), ("label",))


KINDS: dict[str, Callable[[Subject, random.Random], Mutation | None]] = {
    "misspelt field": misspelt_field,
    "misspelt type": misspelt_type,
    "misspelt enum": misspelt_enum,
    "dropped brace": dropped_brace,
    "extra brace": extra_brace,
    "renamed bottom": renamed_bottom,
    "duplicated top": duplicated_top,
    "dropped num_output": dropped_num_output,
    "kernel too large": kernel_too_large,
    "wrong group": wrong_group,
    "wrong reshape": wrong_reshape,
    "missing label": missing_label,
}
"""Each makes one mutation, or None where the draw does not suit the net."""


def draw(subjects: list[Subject], count: int, seed: int = 0) -> Iterator[tuple[int, Mutation]]:
    """``count`` mutations, the kinds in turn, with the index of the subject of each. Seeded, hence always the same."""
    dice = random.Random(seed)
    kinds = list(KINDS.values())
    for number in range(count):
        mutation = None
        while mutation is None:
            index = dice.randrange(len(subjects))
            mutation = kinds[number % len(kinds)](subjects[index], dice)
        yield index, mutation


def subject_of(text: str) -> Subject | None:
    """The text as a subject, or None if it is not a net that is fine by itself."""
    try:
        return Subject(text)
    except NetcliError:
        return None


def _nodes(node: Node) -> Iterator[Node]:
    for occurrences in node.children.values():
        for child in occurrences:
            yield child
            yield from _nodes(child)


def _word(text: str, at: int) -> str:
    match = re.compile(r"[\w.]+").match(text, at)
    assert match is not None
    return match[0]
