"""ImageData's feed: which pixels, in which order, whatever the threads do, and what happens to bad files."""

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from image_making import colour_images, image_layer, take, write_list, write_png

from netcli.data.feed import Feeds
from netcli.data.skipped import SkippedItems
from netcli.data.stream_feed import StreamFeed
from netcli.errors import ConfigError, RunError
from netcli.net.net import Net
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb
from netcli.solver.feed_meter import FeedMeter

IMAGES = colour_images(10)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return write_list(tmp_path / "set", IMAGES)


def opened(layer: pb.LayerParameter, phase: int = pb.TRAIN, seed: int = 1, **options) -> StreamFeed:
    return Feeds(seed=seed, **options).open(layer, phase)


def taken(layer: pb.LayerParameter, sizes: list[int], phase: int = pb.TRAIN, seed: int = 1) -> list[np.ndarray]:
    feed = opened(layer, phase, seed)
    try:
        return take(feed, sizes)
    finally:
        feed.close()


def test_images_come_in_the_order_of_the_list(listed):
    feed = opened(image_layer(listed))
    assert (feed.shapes, feed.size) == (((3, 6, 7), ()), 10)
    data, labels = take(feed, [3] * 8)
    feed.close()
    np.testing.assert_array_equal(labels, np.arange(24) % 10)
    np.testing.assert_array_equal(data, IMAGES[np.arange(24) % 10])


def test_names_with_spaces_and_windows_line_ends(tmp_path):
    path = write_list(tmp_path, IMAGES[:2], ["Ada Lovelace/photo 1.png", "b c.png"])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    data, labels = taken(image_layer(path), [2])
    np.testing.assert_array_equal(data, IMAGES[:2])
    assert labels.tolist() == [0, 1]


def test_grey_is_opencv_s(listed):
    (data, _) = taken(image_layer(listed, "is_color: false"), [10])
    expected = [cv2.cvtColor(image.transpose(1, 2, 0), cv2.COLOR_BGR2GRAY) for image in IMAGES]
    assert np.abs(data[:, 0] - expected).max() <= 1


def test_colour_of_a_grey_file(tmp_path):
    write_list(tmp_path, IMAGES[:1])
    write_png(tmp_path / "0.png", IMAGES[0, :1])
    (data, _) = taken(image_layer(tmp_path / "list.txt"), [1])
    np.testing.assert_array_equal(data[0], np.repeat(IMAGES[0, :1], 3, axis=0))


