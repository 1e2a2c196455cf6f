"""Files of landmarks: in each line a path and five points, which some detector of faces has found.

    Ann_Lee/Ann_Lee_0001.jpg  85.3 111.2  128.9 110.7  106.4 137.5  89.0 157.3  125.2 156.9

The points are eyes, nose and mouth corners, the left one in the picture first, x before y. They count pixels from the
left and from the top, the middle of the first pixel being 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netcli.data.image_list import read_lines
from netcli.errors import Place, RunError

POINTS = 5


@dataclass(frozen=True)
class Landmarks:
    """Of one image: the path as written, (5, 2) float64 points, and the line."""

    path: str
    points: np.ndarray
    line: int


def read_landmarks(path: Path) -> list[Landmarks | RunError]:
    """The lines of a file in order: for one without five points the NC564 that says so.

    Raises:
        RunError: NC460 no such file, NC222 or NC223 it is no list.
    """
    return [_line(path, number, text) for number, text in read_lines(path)]


def _line(path: Path, number: int, text: str) -> Landmarks | RunError:
    words = text.replace(",", " ").split()
    values = []
    for word in reversed(words[1:]):
        value = _number(word)
        if value is None:
            break
        values.append(value)
    if len(values) < 2 * POINTS or not np.isfinite(values[: 2 * POINTS]).all():
        return RunError.of(
            "NC564", f"no landmarks of '{words[0]}'", place=Place(str(path), number, 1),
            expected="a path and ten numbers, x and y of eyes, nose and mouth corners",
            actual=f"{len(values)} numbers" if len(values) < 2 * POINTS else repr(text),
        )  # fmt: skip
    points = np.array(values[: 2 * POINTS][::-1]).reshape(POINTS, 2)
    image = text
    for _ in range(2 * POINTS):
        image = image.rstrip(" \t,").removesuffix(words.pop())
    return Landmarks(image.rstrip(" \t,"), points, number)


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
