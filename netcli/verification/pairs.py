"""Lists of pairs: LFW's pairs.txt, or a plain list.

LFW's begins with the number of folds and of pairs of each kind in a fold; then come the pairs of the same person and
those of two, fold by fold:

    10  300
    Abel_Pacheco  1  4
    Robert_Downey_Jr  1  Tommy_Shane_Steiner  1

which mean Abel_Pacheco/Abel_Pacheco_0001 and so on, whatever the ending. A plain list has two paths in each line, 1
for the same person or 0, and perhaps the number of the fold; white space parts them, or tabs where there are any, so
that paths may then hold spaces:

    s36/1.pgm  s36/2.pgm  1
    s36/1.pgm  s37/1.pgm  0
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netcli.data.image_list import read_lines
from netcli.errors import Place, RunError

FOLDS = 10
"""Of a list that does not say."""


@dataclass(frozen=True)
class PairedImage:
    """An image that a list names, and the first line that does; without an ending in LFW's form."""

    name: str
    line: int


@dataclass(frozen=True)
class PairList:
    """P pairs of images.

    Attributes:
        path: the file.
        images: every image once. people: (images,) int, equal for images of one person as far as the list tells.
        first, second: (P,) int, indices of images.
        same: (P,) bool, whether both show the same person.
        fold: (P,) int, from 0 on.
        lfw: whether the names are LFW's, without an ending.
    """

    path: Path
    images: list[PairedImage]
    people: np.ndarray
    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    fold: np.ndarray
    lfw: bool

    @property
    def folds(self) -> int:
        """How many there are."""
        return int(self.fold.max()) + 1


@dataclass(frozen=True)
class _Line:
    first: str
    second: str
    same: bool
    fold: int | None
    number: int


def read_pairs(path: Path) -> PairList:
    """The pairs in a file.

    Raises:
        RunError: NC460 no such file, NC222 or NC223 it is no list; NC559 a line that is no pair; NC561 the pairs are
            too few for folds, or all of one kind.
    """
    lines = read_lines(path)
    header = lines[0][1].split()
    lfw = len(header) <= 2 and all(word.isdecimal() for word in header)
    if lfw:
        folds = int(header[0]) if len(header) == 2 else None
        rows = [_lfw_line(path, number, text) for number, text in lines[1:]]
        rows = _with_lfw_folds(path, rows, folds, int(header[-1]))
    else:
        rows = [_plain_line(path, number, text) for number, text in lines]
    return _pair_list(path, rows, lfw)


def _lfw_line(path: Path, number: int, text: str) -> _Line:
    words = text.split("\t") if "\t" in text else text.split()
    if len(words) == 3 and words[1].isdecimal() and words[2].isdecimal():
        person, one, other = words
        return _Line(_lfw_name(person, one), _lfw_name(person, other), True, None, number)
    if len(words) == 4 and words[1].isdecimal() and words[3].isdecimal():
        return _Line(_lfw_name(words[0], words[1]), _lfw_name(words[2], words[3]), False, None, number)
    raise _no_pair(path, number, text, "NAME N1 N2, or NAME1 N1 NAME2 N2")


def _lfw_name(person: str, number: str) -> str:
    return f"{person}/{person}_{int(number):04d}"


def _with_lfw_folds(path: Path, rows: list[_Line], folds: int | None, of_each: int) -> list[_Line]:
    """The folds that the first line tells: ``of_each`` pairs of the same person, then as many of two, and again."""
    if folds is None:
        return rows
    if len(rows) != 2 * folds * of_each:
        raise RunError.of(
            "NC559", "the number of pairs is not what the first line says", place=Place(str(path)),
            expected=f"2 x {folds} x {of_each}", actual=len(rows),
        )  # fmt: skip
    return [_Line(r.first, r.second, r.same, i // (2 * of_each), r.number) for i, r in enumerate(rows)]


def _plain_line(path: Path, number: int, text: str) -> _Line:
    words = [word.strip() for word in text.split("\t")] if "\t" in text else text.split()
    if len(words) in (3, 4) and words[2] in ("0", "1", "-1") and all(word.isdecimal() for word in words[3:]):
        fold = int(words[3]) if len(words) == 4 else None
        return _Line(words[0], words[1], words[2] == "1", fold, number)
    raise _no_pair(path, number, text, "PATH1 PATH2 1 or 0, and perhaps a fold")


def _no_pair(path: Path, number: int, text: str, expected: str) -> RunError:
    return RunError.of(
        "NC559", "a line that is no pair", place=Place(str(path), number, 1), expected=expected, actual=repr(text),
        hint="tabs between the columns let paths hold spaces",
    )  # fmt: skip


def _pair_list(path: Path, rows: list[_Line], lfw: bool) -> PairList:
    index: dict[str, int] = {}
    images: list[PairedImage] = []
    for row in rows:
        for name in (row.first, row.second):
            if name not in index:
                index[name] = len(images)
                images.append(PairedImage(name, row.number))
    first = np.array([index[row.first] for row in rows], np.intp)
    second = np.array([index[row.second] for row in rows], np.intp)
    same = np.array([row.same for row in rows], bool)
    if not same.any() or same.all():
        raise RunError.of(
            "NC561", "all pairs are of one kind", place=Place(str(path)),
            expected="pairs of the same person, and of two", actual=f"{int(same.sum())} and {int((~same).sum())}",
        )  # fmt: skip
    return PairList(path, images, _people(images, first, second, same, lfw), first, second, same,
                    _folds(path, rows, same), lfw)  # fmt: skip


def _folds(path: Path, rows: list[_Line], same: np.ndarray) -> np.ndarray:
    """The folds as the list has them, numbered from 0; else ten, each with a tenth of either kind, in order."""
    told = [row.fold for row in rows if row.fold is not None]
    if len(told) == len(rows):
        found = np.unique(told, return_inverse=True)[1].reshape(-1)
    elif told:
        line = next(row.number for row in rows if row.fold is None)
        raise RunError.of("NC559", "some pairs have a fold, and this one has none", place=Place(str(path), line, 1))
    else:
        found = np.empty(len(rows), np.intp)
        for kind in (same, ~same):
            found[kind] = np.arange(kind.sum()) * FOLDS // kind.sum()
    least = min(int(same.sum()), int((~same).sum()))
    folds = len(np.unique(found))
    if folds < 2 or least < 2 or (not told and least < FOLDS):
        raise RunError.of(
            "NC561", "too few pairs to choose a threshold on some folds and test it on another",
            place=Place(str(path)), expected="two folds, or ten pairs of each kind",
            actual=f"{folds} fold{'' if folds == 1 else 's'}, {least} pairs of the rarer kind",
        )  # fmt: skip
    return found


def _people(
    images: list[PairedImage], first: np.ndarray, second: np.ndarray, same: np.ndarray, lfw: bool
) -> np.ndarray:
    """Who is who: in LFW's form by name; else images are of one person where pairs of the same person join them."""
    if lfw:
        return np.unique([image.name.split("/")[0] for image in images], return_inverse=True)[1].reshape(-1)
    parent = list(range(len(images)))

    def root(image: int) -> int:
        while parent[image] != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    for one, other in zip(first[same].tolist(), second[same].tolist(), strict=True):
        parent[root(one)] = root(other)
    return np.array([root(image) for image in range(len(images))], np.intp)
