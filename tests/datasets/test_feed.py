import gc
import threading
from pathlib import Path

import numpy as np
import pytest
from lmdb_making import counting_images, data_layer, write_images, write_values

from netcli.data.datum import make_datum
from netcli.data.feed import Feeds
from netcli.data.stream_feed import StreamFeed
from netcli.errors import ConfigError, NetcliError, RunError
from netcli.schema import caffe_pb2 as pb

IMAGES = counting_images(10, (1, 6, 7))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return write_images(tmp_path / "db", IMAGES)


def take(feed: StreamFeed, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The items of batches of the given sizes, in one row."""
    data, labels = [], []
    for size in sizes:
        data.append(np.full((size, *feed.shapes[0]), np.nan, np.float32))
        labels.append(np.full(size, np.nan, np.float32))
        feed.next_batch([data[-1], labels[-1]])
    return np.concatenate(data), np.concatenate(labels)


def opened(layer: pb.LayerParameter, phase: int = pb.TRAIN, seed: int = 1) -> StreamFeed:
    return Feeds(seed=seed).open(layer, phase)


def test_batches_wrap_round(database):
    feed = opened(data_layer(database))
    assert (feed.shapes, feed.size) == (((1, 6, 7), ()), 10)
    data, labels = take(feed, [3] * 8)
    order = np.arange(24) % 10
    np.testing.assert_array_equal(labels, order)
    np.testing.assert_array_equal(data, IMAGES[order])
    assert feed.position == 24
    feed.close()


@pytest.mark.parametrize("sizes", [[24], [1] * 24, [5, 2, 7, 1, 9], [3] * 8])
@pytest.mark.parametrize("prefetch", [1, 4, 9])
def test_the_stream_does_not_depend_on_batch_size_or_prefetch(database, sizes, prefetch):
    crops = "crop_size: 4 mirror: true scale: 0.5"
    feed = opened(data_layer(database, "batch_size: 6 prefetch: 2", crops))
    expected = take(feed, [6] * 4)
    feed.close()
    feed = opened(data_layer(database, f"batch_size: 3 prefetch: {prefetch}", crops))
    got = take(feed, sizes)
    feed.close()
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])


def test_seed_and_layer_name_change_the_crops(database):
    def crops(seed: int, name: str) -> bytes:
        layer = data_layer(database, transform="crop_size: 4")
        layer.name = name
        feed = opened(layer, seed=seed)
        data, _ = take(feed, [10])
        feed.close()
        return data.tobytes()

    assert crops(1, "a") == crops(1, "a")
    assert len({crops(1, "a"), crops(2, "a"), crops(1, "b")}) == 3


def test_epochs_have_crops_of_their_own(database):
    feed = opened(data_layer(database, transform="crop_size: 4"))
    first, second = np.split(take(feed, [20])[0], 2)
    feed.close()
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("taken", [0, 2, 3, 7])
@pytest.mark.parametrize("skipped", [0, 1, 3, 25])
def test_skip_is_as_good_as_taking(database, taken, skipped):
    layer = data_layer(database, transform="crop_size: 4 mirror: true")
    feed = opened(layer)
    whole, _ = take(feed, [taken + skipped + 5])
    feed.close()
    feed = opened(layer)
    take(feed, [taken])
    feed.skip(skipped)
    rest, _ = take(feed, [5])
    feed.close()
    np.testing.assert_array_equal(rest, whole[-5:])


def test_rewind_repeats_the_stream(database):
    feed = opened(data_layer(database, "rand_skip: 8", "crop_size: 4"))
    first = take(feed, [4, 4])
    feed.rewind()
    again = take(feed, [4, 4])
    feed.close()
    np.testing.assert_array_equal(again[0], first[0])
    np.testing.assert_array_equal(again[1], first[1])


def test_rand_skip_starts_somewhere_below_it(database):
    starts = set()
    for seed in range(40):
        feed = opened(data_layer(database, "rand_skip: 4"), seed=seed)
        starts.add(int(take(feed, [1])[1][0]))
        feed.close()
    assert starts == {0, 1, 2, 3}


def test_item_names_are_those_of_the_last_batch(database):
    feed = opened(data_layer(database))
    take(feed, [4, 7])
    assert str(feed.item_name(0)) == f"key 00000004 of '{database}'"
    assert feed.item_name(0).key == "00000004"
    assert str(feed.item_name(6)) == f"key 00000000 of '{database}'"
    feed.close()


def test_no_labels_are_needed_for_a_single_top(tmp_path):
    path = write_values(tmp_path / "db", [make_datum(image, None) for image in IMAGES])
    feed = opened(data_layer(path, tops='top: "data"'))
    data = np.empty((4, 1, 6, 7), np.float32)
    feed.next_batch([data])
    np.testing.assert_array_equal(data, IMAGES[:4])
    feed.close()


def test_missing_label_is_an_error_where_labels_are_wanted(tmp_path):
    feed = opened(data_layer(write_values(tmp_path / "db", [make_datum(image, None) for image in IMAGES])))
    with pytest.raises(RunError) as caught:
        take(feed, [3])
    feed.close()
    assert caught.value.code == "NC205"


def test_errors_of_the_thread_come_after_the_batches_before_them(tmp_path):
    values = [make_datum(image, i) for i, image in enumerate(IMAGES)]
    values[7] = b"\xff"
    feed = opened(data_layer(write_values(tmp_path / "db", values)))
    take(feed, [3, 3])
    for _ in range(2):
        with pytest.raises(RunError) as caught:
            take(feed, [3])
        assert caught.value.code == "NC203"
        assert "key 00000007" in str(caught.value)
    feed.skip(2)
    assert take(feed, [2])[1].tolist() == [8, 9]
    feed.close()


def test_datum_of_another_shape(tmp_path):
    values = [make_datum(IMAGES[0], 0), make_datum(IMAGES[1][:, :5], 1)]
    path = write_values(tmp_path / "db", values)
    feed = opened(data_layer(path))
    with pytest.raises(RunError) as caught:
        take(feed, [2])
    feed.close()
    assert caught.value.code == "NC204"
    feed = opened(data_layer(path, transform="crop_size: 4"), pb.TEST)
    data, _ = take(feed, [2])
    feed.close()
    np.testing.assert_array_equal(data[1], IMAGES[1][:, 0:4, 1:5])


def test_item_smaller_than_the_crop_is_named(tmp_path):
    path = write_values(tmp_path / "db", [make_datum(IMAGES[0], 0), make_datum(IMAGES[1][:, :3], 1)])
    feed = opened(data_layer(path, transform="crop_size: 4"))
    with pytest.raises(RunError, match="key 00000001") as caught:
        take(feed, [2])
    feed.close()
    assert caught.value.code == "NC215"


def test_label_that_float32_cannot_hold(tmp_path):
    feed = opened(data_layer(write_images(tmp_path / "db", IMAGES[:1], [2**24 + 1])))
    with pytest.raises(RunError) as caught:
        take(feed, [1])
    feed.close()
    assert caught.value.code == "NC214"


def test_close_ends_the_thread_and_may_be_called_again(database):
    before = threading.active_count()
    feed = opened(data_layer(database))
    take(feed, [3])
    assert threading.active_count() == before + 1
    feed.close()
    feed.close()
    assert threading.active_count() == before


def test_a_forgotten_feed_leaves_no_thread(database):
    before = threading.active_count()
    feed = opened(data_layer(database))
    take(feed, [3])
    del feed
    gc.collect()
    assert threading.active_count() == before


def test_train_and_test_net_may_read_the_same_data(database):
    feeds = [opened(data_layer(database), phase) for phase in (pb.TRAIN, pb.TEST)]
    for _ in range(3):
        batches = [take(feed, [4])[0] for feed in feeds]
        np.testing.assert_array_equal(*batches)
    for feed in feeds:
        feed.close()


def test_mean_file_and_source_are_found_beside_the_prototxt(tmp_path):
    write_images(tmp_path / "data" / "db", IMAGES)
    mean = pb.BlobProto(num=1, channels=1, height=6, width=7, data=IMAGES.mean(0).ravel())
    (tmp_path / "data" / "mean.binaryproto").write_bytes(mean.SerializeToString())
    layer = data_layer("data/db", transform='mean_file: "data/mean.binaryproto"')
    feeds = Feeds(str(tmp_path / "models" / "net.prototxt"), seed=3)
    assert feeds.shapes(layer) == ((1, 6, 7), ())
    feed = feeds.open(layer, pb.TEST)
    data, _ = take(feed, [10])
    feed.close()
    np.testing.assert_allclose(data, IMAGES - IMAGES.mean(0), atol=1e-4)


def test_missing_source(tmp_path):
    layer = data_layer(tmp_path / "nowhere")
    assert Feeds().shapes(layer) is None
    with pytest.raises(NetcliError, match=r"layer 'images' \(Data\).*nowhere") as caught:
        opened(layer)
    assert caught.value.code == "NC001"


def test_empty_lmdb_names_the_layer(tmp_path):
    layer = data_layer(write_values(tmp_path / "db", []))
    for attempt in (lambda: opened(layer), lambda: Feeds().shapes(layer)):
        with pytest.raises(RunError, match=r"layer 'images' \(Data\): LMDB '.*' is empty") as caught:
            attempt()
        assert caught.value.code == "NC202"


def test_leveldb_is_a_clear_error(tmp_path, database):
    (tmp_path / "leveldb").mkdir()
    for source, backend in ((tmp_path / "leveldb", "backend: LEVELDB"), (database, "backend: LEVELDB")):
        with pytest.raises(ConfigError, match=r"LevelDB is not supported.*backend: LMDB") as caught:
            opened(data_layer(source, backend))
        assert caught.value.code == "NC207"


def test_an_lmdb_is_read_when_no_backend_is_named(database):
    layer = data_layer(database)
    layer.data_param.ClearField("backend")
    feed = opened(layer)
    assert take(feed, [2])[1].tolist() == [0, 1]
    feed.close()


def test_a_failed_open_lets_go_of_the_lmdb(database):
    with pytest.raises(ConfigError):
        opened(data_layer(database, transform="crop_size: 9"))
    feed = opened(data_layer(database))
    assert feed.size == 10
    feed.close()


@pytest.mark.parametrize(("transform", "shape"), [("", (1, 6, 7)), ("crop_size: 5", (1, 5, 5))])
def test_item_shape_of_an_lmdb(database, transform, shape):
    assert Feeds().shapes(data_layer(database, transform=transform)) == (shape, ())


@pytest.mark.parametrize(("transform", "shape"), [("", (1, 28, 28)), ("crop_size: 20", (1, 20, 20))])
def test_item_shape_of_built_in_data_makes_nothing(tmp_path, monkeypatch, transform, shape):
    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tmp_path / "cache"))
    assert Feeds().shapes(data_layer("builtin:digits/train", transform=transform)) == (shape, ())
    assert not (tmp_path / "cache").exists()
