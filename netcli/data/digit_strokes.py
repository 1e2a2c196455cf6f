"""Pen strokes of handwritten digits: several shapes for each, as control points of smooth curves.

Coordinates: x to the right and y down, a digit fills about -0.6..0.6 by -1..1. A shape is a tuple of strokes, a
stroke a tuple of control points through which a Catmull-Rom spline runs; a stroke that ends where it began is
a closed curve. Where a pen turns sharply, one stroke ends and the next begins at the same point.

The curves are polynomials, evaluated with additions and multiplications only: these are exactly defined by
IEEE 754, so that the built-in data are the same bits on every machine.

References: E. Catmull, R. Rom, A class of local interpolating splines, 1974.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]
Shape = tuple[tuple[Point, ...], ...]

# fmt: off
DIGIT_SHAPES: dict[int, tuple[Shape, ...]] = {
    0: (
        (
            ((0.0, -1.0), (-0.48, -0.72), (-0.62, 0.0), (-0.45, 0.75), (0.0, 1.0), (0.47, 0.74), (0.62, 0.0),
             (0.46, -0.74), (0.0, -1.0)),
        ),
        (
            ((0.28, -0.88), (-0.18, -0.95), (-0.55, -0.35), (-0.52, 0.45), (-0.02, 1.0), (0.5, 0.55), (0.56, -0.3),
             (0.2, -0.92), (-0.12, -0.7)),
        ),
        (
            ((-0.1, -0.98), (-0.4, -0.45), (-0.42, 0.4), (-0.1, 0.97), (0.28, 0.72), (0.4, 0.0), (0.3, -0.72),
             (-0.1, -0.98)),
        ),
    ),
    1: (
        (
            ((0.02, -1.0), (0.0, 0.0), (-0.02, 1.0)),
        ),
        (
            ((-0.36, -0.56), (-0.12, -0.78), (0.06, -1.0)),
            ((0.06, -1.0), (0.04, 0.0), (0.03, 1.0)),
        ),
        (
            ((-0.34, -0.62), (0.02, -1.0)),
            ((0.02, -1.0), (0.02, 0.98)),
            ((-0.42, 1.0), (0.02, 0.98), (0.44, 0.97)),
        ),
        (
            ((0.2, -1.0), (0.0, 0.0), (-0.22, 1.0)),
        ),
    ),
    2: (
        (
            ((-0.5, -0.58), (-0.2, -0.95), (0.3, -0.9), (0.48, -0.48), (0.2, 0.02), (-0.28, 0.56), (-0.6, 0.93)),
            ((-0.6, 0.93), (0.0, 0.9), (0.6, 0.94)),
        ),
        (
            ((-0.48, -0.62), (-0.1, -1.0), (0.42, -0.72), (0.34, -0.12), (-0.15, 0.58), (-0.48, 0.88), (-0.55, 0.62),
             (-0.2, 0.62), (0.22, 0.94), (0.62, 0.78)),
        ),
        (
            ((-0.42, -0.86), (0.05, -0.98), (0.45, -0.68), (0.3, -0.1), (-0.5, 0.9)),
            ((-0.5, 0.9), (-0.1, 0.76), (0.25, 0.95), (0.6, 0.84)),
        ),
    ),
    3: (
        (
            ((-0.5, -0.74), (-0.08, -1.0), (0.4, -0.74), (0.32, -0.26), (-0.12, -0.06)),
            ((-0.12, -0.06), (0.38, 0.1), (0.54, 0.5), (0.2, 0.95), (-0.28, 0.96), (-0.58, 0.68)),
        ),
        (
            ((-0.48, -0.95), (0.0, -0.92), (0.5, -0.96)),
            ((0.5, -0.96), (0.22, -0.56), (-0.04, -0.18)),
            ((-0.04, -0.18), (0.42, 0.02), (0.52, 0.55), (0.05, 0.98), (-0.54, 0.74)),
        ),
        (
            ((-0.46, -0.72), (0.0, -1.0), (0.44, -0.62), (0.14, -0.14), (-0.16, -0.02), (0.12, -0.04), (0.5, 0.4),
             (0.16, 0.94), (-0.5, 0.78)),
        ),
    ),
    4: (
        (
            ((-0.38, -0.95), (-0.48, -0.35), (-0.52, 0.12)),
            ((-0.52, 0.12), (0.05, 0.1), (0.6, 0.06)),
            ((0.3, -0.85), (0.27, 0.1), (0.22, 1.0)),
        ),
        (
            ((0.28, 1.0), (0.28, 0.0), (0.3, -1.0)),
            ((0.3, -1.0), (-0.14, -0.34), (-0.6, 0.34)),
            ((-0.6, 0.34), (0.0, 0.35), (0.62, 0.34)),
        ),
        (
            ((-0.48, -0.92), (-0.52, -0.3), (-0.24, 0.08), (0.14, 0.02), (0.36, -0.2)),
            ((0.44, -0.94), (0.36, -0.1), (0.2, 1.0)),
        ),
        (
            ((0.1, -1.0), (-0.25, -0.4), (-0.56, 0.22)),
            ((-0.56, 0.22), (0.0, 0.2), (0.6, 0.16)),
            ((0.2, -0.28), (0.16, 0.3), (0.1, 1.0)),
        ),
    ),
    5: (
        (
            ((0.5, -0.95), (0.08, -0.95), (-0.34, -0.93)),
            ((-0.34, -0.93), (-0.38, -0.5), (-0.44, -0.1)),
            ((-0.44, -0.1), (0.08, -0.28), (0.52, 0.14), (0.4, 0.74), (-0.1, 1.0), (-0.54, 0.76)),
        ),
        (
            ((0.48, -0.96), (-0.06, -0.9), (-0.4, -0.56), (0.0, -0.16), (0.44, 0.26), (0.3, 0.84), (-0.5, 0.9)),
        ),
        (
            ((-0.34, -0.88), (-0.38, -0.5), (-0.4, -0.14)),
            ((-0.4, -0.14), (0.12, -0.26), (0.5, 0.2), (0.3, 0.86), (-0.16, 0.98), (-0.5, 0.84)),
            ((-0.34, -0.92), (0.1, -0.94), (0.56, -1.0)),
        ),
    ),
    6: (
        (
            ((0.36, -0.98), (-0.2, -0.58), (-0.5, 0.1), (-0.4, 0.74), (0.05, 1.0), (0.45, 0.7), (0.38, 0.2),
             (0.0, 0.03), (-0.42, 0.32)),
        ),
        (
            ((0.1, -1.0), (-0.34, -0.2), (-0.45, 0.5), (-0.08, 0.98), (0.4, 0.8), (0.44, 0.32), (0.06, 0.1),
             (-0.4, 0.5)),
        ),
        (
            ((0.42, -0.8), (0.1, -1.0), (-0.36, -0.56), (-0.5, 0.24), (-0.26, 0.9), (0.26, 0.94), (0.46, 0.46),
             (0.16, 0.02), (-0.28, 0.14), (-0.44, 0.46)),
        ),
    ),
    7: (
        (
            ((-0.55, -0.9), (0.0, -0.92), (0.55, -0.95)),
            ((0.55, -0.95), (0.12, 0.0), (-0.16, 1.0)),
        ),
        (
            ((-0.55, -0.9), (0.0, -0.92), (0.55, -0.95)),
            ((0.55, -0.95), (0.14, 0.0), (-0.1, 1.0)),
            ((-0.22, 0.0), (0.14, -0.03), (0.48, -0.08)),
        ),
        (
            ((-0.56, -0.58), (-0.54, -0.92)),
            ((-0.54, -0.92), (0.0, -0.9), (0.5, -0.92)),
            ((0.5, -0.92), (0.3, -0.4), (0.0, 0.3), (-0.06, 1.0)),
        ),
        (
            ((-0.52, -0.74), (-0.26, -0.96), (0.1, -0.86), (0.52, -0.94)),
            ((0.52, -0.94), (0.26, -0.3), (-0.3, 1.0)),
        ),
    ),
    8: (
        (
            ((0.4, -0.74), (0.02, -1.0), (-0.4, -0.7), (-0.22, -0.24), (0.28, 0.18), (0.5, 0.6), (0.1, 1.0),
             (-0.4, 0.86), (-0.46, 0.45), (-0.1, 0.05), (0.34, -0.36), (0.4, -0.74)),
        ),
        (
            ((0.0, -1.0), (-0.38, -0.76), (-0.34, -0.28), (0.02, -0.06), (0.36, -0.3), (0.36, -0.78), (0.0, -1.0)),
            ((0.02, -0.06), (-0.42, 0.2), (-0.46, 0.7), (0.0, 1.0), (0.46, 0.7), (0.42, 0.18), (0.02, -0.06)),
        ),
        (
            ((0.46, -0.9), (0.0, -0.98), (-0.38, -0.62), (0.0, -0.12), (0.42, 0.4), (0.22, 0.92), (-0.24, 0.94),
             (-0.4, 0.5), (0.0, 0.0), (0.4, -0.5), (0.5, -0.86)),
        ),
    ),
    9: (
        (
            ((0.42, -0.62), (0.08, -1.0), (-0.42, -0.72), (-0.4, -0.22), (0.04, -0.06), (0.38, -0.36),
             (0.44, -0.74)),
            ((0.44, -0.74), (0.42, 0.1), (0.3, 1.0)),
        ),
        (
            ((0.38, -0.72), (0.0, -1.0), (-0.44, -0.66), (-0.32, -0.14), (0.12, -0.12), (0.42, -0.6), (0.46, 0.2),
             (0.1, 0.92), (-0.46, 0.8)),
        ),
        (
            ((0.3, -0.9), (-0.1, -0.98), (-0.44, -0.5), (-0.1, -0.08), (0.28, -0.36), (0.36, -0.86)),
            ((0.36, -0.86), (0.14, 0.1), (-0.12, 1.0)),
        ),
    ),
}
# fmt: on

SAMPLE_SPACING = 0.045
"""Distance between samples of a curve, in units of a digit's half height: about 0.4 pixels."""


