"""caffe.io: images, resizing, crops, the Transformer, messages."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import netcli.pycaffe as caffe
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb

RNG = np.random.default_rng(3)


def write_image(path: Path, pixels: np.ndarray) -> str:
    """``pixels`` in OpenCV's order of channels."""
    importlib.import_module("cv2").imwrite(str(path), pixels)
    return str(path)


def naive_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels as areas: bilinear between the centres, the image's smallest value beyond the border."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), constant_values=image.min())
    result = np.empty((height, width, image.shape[2]))
    for i in range(height):
        for j in range(width):
            y = (i + 0.5) * image.shape[0] / height + 0.5
            x = (j + 0.5) * image.shape[1] / width + 0.5
            top, left = int(y), int(x)
            below, right = y - top, x - left
            result[i, j] = (1 - below) * ((1 - right) * padded[top, left] + right * padded[top, left + 1]) + below * (
                (1 - right) * padded[top + 1, left] + right * padded[top + 1, left + 1]
            )
    return result


class TestLoadImage:
    def test_colour_is_rgb_from_0_to_1(self, tmp_path):
        pixels = RNG.integers(0, 256, (4, 5, 3)).astype(np.uint8)
        image = caffe.io.load_image(write_image(tmp_path / "c.png", pixels))
        assert image.dtype == np.float32
        np.testing.assert_allclose(image, pixels[:, :, ::-1] / 255, rtol=1e-6)

    def test_grey_files_get_three_channels_or_one(self, tmp_path):
        pixels = RNG.integers(0, 256, (4, 5)).astype(np.uint8)
        file = write_image(tmp_path / "g.png", pixels)
        grey = caffe.io.load_image(file, color=False)
        assert grey.shape == (4, 5, 1)
        np.testing.assert_allclose(grey[:, :, 0], pixels / 255, rtol=1e-6)
        np.testing.assert_array_equal(caffe.io.load_image(file), np.repeat(grey, 3, axis=2))

    def test_colour_files_as_grey_are_weighted(self, tmp_path):
        pixels = np.zeros((1, 3, 3), np.uint8)
        pixels[0, [0, 1, 2], [2, 1, 0]] = 255
        grey = caffe.io.load_image(write_image(tmp_path / "c.png", pixels), color=False)
        np.testing.assert_allclose(grey[0, :, 0], [0.2125, 0.7154, 0.0721], rtol=1e-5)

    def test_transparency_is_dropped_and_16_bits_are_scaled(self, tmp_path):
        pixels = RNG.integers(0, 65536, (4, 5, 4)).astype(np.uint16)
        image = caffe.io.load_image(write_image(tmp_path / "a.png", pixels))
        np.testing.assert_allclose(image, pixels[:, :, 2::-1] / 65535, rtol=1e-6)

    def test_what_is_no_image(self, tmp_path):
        with pytest.raises(RunError, match=r"cannot read '.*absent.png': No such file.*NC589"):
            caffe.io.load_image(tmp_path / "absent.png")
        (tmp_path / "text.png").write_text("text")
        with pytest.raises(RunError, match=r"text.png' is not an image.*NC589"):
            caffe.io.load_image(tmp_path / "text.png")

    def test_without_opencv(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "cv2", None)
        with pytest.raises(RunError, match=r"pip install 'netcli\[images\]' \[NC206\]"):
            caffe.io.load_image(tmp_path / "any.png")


