"""Draws many variants of one digit shape: distorted pen strokes into grey pixels.

Image axes come last but one everywhere, ``(..., B)`` with the B images of a batch innermost, so that numpy's inner
loops are long. Only additions, multiplications, divisions, square roots, minima and uniform draws are used: all of
them are exact in IEEE 754, so that the pixels are the same on every machine and with every numpy.

References: P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks applied to visual
document analysis, 2003 (elastic distortion).
"""

from __future__ import annotations

import numpy as np

from netcli.data.digit_strokes import Curve

SIDE = 28
"""Height and width of an image in pixels."""

HALF_HEIGHT = 9.5
"""Pixels from the centre of an undistorted digit to its top."""

CONTROL_JITTER = 0.05
"""Standard deviation by which each control point of a shape moves, in half heights."""

ELASTIC_STRENGTH = 0.12
"""Standard deviation of the grid values of the elastic displacement field, in half heights."""

ELASTIC_SPANS = 3
"""Spans of the displacement field's spline grid along each axis."""

ELASTIC_REACH = 1.3
"""The field covers [-reach, reach] on both axes; points beyond take its value at the border."""


def uniform(random: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> np.ndarray:
    """float64 values in [low, high)."""
    return low + (high - low) * random.random(shape)


def bell(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """float64 values of mean 0 and variance 1 within (-3, 3): normal near enough, and exact arithmetic."""
    return 2.0 * (random.random(shape) + random.random(shape) + random.random(shape) - 1.5)


def spline_weights(t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The uniform cubic B-spline's four weights at ``t`` in [0, 1] within a span."""
    s = 1.0 - t
    return (
        s * s * s / 6.0,
        (4.0 + t * t * (3.0 * t - 6.0)) / 6.0,
        (4.0 + s * s * (3.0 * s - 6.0)) / 6.0,
        t * t * t / 6.0,
    )


def elastic(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Moves ``points`` (S, 2, B) by a smooth random field, one field for each of the B images."""
    count = points.shape[2]
    side = ELASTIC_SPANS + 3
    grid = ELASTIC_STRENGTH * bell(random, (side * side, 2, count))
    place = np.clip((points / ELASTIC_REACH + 1.0) * (0.5 * ELASTIC_SPANS), 0.0, ELASTIC_SPANS - 1e-9)
    span = place.astype(np.int64)
    across, down = (spline_weights(place[:, axis] - span[:, axis]) for axis in (0, 1))
    images = np.arange(count)
    moved = points.copy()
    for row in range(4):
        for column in range(4):
            cell = (span[:, 1] + row) * side + span[:, 0] + column
            weight = down[row] * across[column]
            moved[:, 0] += weight * grid[cell, 0, images]
            moved[:, 1] += weight * grid[cell, 1, images]
    return moved


def affine(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Slants, stretches, turns and shifts ``points`` (S, 2, B) of B images; the result is in pixels."""
    count = points.shape[2]
    slant = 0.17 * bell(random, (count,))
    width = uniform(random, 0.72, 1.16, (count,))
    height = uniform(random, 0.80, 1.08, (count,))
    half_turn = 0.05 * bell(random, (count,))
    shift = 1.05 * bell(random, (2, count))
    cosine = (1.0 - half_turn * half_turn) / (1.0 + half_turn * half_turn)
    sine = 2.0 * half_turn / (1.0 + half_turn * half_turn)
    x = (points[:, 0] - slant * points[:, 1]) * width
    y = points[:, 1] * height
    centre = 0.5 * (SIDE - 1)
    return np.stack(
        [
            centre + shift[0] + HALF_HEIGHT * (cosine * x - sine * y),
            centre + shift[1] + HALF_HEIGHT * (sine * x + cosine * y),
        ],
        axis=1,
    )


def ink(points: np.ndarray, radius: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """The grey of a round pen drawn along ``points``.

    Args:
        points: (S, 2, B) pen positions in pixels, close enough to each other to make a line.
        radius: (S, B) the pen's radius in pixels at each position.
        edge: (B,) the width in pixels over which the ink fades out.

    Returns:
        (28, 28, B) float32 in [0, 1].
    """
    pixels = np.arange(SIDE, dtype=np.float64)[:, None]
    across = (((points[:, None, 0] - pixels) / radius[:, None]) ** 2).astype(np.float32)
    down = (((points[:, None, 1] - pixels) / radius[:, None]) ** 2).astype(np.float32)
    nearest = np.full((SIDE, SIDE, points.shape[2]), np.inf, np.float32)
    candidate = np.empty_like(nearest)
    for sample in range(len(points)):
        np.add(down[sample][:, None], across[sample][None], out=candidate)
        np.minimum(nearest, candidate, out=nearest)
    slope = (np.add.reduce(radius, axis=0) / len(radius) / edge).astype(np.float32)
    return np.clip(np.float32(0.5) + (np.float32(1.0) - np.sqrt(nearest)) * slope, np.float32(0), np.float32(1))


def blur(images: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Mixes ``images`` (28, 28, B) with their 3 x 3 binomial blur, ``amount`` (B,) from 0 (sharp) to 1."""
    smooth = images
    for axis in (0, 1):
        padded = np.pad(smooth, [(1, 1) if a == axis else (0, 0) for a in range(3)])
        first, middle, last = (np.take(padded, range(k, k + SIDE), axis=axis) for k in range(3))
        smooth = np.float32(0.25) * (first + last) + np.float32(0.5) * middle
    return images + amount.astype(np.float32) * (smooth - images)


def draw_digits(curve: Curve, count: int, random: np.random.Generator) -> np.ndarray:
    """``count`` handwritten variants of one shape.

    Returns:
        (count, 28, 28) uint8, light ink on a dark ground as in MNIST.
    """
    controls = curve.controls[:, :, None] + CONTROL_JITTER * bell(random, (*curve.controls.shape, count))
    points = np.zeros((len(curve.weights), 2, count))
    for k in range(4):
        points += curve.weights[:, k, None, None] * controls[curve.neighbours[:, k]]
    points = affine(elastic(points, random), random)

    pen = uniform(random, 0.75, 1.75, (count,))
    pressure = uniform(random, -0.3, 0.3, (count,))
    radius = pen * (1.0 + pressure * (curve.along[:, None] - 0.5))
    images = ink(points, radius, uniform(random, 0.9, 1.6, (count,)))
    images = blur(images, uniform(random, 0.0, 1.0, (count,)))

    strength = uniform(random, 0.75, 1.0, (count,)).astype(np.float32)
    grain = uniform(random, 0.0, 0.2, (count,)).astype(np.float32)
    noise = random.random(images.shape, dtype=np.float32) - np.float32(0.5)
    grey = np.clip(images * strength + noise * grain, np.float32(0), np.float32(1))
    return np.ascontiguousarray((grey * np.float32(255) + np.float32(0.5)).astype(np.uint8).transpose(2, 0, 1))
