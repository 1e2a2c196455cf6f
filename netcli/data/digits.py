"""The built-in digits: 12,000 training and 2,000 test images that netcli draws itself.

A data set that needs no download, so that ``netcli train configs/lenet.prototxt`` works anywhere: like MNIST in
form (28 x 28 grey, ten classes, light on dark) and near it in difficulty, with every class equally frequent and in
shuffled order. Training and test images come from disjoint random streams. The same version gives the same bits on
every machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from netcli.data.digit_render import SIDE, draw_digits
from netcli.data.digit_strokes import DIGIT_SHAPES, sample_shape

VERSION = 1
"""Goes up with every change that alters a pixel or a label: data made by older versions are then made anew."""

SPLIT_SIZES = {"train": 12000, "test": 2000}
"""How many images each split has."""

DIGIT_SHAPE = (1, SIDE, SIDE)
"""Channels, height and width of every image."""

BATCH = 256
"""Images drawn together: few enough that the working arrays stay in a CPU's cache."""

_ORDER, _SHAPES, _DRAWING = range(3)


def _stream(split: str, purpose: int, item: int = 0) -> np.random.Generator:
    """Random draws that depend on nothing but these arguments and ``VERSION``."""
    number = list(SPLIT_SIZES).index(split)
    return np.random.Generator(np.random.Philox(key=[VERSION, number], counter=[0, 0, item, purpose]))


def make_digits(
    split: str, count: int | None = None, progress: Callable[[int, int], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draws one split of the built-in digits.

    Args:
        split: "train" or "test".
        count: how many images; the split's own size by default.
        progress: called with the images drawn so far and ``count``.

    Returns:
        images (count, 28, 28) uint8 and labels (count,) int64; classes differ in frequency by at most one.
    """
    count = SPLIT_SIZES[split] if count is None else count
    labels = _stream(split, _ORDER).permutation(np.arange(count) % len(DIGIT_SHAPES))
    variant = _stream(split, _SHAPES).random(count)
    images = np.empty((count, SIDE, SIDE), np.uint8)
    group = done = 0
    for digit, shapes in DIGIT_SHAPES.items():
        chosen = np.minimum((variant * len(shapes)).astype(np.int64), len(shapes) - 1)
        for number, shape in enumerate(shapes):
            members = np.flatnonzero((labels == digit) & (chosen == number))
            curve, random = sample_shape(shape), _stream(split, _DRAWING, group)
            for start in range(0, len(members), BATCH):
                part = members[start : start + BATCH]
                images[part] = draw_digits(curve, len(part), random)
                done += len(part)
                if progress is not None:
                    progress(done, count)
            group += 1
    return images, labels
