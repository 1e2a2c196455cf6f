"""WindowData's feed: where windows lie, which are drawn, and what becomes of their pixels."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from google.protobuf import text_format
from image_making import colour_images, take, write_png

from netcli.data.feed import Feeds
from netcli.data.skipped import SkippedItems
from netcli.data.window_file import read_window_file
from netcli.data.window_reader import Patch, place_window
from netcli.errors import NetcliError, RunError
from netcli.schema import caffe_pb2 as pb

IMAGES = colour_images(2, height=20, width=30)
OBJECTS = ("1 0.9 2 3 11 16", "7 0.5 10 5 29 19")
BACKGROUND = ("3 0.4 0 0 9 9", "0 0 20 10 25 15")
FILE = f"""# 0
a b.png
3
20
30
2
{OBJECTS[0]}
{BACKGROUND[0]}
# 1
c.png
3
20
30
2
{OBJECTS[1]}
{BACKGROUND[1]}
"""


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    write_png(tmp_path / "a b.png", IMAGES[0])
    write_png(tmp_path / "c.png", IMAGES[1])
    path = tmp_path / "windows.txt"
    path.write_text(FILE)
    return path


def window_layer(source: Path, settings: str = "", transform: str = "") -> pb.LayerParameter:
    crop = "" if "crop_size" in transform else "crop_size: 8"
    text = f"""
        name: "windows" type: "WindowData" top: "data" top: "label"
        transform_param {{ {crop} {transform} }}
        window_data_param {{ source: "{source}" batch_size: 8 fg_fraction: 0.25 {settings} }}
    """
    return text_format.Parse(text, pb.LayerParameter())


def taken(layer: pb.LayerParameter, count: int, seed: int = 1, **options) -> list[np.ndarray]:
    feed = Feeds(seed=seed, **options).open(layer, pb.TEST)
    try:
        return take(feed, [count])
    finally:
        feed.close()


def warped(image: int, box: tuple[int, int, int, int], size: tuple[int, int] = (8, 8)) -> np.ndarray:
    """A window (3, height, width) without context."""
    x1, y1, x2, y2 = box
    cut = IMAGES[image][:, y1 : y2 + 1, x1 : x2 + 1].transpose(1, 2, 0)
    return cv2.resize(cut, (size[1], size[0]), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)


def test_reading_a_window_file(windows):
    windows.write_bytes(windows.read_bytes().replace(b"\n", b"\r\n"))
    read = read_window_file(windows)
    assert read.images == [("a b.png", 2), ("c.png", 10)]
    assert [(window.image, window.label, window.overlap, window.box, window.line) for window in read.windows] == [
        (0, 1, 0.9, (2, 3, 11, 16), 7),
        (0, 3, 0.4, (0, 0, 9, 9), 8),
        (1, 7, 0.5, (10, 5, 29, 19), 15),
        (1, 0, 0.0, (20, 10, 25, 15), 16),
    ]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("# 0", "0", "windows.txt:1:1"),
        ("\n2\n" + OBJECTS[1], "\nmany\n" + OBJECTS[1], "windows.txt:14:1"),
        (OBJECTS[0], "1 0.9 2 3 11", "windows.txt:7:1"),
        (OBJECTS[0], "1 0.9 11 3 2 16", "windows.txt:7:1"),
        (BACKGROUND[1] + "\n", "", "windows.txt:15:1"),
    ],
)
def test_a_broken_window_file(windows, old, new, where):
    assert old in FILE
    windows.write_text(FILE.replace(old, new))
    with pytest.raises(RunError, match=f"{where}: .*NC226"):
        read_window_file(windows)


def test_every_batch_has_its_share_of_objects(windows):
    feed = Feeds(seed=1).open(window_layer(windows), pb.TEST)
    assert (feed.shapes, feed.size) == (((3, 8, 8), ()), None)
    _, labels = take(feed, [8] * 10)
    feed.close()
    batches = labels.reshape(10, 8)
    assert not batches[:, :6].any()
    assert set(batches[:, 6:].ravel().tolist()) == {1, 7}


def test_windows_without_context_are_warped_to_the_crop(windows):
    data, labels = taken(window_layer(windows), 80)
    expected = {1: warped(0, (2, 3, 11, 16)), 7: warped(1, (10, 5, 29, 19))}
    for item, label in zip(data, labels, strict=True):
        if label:
            np.testing.assert_array_equal(item, expected[label])
    kinds = {item.tobytes() for item, label in zip(data, labels, strict=True) if not label}
    assert kinds == {
        warped(0, (0, 0, 9, 9)).astype(np.float32).tobytes(),
        warped(1, (20, 10, 25, 15)).astype(np.float32).tobytes(),
    }


def test_mirroring_happens_in_test_too(windows):
    data, labels = taken(window_layer(windows, transform="mirror: true"), 80)
    seen = {item.tobytes() for item, label in zip(data, labels, strict=True) if label == 1}
    straight = warped(0, (2, 3, 11, 16)).astype(np.float32)
    assert seen == {straight.tobytes(), straight[:, :, ::-1].tobytes()}


def test_mean_values_and_scale(windows):
    data, _ = taken(window_layer(windows, transform="mean_value: 10 mean_value: 20 mean_value: 30 scale: 0.5"), 8)
    plain, _ = taken(window_layer(windows), 8)
    np.testing.assert_array_equal(data, (plain - np.float32([10, 20, 30]).reshape(3, 1, 1)) * np.float32(0.5))


def test_the_middle_of_a_mean_image(windows, tmp_path):
    mean = np.random.default_rng(0).random((3, 10, 10), np.float32)
    np.save(tmp_path / "mean.npy", mean)
    data, _ = taken(window_layer(windows, transform=f'mean_file: "{tmp_path}/mean.npy"'), 8)
    plain, _ = taken(window_layer(windows), 8)
    np.testing.assert_array_equal(data, plain - mean[:, 1:9, 1:9])


def test_context_inside_of_the_image_scales_the_window():
    # 4 x 4 pixels fill the inner half of the crop of 8, so the window grows by half its side everywhere. Caffe rounds
    # the corners 8 and 16 of the grown window and takes both in: 9 pixels.
    assert place_window((10, 10, 13, 13), (30, 30), 8, context_pad=2) == Patch((8, 8, 16, 16), (8, 8))


def test_context_outside_of_the_image_stays_empty():
    patch = place_window((0, 0, 3, 3), (30, 30), 9, context_pad=2)
    # 9 / (9 - 4) of 2 pixels around the centre (2, 2): from round(-1.6) = -2 to round(5.6) = 6, 9 pixels.
    assert patch == Patch((0, 0, 6, 6), (7, 7), left=2, right=0, top=2)


def test_a_square_takes_the_longer_side():
    patch = place_window((10, 10, 13, 19), (40, 40), 10, square=True)
    # The centre is (12, 15), the half side 5: 7 to 17 and 10 to 20.
    assert patch == Patch((7, 10, 17, 20), (10, 10))


def test_what_is_outside_of_the_image_is_zero_even_with_a_mean(windows):
    windows.write_text(FILE.replace(OBJECTS[0], "1 0.9 0 0 3 3"))
    for mirror in ("", "mirror: true"):
        layer = window_layer(windows, "context_pad: 2", f"crop_size: 9 mean_value: 128 {mirror}")
        data, labels = taken(layer, 80)
        items = data[labels == 1]
        corners = {(bool(item[:, :, :2].any()), bool(item[:, :, -2:].any())) for item in items}
        assert corners == ({(False, True), (True, False)} if mirror else {(False, True)})
        assert not items[:, :, :2].any()
        assert items[:, :, 2:, 2:-2].any()


def test_the_stream_is_a_function_of_the_position(windows):
    layer = window_layer(windows, "cache_images: true", "mirror: true")
    data, labels = taken(layer, 40)
    feed = Feeds(seed=1).open(layer, pb.TRAIN)
    feed.skip(13)
    rest = take(feed, [20])
    feed.close()
    np.testing.assert_array_equal(rest[0], data[13:33])
    np.testing.assert_array_equal(rest[1], labels[13:33])
    assert taken(layer, 40, seed=2)[1].tolist() != labels.tolist()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (OBJECTS[0], "0 0.9 2 3 11 16", r"windows.txt:7:1: .*an object of the background's class.*NC226"),
        (OBJECTS[0], "1 0.9 2 3 30 16", r"windows.txt:7:1: .*reaches out of its image.*X2 below 30.*NC226"),
        (" 0.4 ", " 0.8 ", None),
    ],
)
def test_windows_that_cannot_be_used(windows, old, new, message):
    windows.write_text(FILE.replace(old, new))
    if message is None:
        assert set(taken(window_layer(windows), 80)[1].tolist()) == {0, 1, 3, 7}
        return
    with pytest.raises(NetcliError, match=f"(?s){message}"):
        taken(window_layer(windows), 80)


def test_no_background(windows):
    with pytest.raises(RunError, match=r"no windows of background.*NC223"):
        taken(window_layer(windows, "bg_threshold: 0"), 1)


def test_a_missing_image(windows):
    (windows.parent / "c.png").unlink()
    with pytest.raises(RunError, match=r"c\.png' \(line 10 of.*NC221"):
        taken(window_layer(windows), 80)
    skipped = SkippedItems()
    _, labels = taken(window_layer(windows), 80, skipped=skipped)
    assert set(labels.tolist()) == {0, 1}
    assert len(skipped) == 1
