"""Window files of R-CNN: images, and rectangles in them with a class and an overlap with an object.

For each image a block: ``# INDEX``, the path, channels, height, width, the number of windows, and in each following
line one of them: ``CLASS OVERLAP X1 Y1 X2 Y2``, both corners included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netcli.errors import Place, RunError
from netcli.schema.binary import read_file

_FORMAT = "# INDEX, path, channels, height, width, number of windows, then CLASS OVERLAP X1 Y1 X2 Y2 for each"


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle in image ``image`` (an index), both corners included; ``line`` counts from 1."""

    image: int
    label: int
    overlap: float
    box: tuple[int, int, int, int]
    line: int


@dataclass(frozen=True)
class WindowFile:
    """Paths of the images as written, with the lines they stand in, and all windows."""

    path: Path
    images: list[tuple[str, int]]
    windows: list[Window]


def read_window_file(path: Path) -> WindowFile:
    """Reads a window file.

    Raises:
        RunError: NC460 no such file, NC461 unreadable, NC226 not of the format, NC223 no image.
    """
    text = read_file(path, "a window file").decode("utf-8-sig", "surrogateescape")
    numbered = enumerate((line.strip() for line in text.split("\n")), 1)
    lines = ((number, line) for number, line in numbered if line)
    result = WindowFile(path, [], [])
    for number, line in lines:
        if not line.startswith("#"):
            raise _broken(path, number, line)
        number, image = _next(lines, path, number)
        result.images.append((image, number))
        for _ in range(3):
            number, _size = _number(lines, path, number)
        number, windows = _number(lines, path, number)
        for _ in range(windows):
            number, line = _next(lines, path, number)
            result.windows.append(_window(path, number, line, len(result.images) - 1))
    if not result.windows:
        raise RunError.of("NC223", "no windows", place=Place(str(path)), expected="at least one window")
    return result


def _window(path: Path, number: int, line: str, image: int) -> Window:
    parts = line.split()
    try:
        label, overlap = int(parts[0]), float(parts[1])
        left, top, right, bottom = (int(float(part)) for part in parts[2:])
    except (ValueError, IndexError):
        raise _broken(path, number, line) from None
    if not (0 <= left <= right and 0 <= top <= bottom):
        raise RunError.of(
            "NC226", "a window without area, or outside of its image", place=Place(str(path), number, 1),
            expected="0 <= X1 <= X2 and 0 <= Y1 <= Y2", actual=line,
        )  # fmt: skip
    return Window(image, label, overlap, (left, top, right, bottom), number)


def _next(lines: Iterator[tuple[int, str]], path: Path, number: int) -> tuple[int, str]:
    found = next(lines, None)
    if found is None:
        raise _broken(path, number, "the end of the file")
    return found


def _number(lines: Iterator[tuple[int, str]], path: Path, number: int) -> tuple[int, int]:
    number, line = _next(lines, path, number)
    if not line.isdecimal():
        raise _broken(path, number, line)
    return number, int(line)


def _broken(path: Path, number: int, line: str) -> RunError:
    return RunError.of(
        "NC226", "not the format of a window file", place=Place(str(path), number, 1), expected=_FORMAT, actual=line
    )
