"""Drawings as SVG, laid out and written here: nothing needs to be installed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from xml.sax.saxutils import escape

from netcli.report.drawing.diagram import Box, Diagram
from netcli.report.drawing.layered import Layout, layered
from netcli.report.drawing.palette import FILLS, STROKE

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
FONT_SIZE, LABEL_SIZE = 12, 10.5
LINE_HEIGHT = 16.0
PADDING = 9.0
GAP_X, GAP_Y = 22.0, 15.0
ARROW = 7.0
"""Lines end upright over this length, which the arrow's head takes."""
MARGIN = 14.0
_NARROW, _WIDE = set("iljtfrI.,:;|!'()[] -/"), set("mwMW@%")


def as_svg(diagram: Diagram) -> str:
    """The whole picture as text. Boxes are layers, what stands on the lines are blobs; outputs have a frame."""
    boxes = len(diagram.boxes)
    sizes = [_box_size(box) for box in diagram.boxes]
    sizes += [(text_width(wire.label, LABEL_SIZE) + 10, LABEL_SIZE + 6) for wire in diagram.wires]
    nodes = _in_order(diagram)
    place = {node: index for index, node in enumerate(nodes)}
    edges = [(place[wire.source], place[boxes + index]) for index, wire in enumerate(diagram.wires)]
    edges += [
        (place[boxes + index], place[target]) for index, wire in enumerate(diagram.wires) for target in wire.targets
    ]
    layout = layered([sizes[node] for node in nodes], edges, GAP_X, GAP_Y)
    parts = [_edge(path, layout, [sizes[node] for node in nodes], place, boxes) for path in layout.paths]
    for index, box in enumerate(diagram.boxes):
        parts += _box(box, layout.x[place[index]], layout.y[place[index]], *sizes[index])
    for index, wire in enumerate(diagram.wires, boxes):
        x, y = layout.x[place[index]], layout.y[place[index]]
        parts += _label(wire.label, x, y, *sizes[index], framed=not wire.targets)
    return _page(diagram.name, layout, parts)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is, in pixels: that of DejaVu Sans, which is wider than the other fonts."""
    ems = sum(0.37 if char in _NARROW else 0.95 if char in _WIDE else 0.72 if char.isupper() else 0.63 for char in text)
    return ems * size * (1.1 if bold else 1.0)


def _in_order(diagram: Diagram) -> list[int]:
    """Boxes and blobs (numbered after the boxes) such that every edge goes to a later one."""
    order = []
    for index in range(len(diagram.boxes)):
        order.append(index)
        order += [number for number, wire in enumerate(diagram.wires, len(diagram.boxes)) if wire.source == index]
    return order


def _box_size(box: Box) -> tuple[float, float]:
    widest = max(
        text_width(name, FONT_SIZE, bold=True) + text_width(kind, FONT_SIZE) + FONT_SIZE * 0.6
        for name, kind in box.lines
    )
    return widest + 2 * PADDING, LINE_HEIGHT * len(box.lines) + 2 * PADDING - 4


def _box(box: Box, x: float, y: float, width: float, height: float) -> list[str]:
    parts = [
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" rx="4" '
        f'fill="{FILLS[box.kind]}" stroke="{STROKE}"/>'
    ]
    first = y - LINE_HEIGHT * (len(box.lines) - 1) / 2 + FONT_SIZE * 0.36
    for index, (name, kind) in enumerate(box.lines):
        parts.append(
            f'<text x="{x:.1f}" y="{first + LINE_HEIGHT * index:.1f}" text-anchor="middle">'
            f'<tspan font-weight="bold">{escape(name)}</tspan> {escape(kind)}</text>'
        )
    return parts


def _label(text: str, x: float, y: float, width: float, height: float, *, framed: bool) -> list[str]:
    frame = f'stroke="{STROKE}"' if framed else 'stroke="none"'
    return [
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{height / 2:.1f}" fill="#ffffff" {frame}/>',
        f'<text x="{x:.1f}" y="{y + LABEL_SIZE * 0.36:.1f}" text-anchor="middle" font-size="{LABEL_SIZE}" '
        f'fill="#333333">{escape(text)}</text>',
    ]


def _edge(
    path: Sequence[int], layout: Layout, sizes: Sequence[tuple[float, float]], place: dict[int, int], boxes: int
) -> str:
    """A line from the lower border of its first node to the upper one of its last; an arrow into boxes.

    It is upright beside the nodes of each rank that it passes, and bends between ranks.
    """
    first, last = path[0], path[-1]
    commands = [f"M{layout.x[first]:.1f},{layout.y[first] + sizes[first][1] / 2:.1f}"]
    for upper, lower in itertools.pairwise(path):
        x0, y0 = layout.x[upper], layout.y[upper] + layout.row_heights[upper] / 2
        x1, y1 = layout.x[lower], layout.y[lower] - layout.row_heights[lower] / 2
        y1 -= ARROW if lower == last else 0.0
        middle = (y0 + y1) / 2
        commands += [f"V{y0:.1f}", f"C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"]
    commands.append(f"V{layout.y[last] - sizes[last][1] / 2:.1f}")
    into_box = any(place[index] == last for index in range(boxes))
    arrow = ' marker-end="url(#arrow)"' if into_box else ""
    return f'<path d="{" ".join(commands)}" fill="none" stroke="{STROKE}"{arrow}/>'


def _page(name: str, layout: Layout, parts: Sequence[str]) -> str:
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-MARGIN:.0f} {-MARGIN:.0f} {width:.0f} {height:.0f}" font-family="{FONT}" font-size="{FONT_SIZE}">',
        f"<title>{escape(name or 'net')}</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0.5 L8,4 L0,7.5 z" fill="{STROKE}"/></marker></defs>',
        f'<rect x="{-MARGIN:.0f}" y="{-MARGIN:.0f}" width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"
