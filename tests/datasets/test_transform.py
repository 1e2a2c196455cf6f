import numpy as np
import pytest
from google.protobuf import text_format

from netcli.data.random_draws import Draws
from netcli.data.transform import Transform, read_mean
from netcli.errors import ConfigError, RunError
from netcli.schema import caffe_pb2 as pb

SHAPE = (2, 6, 8)
PIXELS = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
MEAN = np.random.default_rng(1).random(SHAPE, np.float32) * 255


def transform(text: str, phase: int, mean: np.ndarray | None = None, shape: tuple[int, int, int] = SHAPE) -> Transform:
    return Transform(text_format.Parse(text, pb.TransformationParameter()), phase, shape, mean, Draws(5, "test"))


def applied(made: Transform, pixels: np.ndarray = PIXELS, epoch: int = 0, item: int = 0) -> np.ndarray:
    batch = np.full((1, *made.shape), np.nan, np.float32)
    made.apply(pixels, epoch, item, batch[0])
    return batch[0]


def windows(image: np.ndarray, crop: int, mirrored: tuple[bool, ...]) -> list[np.ndarray]:
    """Every crop of ``image``, by (mirrored, top, left)."""
    return [
        image[:, top : top + crop, left : left + crop][:, :, :: -1 if flip else 1]
        for flip in mirrored
        for top in range(image.shape[1] - crop + 1)
        for left in range(image.shape[2] - crop + 1)
    ]


@pytest.mark.parametrize("phase", [pb.TRAIN, pb.TEST])
def test_without_settings_pixels_stay(phase):
    np.testing.assert_array_equal(applied(transform("", phase)), PIXELS)


def test_mean_values_then_scale():
    got = applied(transform("mean_value: 10 mean_value: 20 scale: 0.5", pb.TRAIN))
    np.testing.assert_array_equal(got, (PIXELS - np.float32([10, 20]).reshape(2, 1, 1)) * np.float32(0.5))


def test_one_mean_value_is_for_every_channel():
    np.testing.assert_array_equal(applied(transform("mean_value: 127.5", pb.TEST)), PIXELS - np.float32(127.5))


def test_float_pixels():
    values = PIXELS / np.float32(7)
    np.testing.assert_array_equal(applied(transform("scale: 2", pb.TEST), values), values * 2)


def test_crop_is_centred_in_test():
    got = applied(transform("crop_size: 3 mirror: true", pb.TEST))
    np.testing.assert_array_equal(got, PIXELS[:, 1:4, 2:5])


def test_crop_takes_every_place_in_train():
    made = transform("crop_size: 4", pb.TRAIN)
    seen = {applied(made, item=item).tobytes() for item in range(400)}
    assert seen == {window.astype(np.float32).tobytes() for window in windows(PIXELS, 4, (False,))}


def test_mirror_flips_about_half_of_the_items_in_train():
    made = transform("mirror: true", pb.TRAIN)
    flipped = [np.array_equal(applied(made, item=item), PIXELS[:, :, ::-1]) for item in range(400)]
    straight = [np.array_equal(applied(made, item=item), PIXELS) for item in range(400)]
    assert sum(flipped) + sum(straight) == 400
    assert 160 < sum(flipped) < 240


def test_mean_image_is_cropped_and_mirrored_with_the_pixels():
    made = transform("crop_size: 4 mirror: true scale: 0.25", pb.TRAIN, MEAN)
    expected = {((w) * np.float32(0.25)).tobytes() for w in windows(PIXELS - MEAN, 4, (False, True))}
    seen = {applied(made, item=item).tobytes() for item in range(800)}
    assert seen == expected


def test_mean_image_without_crop():
    np.testing.assert_array_equal(applied(transform("", pb.TEST, MEAN)), PIXELS - MEAN)


def test_draws_are_those_of_epoch_and_item():
    made = transform("crop_size: 3 mirror: true", pb.TRAIN)
    first = [applied(made, epoch=epoch, item=item) for epoch in range(3) for item in range(5)]
    again = [applied(made, epoch=epoch, item=item) for epoch in range(3) for item in range(5)]
    np.testing.assert_array_equal(first, again)
    assert len({image.tobytes() for image in first}) > 3


def test_items_of_any_size_may_be_cropped():
    other = np.random.default_rng(2).integers(0, 256, (2, 9, 5), np.uint8)
    np.testing.assert_array_equal(applied(transform("crop_size: 3", pb.TEST), other), other[:, 3:6, 1:4])


@pytest.mark.parametrize("shape", [(2, 2, 9), (2, 9, 2), (3, 6, 8)])
def test_an_item_that_does_not_fit_the_crop(shape):
    with pytest.raises(RunError) as caught:
        applied(transform("crop_size: 3", pb.TEST), np.zeros(shape, np.uint8))
    assert caught.value.code == "NC215"


def test_crop_larger_than_the_items():
    with pytest.raises(ConfigError, match="expected at most 6, actual 7"):
        transform("crop_size: 7", pb.TRAIN)


def test_mean_file_and_mean_value_exclude_each_other():
    with pytest.raises(ConfigError, match="both set"):
        transform("mean_value: 1", pb.TRAIN, MEAN)


def test_wrong_number_of_mean_values():
    with pytest.raises(ConfigError, match="expected 1 or 2, one per channel, actual 3"):
        transform("mean_value: 1 mean_value: 2 mean_value: 3", pb.TRAIN)


def test_mean_image_of_another_shape():
    with pytest.raises(ConfigError, match="expected 2 x 6 x 8, actual 2 x 6 x 7"):
        transform("", pb.TEST, MEAN[:, :, :7])


@pytest.mark.parametrize("legacy", [False, True])
def test_mean_file(tmp_path, legacy):
    blob = pb.BlobProto(data=MEAN.ravel())
    if legacy:
        blob.num, blob.channels, blob.height, blob.width = 1, *SHAPE
    else:
        blob.shape.dim.extend((1, *SHAPE))
    (tmp_path / "mean.binaryproto").write_bytes(blob.SerializeToString())
    np.testing.assert_array_equal(read_mean(tmp_path / "mean.binaryproto"), MEAN)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xff\xff",
        pb.BlobProto(num=2, channels=1, height=1, width=1, data=[1, 2]).SerializeToString(),
        pb.BlobProto(num=1, channels=1, height=2, width=2, data=[1, 2]).SerializeToString(),
    ],
)
def test_broken_mean_file(tmp_path, content):
    (tmp_path / "mean.binaryproto").write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_mean(tmp_path / "mean.binaryproto")
    assert caught.value.code == "NC216"


def test_folder_for_a_mean_file(tmp_path):
    with pytest.raises(RunError) as caught:
        read_mean(tmp_path)
    assert caught.value.code == "NC216"
