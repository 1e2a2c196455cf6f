"""``netcli faces pairs``: folds as LFW's, all pairs, and folders with too little in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netcli.cli import main
from netcli.verification.pairs import PairList, read_pairs

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Calls the command line."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return call


def _people(folder: Path, **images: int) -> Path:
    """A folder for each person with so many empty images."""
    for person, count in images.items():
        (folder / person).mkdir(parents=True)
        for number in range(count):
            (folder / person / f"{number}.JPG").touch()
        (folder / person / "notes.txt").touch()
    (folder / ".hidden").mkdir()
    (folder / "empty").mkdir()
    (folder / "stray.jpg").touch()
    return folder


def _sides(pairs: PairList) -> list[tuple[str, str]]:
    names = [image.name for image in pairs.images]
    return [(names[i], names[j]) for i, j in zip(pairs.first, pairs.second, strict=True)]


def test_all_pairs(run: Run, tmp_path: Path) -> None:
    result = run("faces", "pairs", _people(tmp_path / "faces", ann=2, bo=1, cy=2), "--all")
    assert result.exit_code == 0
    assert result.stderr == "3 people, 2 pairs of one, 8 of two\n"
    assert result.stdout == (
        "ann/0.JPG\tann/1.JPG\t1\n"
        "cy/0.JPG\tcy/1.JPG\t1\n"
        "ann/0.JPG\tbo/0.JPG\t0\n"
        "ann/1.JPG\tbo/0.JPG\t0\n"
        "ann/0.JPG\tcy/0.JPG\t0\n"
        "ann/0.JPG\tcy/1.JPG\t0\n"
        "ann/1.JPG\tcy/0.JPG\t0\n"
        "ann/1.JPG\tcy/1.JPG\t0\n"
        "bo/0.JPG\tcy/0.JPG\t0\n"
        "bo/0.JPG\tcy/1.JPG\t0\n"
    )


@pytest.mark.parametrize(("images", "count"), [(4, 8), (12, 8)])
def test_folds_are_drawn_as_lfw_s(images: int, count: int, run: Run, tmp_path: Path) -> None:
    """With 4 images the pairs of two people are listed and drawn from, with 12 they are drawn one by one."""
    people = {f"p{number}": images for number in range(12)} | {f"single{number}": 1 for number in range(6)}
    folder, out = _people(tmp_path / "faces", **people), tmp_path / "pairs.txt"
    arguments = ("faces", "pairs", folder, "--folds", 3, "--count", count)
    assert run(*arguments, "--seed", 5, "--out", out).exit_code == 0
    found = read_pairs(out)
    assert (found.folds, len(found.same)) == (3, 6 * count)
    sides = _sides(found)
    assert len({frozenset(pair) for pair in sides}) == 6 * count, "no pair twice"
    who: list[set[str]] = [set(), set(), set()]
    for (one, other), same, fold in zip(sides, found.same, found.fold, strict=True):
        assert (one.split("/")[0] == other.split("/")[0]) == same
        assert one != other
        who[fold].update((one.split("/")[0], other.split("/")[0]))
    assert sum(map(len, who)) == len(set.union(*who)), "nobody is in two folds"
    assert Counter(zip(found.fold.tolist(), found.same.tolist(), strict=True)) == {
        (fold, same): count for fold in range(3) for same in (True, False)
    }
    assert run(*arguments, "--seed", 5).stdout == out.read_text(), "the same seed, the same pairs"
    first = {name for side in sides[: 2 * count] for name in side}
    lines = run(*arguments, "--seed", 6).stdout.splitlines()[: 2 * count]
    others = {name for line in lines for name in line.split("\t")[:2]}
    assert {name.split("/")[0] for name in first} != {name.split("/")[0] for name in others}, "other people in a fold"


def test_too_few_images(run: Run, tmp_path: Path) -> None:
    few = run("faces", "pairs", _people(tmp_path / "few", ann=3, bo=3, cy=3, di=3), "--folds", 2, "--count", 7)
    assert few.exit_code == 1
    assert few.stderr == (
        "error: too few images for fold 1 of 2, expected 7 pairs of one person and as many of two, actual 2 people "
        "with 6 and 9. hint: take fewer --folds or a smaller --count; --all writes every pair once [NC563]\n"
    )
    alone = run("faces", "pairs", _people(tmp_path / "alone", ann=1, bo=1), "--all")
    assert "actual folders: 2, images: 2 [NC563]" in alone.stderr
    assert "actual folders: 1, images: 4 [NC563]" in run("faces", "pairs", _people(tmp_path / "one", ann=4)).stderr
    assert run("faces", "pairs", tmp_path / "gone").exit_code == 2
