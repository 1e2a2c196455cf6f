import gzip
from pathlib import Path

import lmdb
import numpy as np
import pytest
from mnist_making import idx, mnist_arrays, write_mnist

from netcli.data.lmdb_source import LmdbSource
from netcli.data.mnist import make_mnist_lmdbs
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = mnist_arrays()


def failure(folder: Path) -> RunError:
    """What the conversion raises; it must have written nothing."""
    before = sorted(folder.iterdir())
    with pytest.raises(RunError) as caught:
        make_mnist_lmdbs(folder)
    assert sorted(folder.iterdir()) == before
    return caught.value


@pytest.mark.parametrize("compressed", [True, False])
def test_both_lmdbs_hold_what_the_files_hold(tmp_path, compressed):
    write_mnist(tmp_path, compressed=compressed)
    paths = make_mnist_lmdbs(tmp_path)
    assert paths == [tmp_path / "mnist_train_lmdb", tmp_path / "mnist_test_lmdb"]
    arrays = mnist_arrays()
    for path, images, labels in zip(paths, (TRAIN_IMAGES, TEST_IMAGES), (TRAIN_LABELS, TEST_LABELS), strict=True):
        with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
            stored = [(key, pb.Datum.FromString(value)) for key, value in transaction.cursor()]
        assert [key for key, _ in stored] == [b"%08d" % i for i in range(len(arrays[images]))]
        for i, (_, datum) in enumerate(stored):
            assert datum == pb.Datum(
                channels=1, height=28, width=28, data=arrays[images][i].tobytes(), label=int(arrays[labels][i])
            )


def test_dotted_names_are_found(tmp_path):
    for name in write_mnist(tmp_path, compressed=False):
        (tmp_path / name).rename(tmp_path / name.replace("-idx", ".idx"))
    with LmdbSource(make_mnist_lmdbs(tmp_path)[1]) as source:
        assert len(source) == 5


def test_progress_counts_to_the_end(tmp_path):
    write_mnist(tmp_path)
    seen: list[tuple[str, int, int]] = []
    make_mnist_lmdbs(tmp_path, progress=lambda *told: seen.append(told))
    assert seen == [("mnist_train_lmdb", 12, 12), ("mnist_test_lmdb", 5, 5)]


def test_lmdbs_are_replaced_only_by_force(tmp_path):
    write_mnist(tmp_path)
    make_mnist_lmdbs(tmp_path)
    assert failure(tmp_path).code == "NC210"
    make_mnist_lmdbs(tmp_path, force=True)


def test_an_existing_test_lmdb_stops_before_anything_is_written(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "mnist_test_lmdb").mkdir()
    assert failure(tmp_path).code == "NC210"


def test_missing_files_are_all_named(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / f"{TRAIN_LABELS}.gz").unlink()
    (tmp_path / f"{TEST_IMAGES}.gz").unlink()
    error = failure(tmp_path)
    assert error.code == "NC212"
    assert TRAIN_LABELS in str(error)
    assert TEST_IMAGES in str(error)
    assert TRAIN_IMAGES not in str(error)


def test_missing_folder(tmp_path):
    with pytest.raises(RunError) as caught:
        make_mnist_lmdbs(tmp_path / "nowhere")
    assert caught.value.code == "NC212"


GOOD_IMAGES, GOOD_LABELS = (idx(mnist_arrays()[name]) for name in (TRAIN_IMAGES, TRAIN_LABELS))


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        (TRAIN_IMAGES, b"", "NC213", "actual nothing and 0 bytes"),
        (TRAIN_IMAGES, b"<html>not found</html>", "NC213", "magic 00000803"),
        (TRAIN_IMAGES, GOOD_LABELS, "NC213", "actual 00000801"),
        (TRAIN_LABELS, GOOD_IMAGES, "NC213", "magic 00000801"),
        (TRAIN_IMAGES, GOOD_IMAGES[:-1], "NC213", "truncated, expected 12 x 28 x 28 = 9408 bytes"),
        (TRAIN_IMAGES, GOOD_IMAGES + b"\0", "NC213", "too long"),
        (TRAIN_IMAGES, GOOD_IMAGES[:10], "NC213", "10 bytes"),
        (TRAIN_IMAGES, gzip.compress(GOOD_IMAGES)[:-20], "NC213", "cannot read"),
        (TRAIN_IMAGES, b"\x1f\x8b" + b"junk" * 9, "NC213", "cannot read"),
        (TRAIN_IMAGES, idx(np.zeros((12, 28, 27), np.uint8)), "NC213", "expected 28 x 28, actual 28 x 27"),
        (TRAIN_LABELS, idx(np.zeros(11, np.uint8)), "NC213", "expected 12 labels, actual 11"),
        (TRAIN_LABELS, idx(np.array([0] * 7 + [10] + [0] * 4, np.uint8)), "NC214", "label 7 in"),
    ],
)
def test_damaged_files(tmp_path, name, content, code, words):
    write_mnist(tmp_path, compressed=False)
    (tmp_path / name).write_bytes(content)
    error = failure(tmp_path)
    assert error.code == code
    assert words in str(error)
    assert name in str(error)


def test_files_without_images(tmp_path):
    write_mnist(tmp_path, compressed=False)
    (tmp_path / TRAIN_IMAGES).write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
    (tmp_path / TRAIN_LABELS).write_bytes(idx(np.zeros(0, np.uint8)))
    error = failure(tmp_path)
    assert error.code == "NC213"
    assert "no images" in str(error)
