import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import numpy as np
import pytest
from lmdb_making import counting_images, write_images, write_values

from netcli.data import lmdb_writer
from netcli.data.lmdb_source import LmdbSource
from netcli.data.lmdb_writer import LmdbWriter
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


PIXEL = np.zeros((1, 1, 1), np.uint8)


def failing_images() -> Iterator[np.ndarray]:
    """One image, then an error."""
    yield PIXEL
    raise ZeroDivisionError


def test_keys_and_values_are_those_of_caffes_tools(tmp_path):
    with LmdbWriter(tmp_path / "db") as writer:
        writer.add(np.full((3, 2, 1), 9, np.uint8), 4)
        writer.add(np.full((3, 2, 1), 8, np.uint8), -1, name="cats/one.png")
        assert len(writer) == 2
    with lmdb.open(str(tmp_path / "db"), readonly=True, lock=False) as environment, environment.begin() as transaction:
        stored = [(key, pb.Datum.FromString(value)) for key, value in transaction.cursor()]
    assert [key for key, _ in stored] == [b"00000000", b"00000001_cats/one.png"]
    assert stored[0][1] == pb.Datum(channels=3, height=2, width=1, data=b"\x09" * 6, label=4)
    assert stored[1][1].label == -1
    assert entries(tmp_path / "db") == ["data.mdb"]


def test_the_map_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(lmdb_writer, "FIRST_MAP_SIZE", 1 << 16)
    images = counting_images(2500, (1, 16, 16))
    with LmdbSource(write_images(tmp_path / "db", images)) as source:
        pixels = np.empty(images.shape, np.uint8)
        source.read_into(0, pixels)
    np.testing.assert_array_equal(pixels, images)


def test_zero_items_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(RunError) as caught, LmdbWriter(tmp_path / "db"):
        pass
    assert caught.value.code == "NC211"
    assert entries(tmp_path) == []


def test_an_exception_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        write_images(tmp_path / "db", failing_images())
    assert entries(tmp_path) == []


def test_an_lmdb_is_replaced_only_by_force(tmp_path):
    path = write_images(tmp_path / "db", counting_images(2))
    with pytest.raises(RunError) as caught:
        write_images(path, counting_images(3))
    assert caught.value.code == "NC210"
    write_images(path, np.zeros((1, 1, 2, 2), np.uint8), force=True)
    with LmdbSource(path) as source:
        assert (len(source), source.shape) == (1, (1, 2, 2))
    assert entries(tmp_path) == ["db"]


def test_a_failed_replacement_keeps_the_old_lmdb(tmp_path):
    path = write_images(tmp_path / "db", counting_images(2))
    with pytest.raises(ZeroDivisionError):
        write_images(path, failing_images(), force=True)
    with LmdbSource(path) as source:
        assert len(source) == 2
    assert entries(tmp_path) == ["db"]


def test_force_does_not_remove_what_is_no_lmdb(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.png").write_bytes(b"precious")
    with pytest.raises(RunError) as caught, LmdbWriter(tmp_path / "photos", force=True):
        pass
    assert caught.value.code == "NC210"
    assert (tmp_path / "photos" / "holiday.png").read_bytes() == b"precious"


@pytest.mark.parametrize("label", [2**31, -(2**31) - 1])
def test_label_out_of_the_range_of_a_datum(tmp_path, label):
    with pytest.raises(RunError) as caught, LmdbWriter(tmp_path / "db") as writer:
        writer.add(PIXEL, label)
    assert caught.value.code == "NC214"
    assert str(label) in str(caught.value)
    assert entries(tmp_path) == []


def test_below_a_file_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught, LmdbWriter(tmp_path / "file" / "db"):
        pass
    assert caught.value.code == "NC209"


FILL_THE_DISK = """
import resource, sys
import numpy as np
from netcli.data.lmdb_writer import LmdbWriter
from netcli.errors import RunError
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    with LmdbWriter(sys.argv[1]) as writer:
        for i in range(3000):
            writer.add(np.zeros((1, 28, 28), np.uint8), i)
except RunError as error:
    print(error)
"""


def test_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path / "db")], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout
    assert "[NC209]" in done.stdout
    assert done.stderr == ""
    assert entries(tmp_path) == []


def test_of_two_writers_at_once_the_first_to_finish_wins(tmp_path):
    path = tmp_path / "db"

    def interrupted_images() -> Iterator[np.ndarray]:
        yield PIXEL
        write_images(path, counting_images(5))

    with pytest.raises(RunError) as caught:
        write_images(path, interrupted_images())
    assert caught.value.code == "NC210"
    with LmdbSource(path) as source:
        assert len(source) == 5
    assert entries(tmp_path) == ["db"]


def test_an_empty_folder_may_be_replaced_by_force(tmp_path):
    write_values(tmp_path / "other", [b"x"])
    (tmp_path / "db").mkdir()
    write_images(tmp_path / "db", [PIXEL], force=True)
    assert entries(tmp_path) == ["db", "other"]