class TestResizeImage:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("size", [(5, 4), (3, 9), (10, 8), (13, 3), (1, 1)])
    def test_images_as_areas(self, size, channels):
        image = RNG.uniform(-2, 5, (5, 4, channels))
        resized = caffe.io.resize_image(image, size)
        assert resized.dtype == np.float32
        np.testing.assert_allclose(resized, naive_resize(image, *size), atol=1e-5)

    def test_the_border_of_an_enlarged_image_fades_to_its_smallest_value(self):
        image = np.array([1.0, 3.0]).reshape(1, 2, 1)
        # Vertically half a pixel of border as well: row 0 is 3/4 of the image and 1/4 of the value 1.
        np.testing.assert_allclose(caffe.io.resize_image(image, (1, 4))[0, :, 0], [1, 1.5, 2.5, 2.5])

    def test_other_numbers_of_channels_as_points(self):
        image = np.array([0.0, 2.0, 8.0]).reshape(1, 3, 1) * [1, 2]
        resized = caffe.io.resize_image(image, (1, 5))
        np.testing.assert_allclose(resized[0], np.array([[0, 1, 2, 5, 8]]).T * [1, 2])

    def test_same_size_and_constant_images_stay(self):
        image = RNG.uniform(0, 1, (4, 6, 3)).astype(np.float32)
        np.testing.assert_allclose(caffe.io.resize_image(image, (4, 6)), image, atol=1e-6)
        assert (caffe.io.resize_image(np.full((4, 6, 3), 7.0), (9, 2)) == 7).all()

    def test_nearest(self):
        image = np.arange(4.0).reshape(1, 4, 1)
        assert caffe.io.resize_image(image, (2, 8), 0)[1, :, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
        assert caffe.io.resize_image(image, (1, 2), 0)[0, :, 0].tolist() == [1, 3]

    @pytest.mark.parametrize(
        ("image", "order", "message"),
        [
            (np.zeros((2, 2, 3)), 3, "expected 0 \\(nearest\\) or 1 \\(bilinear\\), actual 3"),
            (np.zeros((2, 2)), 1, r"expected \(height, width, channels\), actual \(2, 2\)"),
            (np.zeros((0, 2, 3)), 1, "not an image"),
        ],
    )
    def test_what_cannot_be_resized(self, image, order, message):
        with pytest.raises(RunError, match=message):
            caffe.io.resize_image(image, (4, 4), order)


class TestOversample:
    def test_corners_centre_and_mirrors(self):
        images = RNG.uniform(0, 1, (2, 7, 8, 3)).astype(np.float32)
        crops = caffe.io.oversample(list(images), (3, 4))
        assert crops.shape == (20, 3, 4, 3)
        assert crops.dtype == np.float32
        for image, ten in zip(images, np.split(crops, 2), strict=True):
            for crop, (y, x) in zip(ten, [(0, 0), (0, 4), (4, 0), (4, 4), (2, 2)], strict=False):
                np.testing.assert_array_equal(crop, image[y : y + 3, x : x + 4])
            np.testing.assert_array_equal(ten[5:], ten[:5, :, ::-1])

    def test_a_crop_larger_than_the_image(self):
        with pytest.raises(RunError, match=r"expected at most \(7, 8\), actual \(9, 8\) \[NC589\]"):
            caffe.io.oversample([np.zeros((7, 8, 3))], (9, 8))


class TestTransformer:
    @pytest.fixture
    def transformer(self):
        return caffe.io.Transformer({"data": (1, 3, 6, 5)})

    def test_the_imagenet_recipe(self, transformer):
        transformer.set_transpose("data", (2, 0, 1))
        transformer.set_mean("data", np.array([104.0, 117.0, 123.0]))
        transformer.set_raw_scale("data", 255)
        transformer.set_channel_swap("data", (2, 1, 0))
        image = RNG.uniform(0, 1, (6, 5, 3)).astype(np.float32)
        before = image.copy()
        ready = transformer.preprocess("data", image)
        np.testing.assert_array_equal(image, before)
        assert ready.dtype == np.float32
        bgr = image[:, :, ::-1] * 255 - [104, 117, 123]
        np.testing.assert_allclose(ready, bgr.transpose(2, 0, 1), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(transformer.deprocess("data", ready[None]), image, atol=1e-5)

    def test_the_steps_in_their_order(self, transformer):
        transformer.set_input_scale("data", 10)
        transformer.set_mean("data", np.array([1.0, 2.0, 3.0]))
        transformer.set_raw_scale("data", 2)
        transformer.set_channel_swap("data", [2, 0, 1])
        transformer.set_transpose("data", [2, 0, 1])
        ready = transformer.preprocess("data", np.ones((6, 5, 3)) * [7, 8, 9])
        assert ready[:, 0, 0].tolist() == [(9 * 2 - 1) * 10, (7 * 2 - 2) * 10, (8 * 2 - 3) * 10]
        assert transformer.deprocess("data", ready)[0, 0].tolist() == [7, 8, 9]

    def test_other_sizes_are_resized(self, transformer):
        transformer.set_transpose("data", (2, 0, 1))
        image = RNG.uniform(0, 1, (9, 11, 3)).astype(np.float32)
        resized = caffe.io.resize_image(image, (6, 5)).transpose(2, 0, 1)
        np.testing.assert_array_equal(transformer.preprocess("data", image), resized)

    def test_grey_images_go_there_and_back(self):
        transformer = caffe.io.Transformer({"data": (1, 1, 6, 5)})
        image = RNG.uniform(0, 1, (6, 5, 1)).astype(np.float32)
        assert transformer.deprocess("data", image.transpose(2, 0, 1)).shape == (6, 5)
        transformer.set_transpose("data", (2, 0, 1))
        np.testing.assert_array_equal(transformer.deprocess("data", transformer.preprocess("data", image)), image)

    def test_mean_images(self, transformer):
        mean = RNG.uniform(0, 1, (3, 6, 5))
        transformer.set_mean("data", mean)
        np.testing.assert_array_equal(transformer.mean["data"], mean)
        transformer.set_mean("data", mean[0])
        np.testing.assert_array_equal(transformer.mean["data"], mean[:1])
        larger = RNG.uniform(0, 200, (3, 12, 10))
        transformer.set_mean("data", larger)
        halves = larger.reshape(3, 6, 2, 5, 2).mean(axis=(2, 4))
        np.testing.assert_allclose(transformer.mean["data"], halves, rtol=1e-5)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda t: t.preprocess("dta", np.zeros((6, 5, 3))), "'dta' is not one of the transformer's inputs"),
            (lambda t: t.set_raw_scale("dta", 1), "expected data"),
            (lambda t: t.set_transpose("data", (1, 0)), r"numbers 0 to 2, actual \(1, 0\)"),
            (lambda t: t.set_transpose("data", (2, 1, 1)), "does not fit the input's axes"),
            (lambda t: t.set_channel_swap("data", (1, 0)), r"expected 3 numbers, actual \(1, 0\)"),
            (lambda t: t.set_mean("data", np.zeros(4)), "the input's channels, expected 3, actual 4"),
            (lambda t: t.set_mean("data", np.zeros((4, 6, 5))), r"expected \(3, 6, 5\), actual \(4, 6, 5\)"),
            (lambda t: t.set_mean("data", np.zeros((1, 3, 6, 5))), "the mean does not fit the input"),
        ],
    )
    def test_settings_that_do_not_fit(self, transformer, call, message):
        with pytest.raises(RunError, match=message) as caught:
            call(transformer)
        assert caught.value.code == "NC591"


