"""Which row of a table of features belongs to which image of a list of pairs.

Features bear paths as they were listed, or keys of an LMDB; lists of pairs have paths below the folder of the set,
LFW's without an ending. So a name fits if it is equal, or ends in the other after a slash; of a key the number before
the path, as convert_imageset writes it, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from netcli.errors import Place, RunError, did_you_mean
from netcli.verification.pairs import PairedImage, PairList

_AMBIGUOUS = -1
_KEY_NUMBER = re.compile(r"^\d{8,}_(?=.)")


def rows_of(pairs: PairList, names: Sequence[str]) -> np.ndarray:
    """The row of each image of ``pairs``, (images,) int.

    Raises:
        RunError: NC560, one has no row, or several.
    """
    exact: dict[str, int] = {}
    by_ending: dict[str, int] = {}
    for row, name in enumerate(names):
        text = _plain(name, pairs)
        exact.setdefault(text, row)
        parts = text.split("/")
        for begin in range(len(parts)):
            ending = "/".join(parts[begin:])
            by_ending[ending] = row if by_ending.get(ending, row) == row else _AMBIGUOUS
    found = np.empty(len(pairs.images), np.intp)
    missing: list[PairedImage] = []
    for index, image in enumerate(pairs.images):
        fitting = exact.get(image.name, by_ending.get(image.name))
        if fitting is None:
            missing.append(image)
        elif fitting == _AMBIGUOUS:
            raise RunError.of(
                "NC560", f"'{image.name}' fits several features", place=Place(str(pairs.path), image.line, 1),
                hint="let the paths in the list of pairs begin further up",
            )  # fmt: skip
        else:
            found[index] = fitting
    if missing:
        raise _unknown(pairs, missing, [_plain(name, pairs) for name in names])
    return found


def _plain(name: str, pairs: PairList) -> str:
    text = _KEY_NUMBER.sub("", name.replace("\\", "/"))
    if pairs.lfw:
        return text.removesuffix(Path(text).suffix)
    return text


def _unknown(pairs: PairList, missing: list[PairedImage], names: list[str]) -> RunError:
    first = missing[0]
    folder = first.name.rpartition("/")[0]
    known = {ending for name in names if (ending := name.rpartition("/")[0])}
    if folder and not any(name == folder or name.endswith(f"/{folder}") for name in known):
        what = f"there are no features of '{folder}'"
        hint, _ = did_you_mean(folder, {name.rpartition("/")[2] for name in known})
    else:
        what = f"there are no features of '{first.name}'"
        hint = f"the features have names such as '{names[0]}'" if names else "there are no features at all"
    more = f", nor of {len(missing) - 1:,} other images" if len(missing) > 1 else ""
    return RunError.of("NC560", what + more, place=Place(str(pairs.path), first.line, 1), hint=hint)
