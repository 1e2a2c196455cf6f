"""What a misspelt word was meant to be."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 80
_SHORTEST_STEM = 3


def nearest(word: str, known: Iterable[str], preferred: Iterable[str] = ()) -> str | None:
    """The known word that ``word`` was probably meant to be, or None.

    The fewest slips of the fingers win: letters left out, put in, replaced, or swapped with their neighbour, first
    without regard to case, then with it; among equals those in ``preferred``, then the first known. A word that goes
    on where a known one ends (``conv1_new`` for ``conv1``), or the other way round, is near to it too.
    """
    favourites = set(preferred)
    best: tuple[tuple[int, int, bool], str] | None = None
    for candidate in known:
        slips = distance(word.lower(), candidate.lower())
        length = max(len(word), len(candidate))
        if slips == length or (slips > max(1, round(0.4 * length)) and not _goes_on(word, candidate)):
            continue
        rank = (slips, distance(word, candidate), candidate not in favourites)
        if best is None or rank < best[0]:
            best = (rank, candidate)
    return best[1] if best else None


def distance(left: str, right: str) -> int:
    """Slips between two words: the optimal string alignment distance, of their first 80 letters.

    >>> distance("RelU", "ReLU"), distance("eRLU", "ReLU"), distance("Convolution", "Convoluton")
    (1, 1, 1)
    """
    left, right = left[:_LONGEST], right[:_LONGEST]
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, 1):
        two_before, before, row = before, row, [i]
        for j, other in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, two_before[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _goes_on(word: str, candidate: str) -> bool:
    short, long = sorted((word.lower(), candidate.lower()), key=len)
    return len(short) >= _SHORTEST_STEM and long.startswith(short)
