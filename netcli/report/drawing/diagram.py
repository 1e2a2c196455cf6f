"""What is drawn of a net, whatever the format: layers as boxes, blobs as wires from the layer that makes them."""

from __future__ import annotations

from dataclasses import dataclass, field

from netcli.net.graph import Graph
from netcli.net.step import Step
from netcli.report import units
from netcli.report.drawing.layer_text import layer_text


@dataclass
class Box:
    """A layer, with the layers that work in place on its top.

    Attributes:
        lines: a pair for each layer: its name, and type with sizes.
        kind: "data" (makes blobs of nothing), "learned" (has parameters), "loss" (losses and accuracies) or "other".
    """

    lines: list[tuple[str, str]]
    kind: str


@dataclass
class Wire:
    """A blob: who makes it, who reads it (in the net's order; nobody reads an output).

    Attributes:
        source, targets: positions of boxes.
        shape: in words; ``made_by``: the layer whose top it is.
    """

    blob: str
    shape: str
    made_by: str
    source: int
    targets: list[int] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The shape, after the blob's name where that is not the layer's, or where the blob is an output."""
        return self.shape if self.targets and self.blob == self.made_by else f"{self.blob} {self.shape}"


@dataclass
class Diagram:
    """A net's boxes and wires, both in the net's order."""

    name: str
    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)


def diagram_of(graph: Graph) -> Diagram:
    """The drawing of a planned net. Splits do not appear; layers in place stand in the box of what they change."""
    diagram = Diagram(graph.name)
    wire_of: dict[str, Wire] = {}
    for step in graph.steps:
        if step.tops and step.tops[0] in graph.split_copies:
            wire_of.update((top, wire_of[step.bottoms[0]]) for top in step.tops)
            continue
        if _joins_box(step, wire_of):
            diagram.boxes[wire_of[step.bottoms[0]].source].lines.append(_line(step))
            continue
        box = len(diagram.boxes)
        diagram.boxes.append(Box([_line(step)], _kind(step)))
        for bottom in step.bottoms:
            if box not in wire_of[bottom].targets:
                wire_of[bottom].targets.append(box)
        for top in step.tops:
            shape = graph.shapes[top]
            wire_of[top] = Wire(top, units.shape(shape) if shape else "scalar", step.name, box)
            diagram.wires.append(wire_of[top])
    return diagram


def _joins_box(step: Step, wire_of: dict[str, Wire]) -> bool:
    """A layer that only changes a blob which nobody has read yet."""
    return len(step.bottoms) == 1 and step.tops == step.bottoms and not wire_of[step.bottoms[0]].targets


def _line(step: Step) -> tuple[str, str]:
    return step.name, layer_text(step.layer.param)


def _kind(step: Step) -> str:
    if not step.bottoms:
        return "data"
    if step.layer.is_loss or step.layer.type_name == "Accuracy":
        return "loss"
    return "learned" if step.slots else "other"
