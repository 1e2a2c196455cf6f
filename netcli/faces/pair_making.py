"""Pairs of images for verification, from folders that bear people's names: folds as LFW's, or simply all pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netcli.errors import Place, RunError
from netcli.runtime.streams import stream

IMAGE_ENDINGS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

People = Mapping[str, Sequence[str]]
"""Name of a person -> paths of the images."""


@dataclass(frozen=True)
class MadePair:
    """Two images, whether they show the same person, and the fold from 1 on; None where the reader makes folds."""

    first: str
    second: str
    same: bool
    fold: int | None = None

    def line(self) -> str:
        """As ``netcli verify`` reads it."""
        return "\t".join(
            [self.first, self.second, str(int(self.same)), *([] if self.fold is None else [str(self.fold)])]
        )


def people_in(folder: Path) -> dict[str, list[str]]:
    """Each folder in ``folder`` is a person; paths begin with its name. Sorted, without folders that hold no images.

    Raises:
        RunError: NC563, fewer than two people, or nobody with two images.
    """
    people = {}
    for person in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        images = [path for path in person.rglob("*") if path.suffix.lower() in IMAGE_ENDINGS and path.is_file()]
        if images:
            people[person.name] = sorted(path.relative_to(folder).as_posix() for path in images)
    if len(people) < 2 or max(map(len, people.values())) < 2:
        raise RunError.of(
            "NC563", "too few images to make pairs of", place=Place(str(folder)),
            expected="a folder for each of two people at least, one of them with two images",
            actual=f"folders: {len(people)}, images: {sum(map(len, people.values()))}",
        )  # fmt: skip
    return people


def all_pairs(people: People) -> Iterator[MadePair]:
    """Every pair once, those of one person first."""
    for images in people.values():
        for first, second in itertools.combinations(images, 2):
            yield MadePair(first, second, True)
    for one, other in itertools.combinations(people.values(), 2):
        for first, second in itertools.product(one, other):
            yield MadePair(first, second, False)


def folds_of_pairs(people: People, folds: int, count: int, seed: int) -> list[MadePair]:
    """``folds`` folds of ``count`` random pairs of one person and ``count`` of two, none twice, as LFW has them.

    Nobody is in two folds, so that a threshold is tested on people that it has not seen.

    Raises:
        RunError: NC563, a fold has too few images for so many pairs.
    """
    made = []
    for number, part in enumerate(_parts(people, folds, seed), 1):
        _check(part, number, folds, count)
        draws = stream(seed, "pairs of faces", number)
        same = [pair for images in part.values() for pair in itertools.combinations(images, 2)]
        chosen = draws.choice(len(same), count, replace=False)
        made += [MadePair(first, second, True, number) for first, second in (same[i] for i in sorted(chosen.tolist()))]
        made += [MadePair(first, second, False, number) for first, second in _different(part, count, draws)]
    return made


def _parts(people: People, folds: int, seed: int) -> list[dict[str, Sequence[str]]]:
    """The people dealt out, in a random order, those with most images first, each to where the fewest pairs are."""
    names = list(people)
    order = stream(seed, "people in folds").permutation(len(names))
    dealt = sorted((names[index] for index in order), key=lambda name: -len(people[name]))
    parts: list[dict[str, Sequence[str]]] = [{} for _ in range(folds)]
    for name in dealt:
        alone = len(people[name]) < 2
        min(parts, key=lambda part: (0 if alone else _same_pairs(part), len(part)))[name] = people[name]
    return parts


def _same_pairs(people: People) -> int:
    return sum(len(images) * (len(images) - 1) // 2 for images in people.values())


def _different_pairs(people: People) -> int:
    images = sum(map(len, people.values()))
    return (images * images - sum(len(own) ** 2 for own in people.values())) // 2


def _check(people: People, number: int, folds: int, count: int) -> None:
    same, different = _same_pairs(people), _different_pairs(people)
    if min(same, different) >= count:
        return
    raise RunError.of(
        "NC563", f"too few images for fold {number} of {folds}",
        expected=f"{count} pairs of one person and as many of two",
        actual=f"{len(people)} people with {same} and {different}",
        hint="take fewer --folds or a smaller --count; --all writes every pair once",
    )  # fmt: skip


def _different(people: People, count: int, draws: np.random.Generator) -> list[tuple[str, str]]:
    """``count`` pairs of images of two people, each pair as likely as any other."""
    images = [(name, image) for name, own in people.items() for image in own]
    if 4 * count >= _different_pairs(people):
        pairs = [(a[1], b[1]) for a, b in itertools.combinations(images, 2) if a[0] != b[0]]
        return [pairs[index] for index in sorted(draws.choice(len(pairs), count, replace=False).tolist())]
    found: set[tuple[int, int]] = set()
    while len(found) < count:
        first, second = sorted(draws.integers(0, len(images), 2).tolist())
        if images[first][0] != images[second][0]:
            found.add((first, second))
    return [(images[first][1], images[second][1]) for first, second in sorted(found)]