class TestMessages:
    def test_blobs(self):
        array, diff = RNG.standard_normal((2, 2, 3, 4)).astype(np.float32)
        proto = caffe.io.array_to_blobproto(array, diff)
        np.testing.assert_array_equal(caffe.io.blobproto_to_array(proto), array)
        np.testing.assert_array_equal(caffe.io.blobproto_to_array(proto, return_diff=True), diff)
        assert list(caffe.io.array_to_blobproto(array.astype(float)).data) == list(proto.data)

    def test_a_mean_file_of_old(self):
        blob = pb.BlobProto(num=1, channels=2, height=1, width=2, data=[1, 2, 3, 4])
        read = caffe.proto.caffe_pb2.BlobProto.FromString(blob.SerializeToString())
        assert caffe.io.blobproto_to_array(read).tolist() == [[[[1, 2]], [[3, 4]]]]

    def test_several_blobs_as_a_string(self):
        arrays = [np.ones((2, 3), np.float32), np.arange(4, dtype=np.float32)]
        string = caffe.io.arraylist_to_blobprotovector_str(arrays)
        assert isinstance(string, bytes)
        for got, array in zip(caffe.io.blobprotovector_str_to_arraylist(string), arrays, strict=True):
            np.testing.assert_array_equal(got, array)

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_datums(self, dtype):
        array = RNG.integers(0, 256, (3, 4, 5)).astype(dtype)
        datum = caffe.io.array_to_datum(array, 7)
        assert (datum.channels, datum.height, datum.width, datum.label) == (3, 4, 5, 7)
        assert bool(datum.data) == (dtype is np.uint8)
        back = caffe.io.datum_to_array(pb.Datum.FromString(datum.SerializeToString()))
        np.testing.assert_array_equal(back, array)
        assert not caffe.io.array_to_datum(array).HasField("label")

    def test_a_datum_has_three_axes(self):
        with pytest.raises(RunError, match=r"expected \(channels, height, width\), actual \(3, 4\) \[NC591\]"):
            caffe.io.array_to_datum(np.zeros((3, 4)))
