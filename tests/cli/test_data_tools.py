"""netcli data make, info, show, mean and digits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from netcli.data.lmdb_source import LmdbSource
from netcli.data.lmdb_writer import LmdbWriter
from netcli.data.transform import read_mean
from netcli.schema import caffe_pb2 as pb

RECORDED = Path(__file__).parents[1] / "data" / "datasets"


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Six PNGs (3, 5, 4) with labels 1, 1, 2, 2, 4, 4 in faces.txt, in the working directory."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 5, 4)).astype(np.uint8)
    (tmp_path / "a face").mkdir()
    for index, image in enumerate(pixels):
        cv2.imwrite(str(tmp_path / "a face" / f"{index}.png"), image.transpose(1, 2, 0))
    lines = [f"a face/{index}.png {label}" for index, label in enumerate([1, 1, 2, 2, 4, 4])]
    (tmp_path / "faces.txt").write_text("\r\n".join(lines))
    monkeypatch.chdir(tmp_path)
    return pixels


def items(path: str) -> tuple[list[np.ndarray], list[int | None]]:
    with LmdbSource(path) as source:
        pairs = [source.datum(index)[1] for index in range(len(source))]
    return [item.pixels for item in pairs], [item.label for item in pairs]


def test_make_writes_caffe_s_layout(run, faces):
    result = run("data", "make", "faces.txt", "db")
    assert result.exit_code == 0, result.stderr
    assert "labels start at 1" in result.stderr
    assert "1 of the labels from 1 to 4 have no item" in result.stderr
    assert result.stderr.endswith("db: 6 images, 3 labels\n")
    with lmdb.open("db", readonly=True, lock=False) as environment, environment.begin() as transaction:
        records = [(key.decode(), pb.Datum.FromString(value)) for key, value in transaction.cursor()]
    assert [key for key, _ in records] == [f"{index:08d}_a face/{index}.png" for index in range(6)]
    for (_, datum), pixels, label in zip(records, faces, [1, 1, 2, 2, 4, 4], strict=True):
        assert datum == pb.Datum(channels=3, height=5, width=4, data=pixels.tobytes(), label=label)


def test_make_agrees_with_convert_imageset(run, monkeypatch, tmp_path):
    monkeypatch.chdir(RECORDED)
    assert run("data", "make", "list.txt", tmp_path / "db", "--check-size").exit_code == 0
    mine, theirs = items(str(tmp_path / "db")), items("images_lmdb")
    assert mine[1] == theirs[1]
    # Caffe decoded with another JPEG library.
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(mine[0], theirs[0], strict=True)) <= 1


def test_make_resizes_and_greys(run, faces):
    assert run("data", "make", "faces.txt", "db", "--resize", "8,6", "--gray").exit_code == 0
    grey = cv2.imread("a face/3.png", cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(items("db")[0][3][0], cv2.resize(grey, (6, 8)))


@pytest.mark.parametrize("encoding", ["png", "jpg", "as-is"])
def test_make_compresses(run, faces, encoding):
    assert run("data", "make", "faces.txt", "db", "--encoded", encoding).exit_code == 0
    with LmdbSource("db") as source:
        assert source.encoded
        assert source.shape == (3, 5, 4)
        assert encoding == "jpg" or (source.datum(2)[1].pixels == faces[2]).all()
    with lmdb.open("db", readonly=True, lock=False) as environment, environment.begin() as transaction:
        datum = pb.Datum.FromString(transaction.get(b"00000002_a face/2.png"))
    assert datum.data.startswith(b"\xff\xd8" if encoding == "jpg" else b"\x89PNG")
    assert (datum.data == Path("a face/2.png").read_bytes()) or encoding != "as-is"


def test_make_shuffles_by_the_seed(run, faces):
    orders = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("data", "make", "faces.txt", name, "--shuffle", "--seed", seed).exit_code == 0
        pixels, labels = items(name)
        indices = [next(i for i in range(6) if (faces[i] == image).all()) for image in pixels]
        assert labels == [[1, 1, 2, 2, 4, 4][index] for index in indices]
        orders.append(indices)
    assert sorted(orders[0]) == list(range(6))
    assert orders[0] == orders[1] != orders[2]


def test_make_takes_a_root(run, faces, tmp_path):
    (tmp_path / "short.txt").write_text("0.png 0\n5.png 1\n")
    assert run("data", "make", "short.txt", "db", "--root", tmp_path / "a face").exit_code == 0
    np.testing.assert_array_equal(items("db")[0], faces[[0, 5]])


@pytest.mark.parametrize("content", [None, b"", b"GIF89a"])
def test_make_stops_at_a_bad_image_or_skips_it(run, faces, content):
    Path("a face/4.png").unlink()
    if content is not None:
        Path("a face/4.png").write_bytes(content)
    result = run("data", "make", "faces.txt", "db")
    assert result.exit_code == 1
    assert "a face/4.png' (line 5 of 'faces.txt') cannot be read" in result.stderr
    assert not Path("db").exists()
    result = run("data", "make", "faces.txt", "db", "--skip-bad")
    assert result.exit_code == 0
    assert "skipped: image 'a face/4.png' (line 5 of" in result.stderr
    assert "5 images, 3 labels, 1 skipped" in result.stderr
    assert items("db")[1] == [1, 1, 2, 2, 4]


def test_make_without_one_good_image(run, faces):
    for image in Path("a face").iterdir():
        image.write_bytes(b"")
    result = run("data", "make", "faces.txt", "db", "--skip-bad")
    assert result.exit_code == 1
    assert not Path("db").exists()
    Path("faces.txt").write_text("# nothing\n")
    result = run("data", "make", "faces.txt", "db")
    assert result.exit_code == 1
    assert "NC223" in result.stderr


def test_make_checks_sizes(run, faces):
    cv2.imwrite("a face/2.png", np.zeros((5, 5, 3), np.uint8))
    result = run("data", "make", "faces.txt", "db", "--check-size")
    assert result.exit_code == 1
    assert "a face/2.png" in result.stderr
    assert "expected 3 x 5 x 4, actual 3 x 5 x 5" in result.stderr
    result = run("data", "make", "faces.txt", "db")
    assert result.exit_code == 0
    assert "images of 2 sizes" in result.stderr


def test_nothing_is_replaced_without_force(run, faces):
    for arguments in (("make", "faces.txt", "out"), ("mean", "faces.txt", "out.npy"), ("digits", "digits")):
        if arguments[0] == "digits":
            with LmdbWriter("digits/digits_test_lmdb") as writer:
                writer.add(faces[0], 0)
        else:
            assert run("data", *arguments).exit_code == 0
        result = run("data", *arguments)
        assert result.exit_code == 1
        assert "NC210" in result.stderr
        if arguments[0] != "digits":
            assert run("data", *arguments, "--force").exit_code == 0
    assert run("data", "show", "out", 0, "--out", "out.npy").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--resize", "112"), "is not two positive sizes H,W"),
        (("--encoded", "as-is", "--gray"), "keeps the files as they are"),
    ],
)
def test_make_used_wrongly(run, faces, arguments, message):
    result = run("data", "make", "faces.txt", "db", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_interrupted_make_leaves_nothing(tmp_path):
    script = (
        "import os, signal, sys\n"
        "from netcli.cli import main\n"
        "from netcli.data.lmdb_writer import LmdbWriter\n"
        "add = LmdbWriter.add_datum\n"
        "def interrupted(self, datum, name=''):\n"
        "    add(self, datum, name)\n"
        "    if len(self) == 7:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "LmdbWriter.add_datum = interrupted\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # which a shell in the background takes away
        "main(sys.argv[1:])\n"
    )
    arguments = ["data", "make", str(RECORDED / "list.txt"), str(tmp_path / "db")]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_info_as_json(run, faces):
    run("data", "make", "faces.txt", "db")
    for source, encoded in (("db", 0), ("faces.txt", 6)):
        found = json.loads(run("data", "info", source, "--json").stdout)
        assert found["schema"] == 1
        assert (found["items"], found["encoded"], found["bad"]) == (6, encoded, [])
        assert found["shapes"] == [{"shape": [3, 5, 4], "items": 6}]
        assert found["labels"] == {"1": 2, "2": 2, "4": 2}
        np.testing.assert_allclose(found["mean"], faces.mean((0, 2, 3)))
        assert len(found["remarks"]) == 2


def test_info_names_bad_entries(run, faces, tmp_path):
    Path("a face/0.png").write_bytes(b"")
    result = run("data", "info", "faces.txt")
    assert result.exit_code == 1
    assert "bad         1\n  image 'a face/0.png' (line 1 of" in result.stdout
    with LmdbWriter(tmp_path / "db") as writer:
        writer.add_datum(b"\xff")
        writer.add(faces[0], None)
        writer.add(faces[0, :, :4], 3)
    result = run("data", "info", "db", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["items"] == 3
    assert found["unlabelled"] == 1
    assert len(found["shapes"]) == 2
    (bad,) = found["bad"]
    assert "corrupt datum, key 00000000" in bad


def test_info_draws_a_histogram(run, faces):
    lines = run("data", "info", "faces.txt").stdout.splitlines()
    assert "items       6, 6 of them compressed" in lines
    assert "labels      3, from 1 to 4, 2 items each" in lines
    assert f"  {'4':>8}  {'#' * 40}  2" in lines


@pytest.mark.parametrize("source", ["nowhere", "builtin:letters/train"])
def test_no_such_source(run, source):
    result = run("data", "info", source)
    assert result.exit_code in (1, 3)
    assert source in result.stderr


def test_a_truncated_lmdb(run, faces):
    run("data", "make", "faces.txt", "db")
    os.truncate("db/data.mdb", 8192)
    result = run("data", "info", "db")
    assert result.exit_code == 1
    assert "truncated" in result.stderr


def test_mean_is_compute_image_mean_s(run, tmp_path):
    result = run("data", "mean", RECORDED / "images_lmdb", tmp_path / "mean.binaryproto")
    assert result.exit_code == 0, result.stderr
    recorded = RECORDED / "images_mean.binaryproto"
    assert (tmp_path / "mean.binaryproto").read_bytes() == recorded.read_bytes()
    values = [float(line.removeprefix("mean_value: ")) for line in result.stdout.splitlines()]
    np.testing.assert_allclose(values, read_mean(recorded).mean((1, 2)), rtol=1e-5)


def test_mean_as_an_array(run, faces):
    assert run("data", "mean", "faces.txt", "mean.npy").exit_code == 0
    np.testing.assert_allclose(np.load("mean.npy"), faces.mean(0), rtol=1e-6)
    np.testing.assert_array_equal(read_mean(Path("mean.npy")), np.load("mean.npy"))


def test_mean_of_unequal_shapes(run, faces):
    cv2.imwrite("a face/2.png", np.zeros((5, 5, 3), np.uint8))
    result = run("data", "mean", "faces.txt", "mean.npy")
    assert result.exit_code == 1
    assert "NC204" in result.stderr
    assert not Path("mean.npy").exists()


def test_show_writes_a_png(run, faces):
    result = run("data", "show", "faces.txt", 3, "--out", "three.png")
    assert result.exit_code == 0
    assert "'a face/3.png' (line 4 of 'faces.txt'): 3 x 5 x 4, label 2" in result.stderr
    np.testing.assert_array_equal(cv2.imread("three.png").transpose(2, 0, 1), faces[3])


def test_show_draws(run, tmp_path):
    picture = np.zeros((1, 4, 3), np.uint8)
    picture[0, :2, 1] = 255
    with LmdbWriter(tmp_path / "db") as writer:
        writer.add(picture, None)
    result = run("data", "show", tmp_path / "db", 0)
    assert result.stdout == " @\n\n"
    assert "label none" in result.stderr


def test_show_beyond_the_end(run, faces):
    result = run("data", "show", "faces.txt", 6)
    assert result.exit_code == 2
    assert "there are 6 items: 0 to 5" in result.stderr


def test_digits(run, tmp_path, monkeypatch):
    monkeypatch.setattr("netcli.data.digits.SPLIT_SIZES", {"train": 30, "test": 20})
    result = run("data", "digits", tmp_path)
    assert result.exit_code == 0, result.stderr
    for split, count in (("train", 30), ("test", 20)):
        pixels, labels = items(str(tmp_path / f"digits_{split}_lmdb"))
        assert len(pixels) == count
        assert pixels[0].shape == (1, 28, 28)
        assert set(labels) == set(range(10))
