"""Drawings as text for other programs: mermaid, which GitHub renders in Markdown, and dot, which Graphviz reads."""

from __future__ import annotations

from netcli.report.drawing.diagram import Diagram
from netcli.report.drawing.palette import FILLS, STROKE


def as_mermaid(diagram: Diagram) -> str:
    """A flowchart from top to bottom; outputs are rounded."""
    lines = ["flowchart TB"]
    for index, box in enumerate(diagram.boxes):
        text = "<br/>".join(f"<b>{_html(name)}</b> {_html(kind)}" for name, kind in box.lines)
        lines.append(f'  b{index}["{text}"]:::{box.kind}')
    for index, wire in enumerate(diagram.wires):
        label = _html(wire.label)
        lines += [f'  b{wire.source} -->|"{label}"| b{target}' for target in wire.targets]
        if not wire.targets:
            lines.append(f'  b{wire.source} --> o{index}(["{label}"])')
    kinds = {box.kind for box in diagram.boxes}
    lines += [
        f"  classDef {kind} fill:{fill},stroke:{STROKE},color:#000" for kind, fill in FILLS.items() if kind in kinds
    ]
    return "\n".join(lines) + "\n"


def as_dot(diagram: Diagram) -> str:
    """A directed graph for ``dot``; outputs are ellipses."""
    lines = [
        f"digraph {_quoted(diagram.name or 'net')} {{",
        "  node [shape=box, style=filled, fontname=Helvetica, fontsize=11];",
        "  edge [fontname=Helvetica, fontsize=10];",
    ]
    for index, box in enumerate(diagram.boxes):
        text = "\n".join(f"{name}  {kind}" for name, kind in box.lines)
        lines.append(f'  b{index} [label={_quoted(text)}, fillcolor="{FILLS[box.kind]}", color="{STROKE}"];')
    for index, wire in enumerate(diagram.wires):
        lines += [f"  b{wire.source} -> b{target} [label={_quoted(wire.label)}];" for target in wire.targets]
        if not wire.targets:
            lines.append(f"  o{index} [label={_quoted(wire.label)}, shape=ellipse, style=solid];")
            lines.append(f"  b{wire.source} -> o{index};")
    return "\n".join([*lines, "}"]) + "\n"


def _html(text: str) -> str:
    """Mermaid takes HTML's entities in quoted texts, and ``#35;`` for what would begin one of its own."""
    return (
        text.replace("#", "#35;").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