def test_resizing_is_bilinear(listed):
    (data, _) = taken(image_layer(listed, "new_height: 9 new_width: 4"), [2])
    expected = cv2.resize(IMAGES[1].transpose(1, 2, 0), (4, 9), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(data[1], expected.transpose(2, 0, 1))


def test_shuffling_shows_every_image_once_an_epoch(listed):
    _, labels = taken(image_layer(listed, "shuffle: true"), [30])
    epochs = labels.reshape(3, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 3
    _, again = taken(image_layer(listed, "shuffle: true"), [30])
    _, other = taken(image_layer(listed, "shuffle: true"), [30], seed=2)
    assert labels.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("settings", ["batch_size: 2", "batch_size: 7"])
def test_the_stream_does_not_depend_on_threads_or_batches(listed, monkeypatch, threads, settings):
    transform = "crop_size: 4 mirror: true mean_value: 100 scale: 0.5"
    expected = taken(image_layer(listed, "shuffle: true", transform), [25])
    monkeypatch.setattr("netcli.data.image_files.decoding_threads", lambda: threads)
    got = taken(image_layer(listed, f"shuffle: true {settings}", transform), [4, 1, 20])
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("skipped", [0, 4, 17])
def test_skip_is_as_good_as_taking(listed, skipped):
    layer = image_layer(listed, "shuffle: true rand_skip: 5", "crop_size: 4")
    whole, _ = taken(layer, [2 + skipped + 5])
    feed = opened(layer)
    take(feed, [2])
    feed.skip(skipped)
    rest, _ = take(feed, [5])
    feed.close()
    np.testing.assert_array_equal(rest, whole[-5:])


def test_close_ends_all_threads(listed):
    before = threading.active_count()
    feed = opened(image_layer(listed))
    take(feed, [3])
    assert threading.active_count() >= before + 2
    feed.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("settings", "transform", "shape"),
    [
        ("new_height: 9 new_width: 4", "", (3, 9, 4)),
        ("new_height: 9 new_width: 4 is_color: false", "crop_size: 3", (1, 3, 3)),
        ("", "crop_size: 5", (3, 5, 5)),
    ],
)
def test_shapes_that_need_no_images(settings, transform, shape):
    assert Feeds().shapes(image_layer("nowhere.txt", settings, transform)) == (shape, ())
    one_top = image_layer("nowhere.txt", settings, transform, 'top: "data"')
    assert Feeds().shapes(one_top) == (shape,)


def test_shapes_that_the_first_image_tells(listed):
    assert Feeds().shapes(image_layer(listed)) == ((3, 6, 7), ())
    assert Feeds().shapes(image_layer("nowhere.txt")) is None


def test_half_a_size(listed):
    with pytest.raises(ConfigError, match=r"layer 'images' \(ImageData\).*belong together.*NC126"):
        Feeds().shapes(image_layer(listed, "new_height: 9"))


def test_images_of_unequal_size(listed):
    write_png(listed.parent / "2.png", IMAGES[2, :, :5])
    with pytest.raises(RunError, match=r"2\.png.*line 3 of.*expected 3 x 6 x 7, actual 3 x 5 x 7.*NC204"):
        taken(image_layer(listed), [3])
    data, _ = taken(image_layer(listed, "", "crop_size: 4"), [3], pb.TEST)
    np.testing.assert_array_equal(data[2], IMAGES[2, :, 0:4, 1:5])


def test_one_at_a_time_images_may_have_any_size(listed):
    write_png(listed.parent / "2.png", IMAGES[2, :, :5])
    text = f"""
      layer {{ name: "images" type: "ImageData" top: "data" top: "label"
        image_data_param {{ source: "{listed}" batch_size: 1 }} }}
      layer {{ name: "pool" type: "Pooling" bottom: "data" top: "pool"
        pooling_param {{ pool: AVE global_pooling: true }} }}
    """
    net = Net(NetSource.from_text(text, str(listed)), pb.TRAIN, feeds=FeedMeter(Feeds()))
    shapes, means = [], []
    for _ in range(12):
        net.forward()
        shapes.append(net.blobs["data"].shape)
        means.append(net.blobs["pool"].data.reshape(3).copy())
    net.close()
    assert shapes == [(1, 3, 5 if index % 10 == 2 else 6, 7) for index in range(12)]
    expected = [(IMAGES[i % 10, :, :5] if i % 10 == 2 else IMAGES[i % 10]).mean(axis=(1, 2)) for i in range(12)]
    np.testing.assert_allclose(means, expected, rtol=1e-5)


def test_one_at_a_time_goes_on_where_it_stood(listed):
    layer = image_layer(listed, "shuffle: true batch_size: 1", "mirror: true")
    whole, rest = (Feeds(seed=3).open(layer, pb.TRAIN) for _ in range(2))
    items = [whole.next_item() for _ in range(25)]
    rest.skip(20)
    for expected in items[20:]:
        for one, other in zip(rest.next_item(), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert rest.item_name(0) == whole.item_name(0)
    whole.rewind()
    np.testing.assert_array_equal(whole.next_item()[0], items[0][0])
    for feed in (whole, rest):
        feed.close()


def break_by(how: str, path: Path) -> None:
    """Makes an image unreadable."""
    path.unlink()
    if how == "empty":
        path.touch()
    elif how == "text":
        path.write_text("<html>not found</html>")
    elif how == "truncated":
        path.write_bytes(cv2.imencode(".jpg", np.zeros((6, 7, 3), np.uint8))[1].tobytes()[:20])
    elif how == "folder":
        path.mkdir()


@pytest.mark.parametrize("how", ["missing", "empty", "text", "truncated", "folder"])
def test_a_bad_image_is_named_with_its_line(listed, how):
    break_by(how, listed.parent / "4.png")
    feed = opened(image_layer(listed))
    take(feed, [3])
    with pytest.raises(RunError, match=r"4\.png' \(line 5 of '.*list.txt'\) cannot be read: .*NC221"):
        take(feed, [3])
    feed.close()


@pytest.mark.parametrize("how", ["missing", "empty", "text"])
def test_bad_images_are_skipped_counted_and_named(listed, how):
    for name in ("4.png", "5.png", "9.png"):
        break_by(how, listed.parent / name)
    told: list[RunError] = []
    skipped = SkippedItems(told.append)
    feed = opened(image_layer(listed, "", "crop_size: 6"), pb.TEST, skipped=skipped)
    _, labels = take(feed, [10, 10])
    feed.close()
    assert labels.tolist() == [0, 1, 2, 3, 6, 6, 6, 7, 8, 0] * 2
    assert len(skipped) == len(told) == 3
    assert all(name in message for name, message in zip(("4.", "5.", "9."), skipped.messages, strict=True))


def test_the_first_image_may_be_bad_too(listed):
    (listed.parent / "0.png").unlink()
    feed = opened(image_layer(listed), skipped=SkippedItems())
    assert take(feed, [3])[1].tolist() == [1, 1, 2]
    feed.close()


def test_a_set_without_one_good_image(listed):
    for i in range(10):
        (listed.parent / f"{i}.png").unlink()
    feed = opened(image_layer(listed, "new_height: 4 new_width: 4"), skipped=SkippedItems())
    with pytest.raises(RunError, match="not one item of the set can be read") as caught:
        take(feed, [1])
    feed.close()
    assert caught.value.code == "NC229"


def test_files_that_go_away_during_the_training(listed):
    feed = opened(image_layer(listed, "batch_size: 1"))
    take(feed, [1])
    for image in listed.parent.glob("*.png"):
        image.unlink()
    with pytest.raises(RunError, match=r"line \d+ of") as caught:
        take(feed, [30])
    feed.close()
    assert caught.value.code == "NC221"


def test_without_opencv(listed, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(RunError, match=r"layer 'images' \(ImageData\).*OpenCV.*netcli\[images\].*NC206"):
        opened(image_layer(listed))


def test_paths_relative_to_list_and_prototxt(tmp_path, monkeypatch):
    write_list(tmp_path / "data" / "set", IMAGES[:3])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    feed = Feeds(str(tmp_path / "models" / "net.prototxt")).open(image_layer("data/set/list.txt"), pb.TEST)
    np.testing.assert_array_equal(take(feed, [3])[0], IMAGES[:3])
    name = feed.item_name(1)
    assert str(name) == f"'{tmp_path / 'data' / 'set'}{os.sep}1.png' (line 2 of '{tmp_path}/data/set/list.txt')"
    assert (name.key, name.substitute) == ("1.png", False)
    feed.close()