@dataclass(frozen=True)
class Curve:
    """A shape made ready for many draws: sample s is the sum over k of ``weights[s, k] * controls[neighbours[s, k]]``.

    ``controls``: (K, 2) float64, the distinct control points, so that strokes that meet stay joined however the
    points are moved. ``neighbours``: (S, 4) int64 and ``weights``: (S, 4) float64. ``stroke``: (S,) int64, the stroke a
    sample belongs to. ``along``: (S,) float64, its place from 0 at the start of its stroke to 1 at the end.
    """

    controls: np.ndarray
    neighbours: np.ndarray
    weights: np.ndarray
    stroke: np.ndarray
    along: np.ndarray


def catmull_rom_weights(t: float) -> tuple[float, float, float, float]:
    """Weights of the four points around a span at ``t`` in [0, 1] from the second to the third of them."""
    return (
        0.5 * t * (-1.0 + t * (2.0 - t)),
        0.5 * (2.0 + t * t * (3.0 * t - 5.0)),
        0.5 * t * (1.0 + t * (4.0 - 3.0 * t)),
        0.5 * t * t * (t - 1.0),
    )


def sample_shape(shape: Shape) -> Curve:
    """The curve of ``shape``, sampled about every ``SAMPLE_SPACING`` along each stroke."""
    indices: dict[Point, int] = {}
    for stroke in shape:
        for point in stroke:
            indices.setdefault(point, len(indices))
    neighbours, weights, owner, along = [], [], [], []
    for number, stroke in enumerate(shape):
        path = [indices[point] for point in stroke]
        closed = path[0] == path[-1]
        before, after = (path[-2], path[1]) if closed else (path[0], path[-1])
        padded = [before, *path, after]
        spans = len(path) - 1
        for span in range(spans):
            samples = max(1, math.ceil(math.dist(stroke[span], stroke[span + 1]) / SAMPLE_SPACING))
            last = 1 if span == spans - 1 else 0
            for step in range(samples + last):
                t = step / samples
                neighbours.append(padded[span : span + 4])
                weights.append(catmull_rom_weights(t))
                owner.append(number)
                along.append((span + t) / spans)
    return Curve(
        np.array(list(indices), np.float64),
        np.array(neighbours, np.int64),
        np.array(weights, np.float64),
        np.array(owner, np.int64),
        np.array(along, np.float64),
    )
