"""Image lists: text files with an image in each line, its path, white space, and its label.

    people/Ada Lovelace 1.jpg 0

The line is split at its last white space, so that paths may hold spaces. Windows line ends, tabs, a byte order mark,
empty lines and lines that begin with # are taken as they are meant.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from netcli.errors import Place, RunError
from netcli.schema.binary import read_file

LABEL_LIMIT = 2**31


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One line of a list: the path as written, the label, and the number of the line, from 1."""

    path: str
    label: int | None
    line: int


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a list that say something, without white space at their ends, and their numbers from 1.

    Raises:
        RunError: NC460 no such file, NC461 unreadable, NC222 not text, NC223 no line.
    """
    content = read_file(path, "a list, one entry a line")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        what = "UTF-16 text" if content[:1] in (b"\xff", b"\xfe") else "a binary file"
        raise RunError.of("NC222", "no list", place=Place(str(path)), expected="UTF-8 text", actual=what)
    text = content.decode("utf-8-sig", "surrogateescape")
    stripped = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    lines = [(number, line) for number, line in stripped if line and not line.startswith("#")]
    if not lines:
        raise RunError.of("NC223", "an empty list", place=Place(str(path)), expected="at least one entry")
    return lines


def read_image_list(path: Path, *, labelled: bool = True) -> list[ListedImage]:
    """The images of a list.

    Args:
        path: the list.
        labelled: whether every line must have a label; without, a line that ends in no number is a path as a whole.

    Raises:
        RunError: NC222 a line without a label, and those of ``read_lines``.
    """
    images = []
    for number, line in read_lines(path):
        parts = line.rsplit(None, 1)
        label = _label(parts[1]) if len(parts) == 2 else None
        if label is not None:
            images.append(ListedImage(parts[0], label, number))
        elif labelled:
            raise RunError.of(
                "NC222",
                "a line without a label",
                place=Place(str(path), number, 1),
                expected="path, white space, and a whole number",
                actual=repr(line),
            )
        else:
            images.append(ListedImage(line, None, number))
    return images


def find_root(root_folder: str, images: list[ListedImage], folders: list[Path]) -> str:
    """What to put before the paths of ``images`` so that they are found.

    As in Caffe it is ``root_folder`` as it stands; where no image is found so, a slash is added to it, and then it
    is tried in each of ``folders``. Where nothing helps it is ``root_folder``.
    """
    roots = [root_folder] if not root_folder or root_folder.endswith(os.sep) else [root_folder, root_folder + os.sep]
    prefixes = roots + [os.path.join(folder, root) for folder in folders for root in roots]
    tried = images[:3]
    return next(
        (prefix for prefix in prefixes if any(os.path.exists(prefix + image.path) for image in tried)), root_folder
    )


def _label(text: str) -> int | None:
    """The whole number in ``text``, which may be written as 3 or as 3.0; None if it is none of 32 bits."""
    try:
        label = int(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
        if not number.is_integer():
            return None
        label = int(number)
    return label if -LABEL_LIMIT <= label < LABEL_LIMIT else None
