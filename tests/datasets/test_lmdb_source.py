import shutil
from pathlib import Path

import numpy as np
import pytest
from lmdb_making import counting_images, write_images, write_values

from netcli.data.datum import make_datum
from netcli.data.lmdb_source import LmdbSource
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb


def failure(path: Path) -> RunError:
    """What opening ``path`` and reading it once through raises."""
    with pytest.raises(RunError) as caught, LmdbSource(path) as source:
        source.read_into(0, np.empty((len(source), *source.shape), np.uint8), np.empty(len(source)))
    return caught.value


def test_items_come_in_key_order_and_wrap_round(tmp_path):
    images = counting_images(5)
    with LmdbSource(write_images(tmp_path / "db", images)) as source:
        assert len(source) == 5
        assert source.shape == (1, 4, 5)
        assert source.labelled
        pixels, labels = np.empty((12, 1, 4, 5), np.float32), np.empty(12, np.float32)
        keys = source.read_into(3, pixels, labels)
    order = [(3 + i) % 5 for i in range(12)]
    np.testing.assert_array_equal(pixels, images[order])
    np.testing.assert_array_equal(labels, order)
    assert keys == [f"{i:08d}" for i in order]


@pytest.mark.parametrize("index", [0, 4, 2, 1, 7, 11])
def test_an_item_by_its_index(tmp_path, index):
    with LmdbSource(write_images(tmp_path / "db", counting_images(5))) as source:
        source.seek(3)
        key, item = source.datum(index)
        assert (key, item.label) == (f"{index % 5:08d}", index % 5)
        assert source.position == (index + 1) % 5


def test_two_sources_may_read_one_lmdb(tmp_path):
    path = write_images(tmp_path / "db", counting_images(4))
    with LmdbSource(path) as first:
        with LmdbSource(path) as second:
            second.seek(2)
            assert second.next_item()[0] == "00000002"
        assert first.next_item()[0] == "00000000"
    with LmdbSource(path) as again:
        assert len(again) == 4


def test_float_data_keeps_its_values(tmp_path):
    values = np.array([-1.5, 0.25, 1e-3, 300.0], np.float32).reshape(1, 2, 2)
    with LmdbSource(write_values(tmp_path / "db", [make_datum(values, 2)])) as source:
        _, item = source.next_item()
    assert item.pixels.dtype == np.float32
    np.testing.assert_array_equal(item.pixels, values)


def test_missing_path(tmp_path):
    error = failure(tmp_path / "nowhere")
    assert error.code == "NC200"
    assert "nowhere" in str(error)


def test_file_instead_of_folder(tmp_path):
    path = write_images(tmp_path / "db", counting_images(2)) / "data.mdb"
    error = failure(path)
    assert error.code == "NC201"
    assert "actual a file" in str(error)


def test_folder_without_lmdb(tmp_path):
    assert failure(tmp_path).code == "NC201"


def test_leveldb_is_recognised(tmp_path):
    (tmp_path / "CURRENT").write_text("MANIFEST-000002\n")
    error = failure(tmp_path)
    assert error.code == "NC201"
    assert "LevelDB" in str(error)


@pytest.mark.parametrize("content", [b"", b"x" * 20000])
def test_data_file_of_something_else(tmp_path, content):
    (tmp_path / "data.mdb").write_bytes(content)
    assert failure(tmp_path).code == "NC201"


def test_empty_lmdb(tmp_path):
    error = failure(write_values(tmp_path / "db", []))
    assert error.code == "NC202"
    assert "0 items" in str(error)


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_truncated_lmdb_does_not_kill_the_process(tmp_path, keep):
    path = write_images(tmp_path / "db", counting_images(200, (1, 28, 28)))
    file = path / "data.mdb"
    with file.open("r+b") as handle:
        handle.truncate(int(file.stat().st_size * keep))
    error = failure(path)
    assert error.code == "NC220"
    assert "truncated" in str(error)


def test_damaged_page(tmp_path):
    path = write_images(tmp_path / "db", counting_images(200, (1, 28, 28)))
    content = bytearray((path / "data.mdb").read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    (path / "data.mdb").write_bytes(content)
    error = failure(path)
    assert error.code == "NC220"
    assert "damaged" in str(error)


GOOD = make_datum(np.zeros((1, 2, 2), np.uint8), 1)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xff\xff", "no Datum message"),
        (GOOD[:-6], "no Datum message"),
        (pb.Datum(channels=1, height=2, width=2, data=b"abc", label=0).SerializeToString(), "3 values for 1 x 2 x 2"),
        (pb.Datum(channels=1, height=2, width=2, label=0).SerializeToString(), "0 values"),
        (pb.Datum(channels=0, height=2, width=2, data=b"", label=0).SerializeToString(), "0 x 2 x 2"),
        (pb.Datum(encoded=True, data=b"no image", label=0).SerializeToString(), "no readable image"),
        (pb.Datum(encoded=True, data=b"", label=0).SerializeToString(), "no readable image"),
    ],
)
def test_corrupt_datum_is_named_by_its_key(tmp_path, value, reason):
    error = failure(write_values(tmp_path / "db", [GOOD, GOOD, value]))
    assert error.code == "NC203"
    assert "key 00000002" in str(error)
    assert reason in str(error)


def test_corrupt_first_datum(tmp_path):
    path = write_values(tmp_path / "db", [b"\xff", GOOD])
    error = failure(path)
    assert error.code == "NC203"
    assert "key 00000000" in str(error)


def test_datum_of_another_shape(tmp_path):
    other = make_datum(np.zeros((1, 2, 3), np.uint8), 1)
    error = failure(write_values(tmp_path / "db", [GOOD, other]))
    assert error.code == "NC204"
    assert "key 00000001" in str(error)
    assert "expected 1 x 2 x 2, actual 1 x 2 x 3" in str(error)


def test_label_missing(tmp_path):
    error = failure(write_values(tmp_path / "db", [GOOD, make_datum(np.zeros((1, 2, 2), np.uint8), None)]))
    assert error.code == "NC205"
    assert "key 00000001" in str(error)


def test_encoded_images_without_opencv(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    error = failure(write_values(tmp_path / "db", [pb.Datum(encoded=True, data=b"x", label=0).SerializeToString()]))
    assert error.code == "NC206"
    assert "pip install 'netcli[images]'" in str(error)


def test_an_lmdb_that_failed_to_open_can_be_replaced_and_opened(tmp_path):
    path = write_values(tmp_path / "db", [])
    assert failure(path).code == "NC202"
    shutil.rmtree(path)
    with LmdbSource(write_values(path, [GOOD])) as source:
        assert len(source) == 1
