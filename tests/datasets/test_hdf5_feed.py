"""HDF5Data's feed and HDF5Output's file."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from google.protobuf import text_format
from image_making import take

from netcli.data.feed import Feeds
from netcli.errors import ConfigError, NetcliError, RunError
from netcli.schema import caffe_pb2 as pb

ROWS = (4, 1, 3)
IMAGES = np.random.default_rng(3).random((sum(ROWS), 2, 3, 4))
NUMBERS = np.arange(sum(ROWS))


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Three files of 4, 1 and 3 rows: ``image`` (2, 3, 4) float64, ``number`` () int64, ``pair`` (2,) float32."""
    start = 0
    for index, rows in enumerate(ROWS):
        part = slice(start, start + rows)
        with h5py.File(tmp_path / f"part {index}.h5", "w") as file:
            file["image"] = IMAGES[part]
            file["number"] = NUMBERS[part]
            file["pair"] = np.stack([NUMBERS[part], -NUMBERS[part]], 1).astype(np.float32)
        start += rows
    path = tmp_path / "list.txt"
    path.write_text("".join(f"part {index}.h5\r\n" for index in range(len(ROWS))))
    return path


def hdf5_layer(
    source: Path | str, settings: str = "", tops: tuple[str, ...] = ("image", "number")
) -> pb.LayerParameter:
    size = "" if "batch_size" in settings else "batch_size: 3"
    text = f'name: "rows" type: "HDF5Data" hdf5_data_param {{ source: "{source}" {size} {settings} }}'
    layer = text_format.Parse(text, pb.LayerParameter())
    layer.top.extend(tops)
    return layer


def taken(layer: pb.LayerParameter, sizes: list[int], seed: int = 1) -> list[np.ndarray]:
    feed = Feeds(seed=seed).open(layer, pb.TRAIN)
    try:
        return take(feed, sizes)
    finally:
        feed.close()


def test_rows_of_all_files_follow_each_other(listed):
    images, numbers, pairs = taken(hdf5_layer(listed, tops=("image", "number", "pair")), [3, 5, 1, 11])
    order = np.arange(20) % 8
    np.testing.assert_array_equal(numbers, order)
    np.testing.assert_array_equal(images, IMAGES[order].astype(np.float32))
    np.testing.assert_array_equal(pairs, np.stack([order, -order], 1))


def test_shapes_are_those_of_the_first_file(listed):
    layer = hdf5_layer(listed, tops=("pair", "number", "image"))
    assert Feeds().shapes(layer) == ((2,), (), (2, 3, 4))
    assert Feeds().shapes(hdf5_layer("nowhere.txt")) is None
    feed = Feeds().open(layer, pb.TEST)
    assert (feed.shapes, feed.size) == (((2,), (), (2, 3, 4)), 8)
    assert take(feed, [5]) is not None
    assert str(feed.item_name(4)) == f"row 0 of '{listed.parent / 'part 1.h5'}'"
    feed.close()


def test_shuffling_shuffles_files_and_rows(listed):
    images, numbers = taken(hdf5_layer(listed, "shuffle: true"), [7, 80 - 7])
    np.testing.assert_array_equal(images, IMAGES[numbers.astype(int)].astype(np.float32))
    epochs = numbers.reshape(10, 8).astype(int)
    file_of = np.repeat(np.arange(3), ROWS)
    for epoch in epochs:
        assert sorted(epoch) == list(range(8))
        assert np.count_nonzero(np.diff(file_of[epoch])) == 2, "a file comes in one piece"
    assert len({tuple(epoch) for epoch in epochs.tolist()}) > 5
    assert len({tuple(dict.fromkeys(file_of[epoch].tolist())) for epoch in epochs}) > 1
    assert len({tuple(number for number in epoch if number < 4) for epoch in epochs.tolist()}) > 1


def test_a_shuffled_stream_is_a_function_of_the_position(listed):
    layer = hdf5_layer(listed, "shuffle: true")
    _, whole = taken(layer, [30])
    feed = Feeds(seed=1).open(layer, pb.TRAIN)
    feed.skip(13)
    assert take(feed, [4, 1])[1].tolist() == whole[13:18].tolist()
    feed.rewind()
    assert take(feed, [5])[1].tolist() == whole[:5].tolist()
    feed.close()
    assert taken(layer, [30], seed=2)[1].tolist() != whole.tolist()


