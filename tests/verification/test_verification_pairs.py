"""Lists of pairs: LFW's form and the plain one, folds, who is who, and which features belong to which image."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcli.errors import RunError
from netcli.verification.matching import rows_of
from netcli.verification.pair_features import image_set
from netcli.verification.pairs import PairList, read_pairs

LFW = """2\t2
Ann_Lee\t1\t4
Bo\t2\t10
Ann_Lee\t1\tBo\t2
Cy\t3\tBo\t2
Cy\t1\t2
Di\t1\t2
Cy\t1\tDi\t1
Ann_Lee\t4\tDi\t2
"""


def _read(folder: Path, text: str) -> PairList:
    path = folder / "pairs.txt"
    path.write_text(text)
    return read_pairs(path)


def test_lfw_s_list(tmp_path: Path) -> None:
    found = _read(tmp_path, LFW)
    names = [image.name for image in found.images]
    assert names == [
        "Ann_Lee/Ann_Lee_0001", "Ann_Lee/Ann_Lee_0004", "Bo/Bo_0002", "Bo/Bo_0010", "Cy/Cy_0003", "Cy/Cy_0001",
        "Cy/Cy_0002", "Di/Di_0001", "Di/Di_0002",
    ]  # fmt: skip
    assert found.same.tolist() == [True, True, False, False] * 2
    assert found.fold.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert (found.folds, found.lfw) == (2, True)
    assert [names[i] for i in found.first][2:4] == ["Ann_Lee/Ann_Lee_0001", "Cy/Cy_0003"]
    assert len(set(found.people)) == 4
    assert found.people[4] == found.people[5], "by name, though no pair joins them"


def test_lfw_s_development_list_has_no_folds(tmp_path: Path) -> None:
    lines = ["12", *(f"Ann\t{i}\t{i + 1}" for i in range(1, 13)), *(f"Ann\t{i}\tBo\t{i}" for i in range(1, 13))]
    found = _read(tmp_path, "\n".join(lines))
    assert found.fold.tolist() == [0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9] * 2


def test_a_plain_list(tmp_path: Path) -> None:
    same = "".join(f"a/{i}.png a/{i + 1}.png 1\n" for i in range(10))
    different = "".join(f"a/{i}.png b/{i}.png 0\n" for i in range(10, 20))
    found = _read(tmp_path, same + different)
    assert found.fold.tolist() == [*range(10), *range(10)]
    assert (found.folds, found.lfw) == (10, False)
    assert len(set(found.people[:11])) == 1, "pairs of one person join their images"
    assert len(set(found.people)) == 1 + 19, "of the others nothing is known but a/10, which is among the first"


def test_folds_and_paths_with_spaces(tmp_path: Path) -> None:
    found = _read(tmp_path, "a b.png\tc.png\t1\t7\na b.png\td.png\t0\t7\nc.png\te.png\t1\t9\nd.png\te.png\t-1\t9\n")
    assert [image.name for image in found.images] == ["a b.png", "c.png", "d.png", "e.png"]
    assert found.fold.tolist() == [0, 0, 1, 1]
    assert found.same.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("a.png b.png\n", "NC559", ":1:1: a line that is no pair, expected PATH1 PATH2 1 or 0"),
        ("a.png b.png 1\na.png b.png 2\n", "NC559", ":2:1: a line that is no pair"),
        ("2 2\nAnn 1 2\nAnn one 2\n", "NC559", ":3:1: a line that is no pair, expected NAME N1 N2, or NAME1"),
        ("2 2\nAnn 1 2\nAnn 1 Bo 2\n", "NC559", "expected 2 x 2 x 2, actual 2"),
        ("a b 1 0\na c 0\n", "NC559", ":2:1: some pairs have a fold, and this one has none"),
        (
            "a b 1\nc d 1\n",
            "NC561",
            "all pairs are of one kind, expected pairs of the same person, and of two, actual 2",
        ),
        ("a b 1\nc d 1\na d 0\n", "NC561", "too few pairs"),
        ("a b 1 3\nc d 1 3\na d 0 3\na c 0 3\n", "NC561", "actual 1 fold, 2 pairs"),
        ("", "NC223", "an empty list"),
    ],
)
def test_lists_that_cannot_be_used(text: str, code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        _read(tmp_path, text)
    assert caught.value.code == code
    assert said in str(caught.value)


def test_features_are_found_by_name(tmp_path: Path) -> None:
    found = _read(tmp_path, LFW)
    names = [f"{image.name}.jpg" for image in found.images]
    expected = list(range(len(names)))
    for given in (
        names,
        [f"data/lfw/{name}" for name in names],
        [f"{number:08d}_{name}" for number, name in enumerate(names)],
        [name.replace("/", "\\").replace(".jpg", ".png") for name in names],
    ):
        assert rows_of(found, given).tolist() == expected
        assert rows_of(found, given[::-1]).tolist() == expected[::-1]


def test_the_same_name_in_two_folders_is_told_by_more_of_the_path(tmp_path: Path) -> None:
    text = "".join(f"a/{i}.png a/{i + 1}.png 1\nb/{i}.png a/{i}.png 0\n" for i in range(10))
    found = _read(tmp_path, text)
    names = [f"x/{folder}/{i}.png" for folder in "ab" for i in range(12)]
    assert [names[row].removeprefix("x/") for row in rows_of(found, names)] == [image.name for image in found.images]
    with pytest.raises(RunError, match=r"pairs\.txt:1:1: 'a/0\.png' fits several features.*NC560"):
        rows_of(found, [*names, *(name.replace("x/", "y/") for name in names)])


def test_a_name_without_features(tmp_path: Path) -> None:
    found = _read(tmp_path, LFW)
    names = [f"{image.name}.jpg" for image in found.images]
    with pytest.raises(RunError) as caught:
        rows_of(found, [name.replace("Cy", "Cyd") for name in names])
    assert str(caught.value) == (
        f"{found.path}:5:1: there are no features of 'Cy', nor of 2 other images. hint: did you mean 'Cyd'? [NC560]"
    )
    with pytest.raises(RunError) as caught:
        rows_of(found, [name for name in names if "Bo_0010" not in name])
    assert str(caught.value) == (
        f"{found.path}:3:1: there are no features of 'Bo/Bo_0010'. "
        "hint: the features have names such as 'Ann_Lee/Ann_Lee_0001' [NC560]"
    )


def test_the_images_of_a_list_have_the_ending_of_the_first(tmp_path: Path) -> None:
    found = _read(tmp_path, LFW)
    assert image_set(found, "lfw/").images[0].path == "Ann_Lee/Ann_Lee_0001.jpg", "LFW's own, where there is none"
    (tmp_path / "lfw" / "Ann_Lee").mkdir(parents=True)
    (tmp_path / "lfw" / "Ann_Lee" / "Ann_Lee_0001.pgm").touch()
    images = image_set(found, "lfw")
    assert {Path(image.path).suffix for image in images.images} == {".pgm"}
    assert images.images[3].line == 3
