from pathlib import Path

import pytest

from netcli.data.image_list import ListedImage, find_root, read_image_list
from netcli.errors import RunError


def read(folder: Path, content: str | bytes, **options) -> list[tuple[str, int | None, int]]:
    path = folder / "list.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(image.path, image.label, image.line) for image in read_image_list(path, **options)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a.jpg 0\nb.jpg 7\n", [("a.jpg", 0, 1), ("b.jpg", 7, 2)]),
        ("a.jpg 0\r\nb.jpg 7\r\n", [("a.jpg", 0, 1), ("b.jpg", 7, 2)]),
        ("a.jpg\t0\nb.jpg \t 7", [("a.jpg", 0, 1), ("b.jpg", 7, 2)]),
        ("Ada Lovelace/photo  1.jpg 3\n", [("Ada Lovelace/photo  1.jpg", 3, 1)]),
        ("\ufeffa.jpg 1\n", [("a.jpg", 1, 1)]),
        ("# people\n\n  \na.jpg 1   \n#b.jpg 2\nc.jpg 3\n\n", [("a.jpg", 1, 4), ("c.jpg", 3, 6)]),
        ("a.jpg -1\nb.jpg 2.0\n", [("a.jpg", -1, 1), ("b.jpg", 2, 2)]),
        ("日本\u2028語.jpg 1\n", [("日本\u2028語.jpg", 1, 1)]),
    ],
)
def test_what_a_line_means(tmp_path, content, expected):
    assert read(tmp_path, content) == expected


def test_names_that_are_no_utf8(tmp_path):
    ((path, label, _),) = read(tmp_path, b"caf\xe9.jpg 4\n")
    assert (path.encode("utf-8", "surrogateescape"), label) == (b"caf\xe9.jpg", 4)


@pytest.mark.parametrize("line", ["a.jpg", "a.jpg cat", "a.jpg 1.5", "a.jpg nan", "a.jpg inf", f"a.jpg {2**31}"])
def test_a_line_without_a_label(tmp_path, line):
    with pytest.raises(RunError, match=r"list.txt:2:1: a line without a label.*NC222") as caught:
        read(tmp_path, f"ok.jpg 1\n{line}\n")
    assert line in str(caught.value)


def test_labels_may_be_missing_where_nobody_wants_them(tmp_path):
    assert read(tmp_path, "a b.jpg\nc.jpg 2\n", labelled=False) == [("a b.jpg", None, 1), ("c.jpg", 2, 2)]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "NC223"), (b"# only this\n", "NC223"), ("a 1\n".encode("utf-16"), "NC222"), (b"\x00\x01a 1", "NC222")],
)
def test_no_list(tmp_path, content, code):
    with pytest.raises(RunError) as caught:
        read(tmp_path, content)
    assert caught.value.code == code


def test_a_missing_list(tmp_path):
    with pytest.raises(RunError, match="no such file"):
        read_image_list(tmp_path / "nowhere.txt")


def test_a_root_folder_stands_before_the_path_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    for name in ("one.jpg", "faces/two.jpg", "faces-three.jpg"):
        (tmp_path / name).touch()

    def root(folder: str, path: str) -> str:
        return find_root(folder, [ListedImage(path, 0, 1)], [])

    assert root("", "one.jpg") == ""
    assert root("faces/", "two.jpg") == "faces/"
    assert root("faces-", "three.jpg") == "faces-"
    assert root("faces", "two.jpg") == "faces/"
    assert root("faces", "nowhere.jpg") == "faces"


def test_images_are_found_beside_the_list(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "one.jpg").touch()
    listed = [ListedImage("missing.jpg", 0, 1), ListedImage("one.jpg", 0, 2)]
    assert Path(find_root("faces", listed, [tmp_path]) + "one.jpg") == tmp_path / "faces" / "one.jpg"