def rewrite(path: Path, **datasets) -> None:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"image": IMAGES[:2]}, "has no dataset 'number', expected .*, actual image"),
        ({"image": IMAGES[:2], "number": NUMBERS[:3]}, "unequal numbers of rows, actual 'image' 2, 'number' 3"),
        ({"image": IMAGES[:2, 0], "number": NUMBERS[:2]}, r"another shape than.*expected \(2, 3, 4\), actual \(3, 4\)"),
        ({"image": IMAGES[:2], "number": 7}, "cannot be read by rows"),
        ({"image": IMAGES[:2], "number": [b"a", b"b"]}, "cannot be read by rows"),
    ],
)
def test_files_that_do_not_agree(listed, datasets, message):
    rewrite(listed.parent / "part 1.h5", **datasets)
    with pytest.raises(RunError, match=f"layer 'rows' .*{message}") as caught:
        taken(hdf5_layer(listed), [1])
    assert caught.value.code == "NC225"


def test_a_file_without_rows_among_others(listed):
    rewrite(listed.parent / "part 1.h5", image=IMAGES[:0], number=NUMBERS[:0])
    assert taken(hdf5_layer(listed), [8])[1].tolist() == [0, 1, 2, 3, 5, 6, 7, 0]


def test_no_rows_at_all(listed):
    listed.write_text("part 1.h5\n")
    rewrite(listed.parent / "part 1.h5", image=IMAGES[:0], number=NUMBERS[:0])
    with pytest.raises(RunError, match=r"no rows in.*NC223"):
        taken(hdf5_layer(listed), [1])


def test_a_file_that_is_no_hdf5(listed):
    (listed.parent / "part 2.h5").write_text("no HDF5")
    with pytest.raises(RunError, match=r"part 2\.h5.*NC224"):
        taken(hdf5_layer(listed), [1])


def test_a_missing_file_is_named_with_its_line(listed):
    (listed.parent / "part 2.h5").unlink()
    with pytest.raises(ConfigError, match=r"list\.txt:3:1: .*'part 2\.h5' does not exist"):
        taken(hdf5_layer(listed), [1])


def test_a_file_that_changes_during_the_training(listed):
    feed = Feeds().open(hdf5_layer(listed, "batch_size: 1"), pb.TRAIN)
    rewrite(listed.parent / "part 0.h5", image=IMAGES[:2], number=NUMBERS[:2])
    with pytest.raises(RunError, match=r"part 0\.h5' has changed since it was opened"):
        take(feed, [8])
    feed.close()


def test_without_h5py(listed, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(NetcliError, match=r"needs h5py.*netcli\[hdf5\].*NC457"):
        taken(hdf5_layer(listed), [1])


def output_layer(path: Path) -> pb.LayerParameter:
    return pb.LayerParameter(name="out", type="HDF5Output", hdf5_output_param={"file_name": str(path)})


def test_output_appends_batches_and_is_whole_after_each(tmp_path):
    path = tmp_path / "out.h5"
    path.write_text("something old")
    sink = Feeds().open_sink(output_layer(path))
    images, labels = IMAGES[:6].astype(np.float32), NUMBERS[:6].astype(np.float32).reshape(6, 1, 1, 1)
    for stop in (2, 4, 6):
        sink.write([images[stop - 2 : stop], labels[stop - 2 : stop]])
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["data"], images[:stop])
            np.testing.assert_array_equal(file["label"], labels[:stop])
    sink.close()
    sink.write([images[:1], labels[:1]])
    with h5py.File(path) as file:
        assert file["data"].shape == (1, 2, 3, 4)


def test_output_of_another_shape_than_before(tmp_path):
    sink = Feeds().open_sink(output_layer(tmp_path / "out.h5"))
    sink.write([np.zeros((2, 3, 1, 1), np.float32)] * 2)
    with pytest.raises(RunError, match=r"expected 3 x 1 x 1, actual 4 x 1 x 1.*NC228"):
        sink.write([np.zeros((2, 4, 1, 1), np.float32)] * 2)


def test_output_that_cannot_be_written(tmp_path):
    sink = Feeds().open_sink(output_layer(tmp_path / "nowhere" / "out.h5"))
    with pytest.raises(RunError, match=r"cannot write.*NC228"):
        sink.write([np.zeros((2, 3, 1, 1), np.float32)] * 2)
