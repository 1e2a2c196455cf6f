"""caffe.Classifier and caffe.Detector on a net that averages, so that each score can be said by hand."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from pycaffe_nets import write

import netcli.pycaffe as caffe
from netcli.errors import RunError

SIZE = 6
NET = f"""
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 4 dim: 3 dim: {SIZE} dim: {SIZE} }} }} }}
layer {{
  name: "score" type: "InnerProduct" bottom: "data" top: "score"
  inner_product_param {{ num_output: 3 bias_term: false }}
}}
"""
"""Score k is the mean of channel k."""


@pytest.fixture
def model(tmp_path: Path) -> tuple[str, str]:
    """Paths of the net and its weights."""
    file = write(tmp_path, "deploy.prototxt", NET)
    net = caffe.Net(file, caffe.TEST)
    net.params["score"][0].data[...] = np.kron(np.eye(3), np.full(SIZE * SIZE, 1 / SIZE**2))
    weights = str(tmp_path / "mean.caffemodel")
    net.save(weights)
    return file, weights


def images(count: int, *shape: int) -> list[np.ndarray]:
    return list(np.random.default_rng(5).uniform(0, 1, (count, *shape, 3)).astype(np.float32))


def write_png(path: Path, rgb: np.ndarray) -> str:
    importlib.import_module("cv2").imwrite(str(path), np.round(rgb[:, :, ::-1] * 255).astype(np.uint8))
    return str(path)


class TestClassifier:
    def test_without_oversampling_the_centre_counts(self, model):
        net = caffe.Classifier(*model, image_dims=(10, 9))
        pictures = images(5, 10, 9)
        scores = net.predict(pictures, oversample=False)
        expected = [picture[2:8, 1:7].mean(axis=(0, 1)) for picture in pictures]
        np.testing.assert_allclose(scores, expected, rtol=1e-4)

    def test_oversampling_averages_ten_crops(self, model):
        net = caffe.Classifier(*model, image_dims=(10, 9))
        pictures = images(3, 10, 9)
        crops = caffe.io.oversample(pictures, (SIZE, SIZE))
        expected = crops.reshape(3, 10, -1, 3).mean(axis=(1, 2))
        np.testing.assert_allclose(net.predict(pictures), expected, rtol=1e-4)

    def test_images_are_resized_and_transformed(self, model):
        net = caffe.Classifier(
            *model, mean=np.array([1.0, 2.0, 3.0]), raw_scale=255, channel_swap=(2, 1, 0), input_scale=2
        )
        assert net.image_dims.tolist() == [SIZE, SIZE]
        (picture,) = images(1, 2 * SIZE, 3 * SIZE)
        resized = caffe.io.resize_image(picture, (SIZE, SIZE)).mean(axis=(0, 1))
        expected = (255 * resized[::-1] - [1, 2, 3]) * 2
        np.testing.assert_allclose(net.predict([picture], oversample=False), [expected], rtol=1e-4)

    def test_it_is_a_net(self, model):
        net = caffe.Classifier(*model)
        assert isinstance(net, caffe.Net)
        assert isinstance(net.transformer, caffe.io.Transformer)
        assert caffe.classifier.Classifier is caffe.Classifier


class TestDetector:
    @pytest.fixture
    def picture(self, tmp_path):
        rgb = np.round(images(1, 20, 30)[0] * 255) / 255
        return write_png(tmp_path / "picture.png", rgb), rgb

    def test_windows_are_scored_one_by_one(self, model, picture):
        file, rgb = picture
        windows = [np.array([0, 0, SIZE, SIZE]), (3, 5, 3 + 2 * SIZE, 5 + 4 * SIZE)]
        found = caffe.Detector(*model).detect_windows([(file, windows), (file, windows[:1])])
        assert [detection["filename"] for detection in found] == [file] * 3
        assert found[1]["window"] is windows[1]
        np.testing.assert_allclose(found[0]["prediction"], rgb[:SIZE, :SIZE].mean(axis=(0, 1)), rtol=1e-4)
        np.testing.assert_array_equal(found[0]["prediction"], found[2]["prediction"])
        resized = caffe.io.resize_image(rgb[3:15, 5:29], (SIZE, SIZE))
        np.testing.assert_allclose(found[1]["prediction"], resized.mean(axis=(0, 1)), rtol=1e-4)

    def test_context_enlarges_the_window(self, model):
        # A window of 3 pixels with 1 of padding in an input of 6: enlarged by 6 / 4, about its centre.
        net = caffe.Detector(*model, context_pad=1)
        image = images(1, 20, 30)[0]
        crop = net.crop(image, (8, 8, 11, 11))
        centre = 8 + 4 / 2
        low, high = round(centre - 1.5 * 2), round(centre + 1.5 * 2)
        np.testing.assert_allclose(crop, caffe.io.resize_image(image[low:high, low:high], (SIZE, SIZE)), atol=1e-6)

    def test_beyond_the_image_is_the_mean(self, model):
        mean = np.array([10.0, 20.0, 30.0])
        net = caffe.Detector(*model, mean=mean, raw_scale=255, channel_swap=(2, 1, 0), context_pad=1)
        crop = net.crop(np.ones((20, 30, 3), np.float32), (0, 0, 9, 9))
        assert crop.shape == (SIZE, SIZE, 3)
        np.testing.assert_allclose(crop[0, 0], mean[::-1] / 255, rtol=1e-5)
        np.testing.assert_allclose(crop[-1, -1], 1, rtol=1e-5)
        ready = net.transformer.preprocess("data", crop)
        np.testing.assert_allclose(ready[:, 0, 0], 0, atol=1e-4)

    def test_a_window_outside_of_the_image(self, model):
        for pad in (None, 1):
            net = caffe.Detector(*model, context_pad=pad)
            with pytest.raises(RunError, match=r"a window shows nothing of the image.*\(20, 30\).*NC589"):
                net.crop(np.zeros((20, 30, 3)), (40, 40, 44, 44))

    def test_no_windows_no_detections(self, model, picture):
        assert caffe.Detector(*model).detect_windows([(picture[0], [])]) == []

    def test_selective_search_is_somebody_elses(self, model, picture, monkeypatch):
        net = caffe.Detector(*model)
        with pytest.raises(RunError, match=r"needs the package selective_search_ijcv_with_python.*detect_windows"):
            net.detect_selective_search([picture[0]])
        package = types.ModuleType("selective_search_ijcv_with_python")
        package.get_windows = lambda names: [[(0, 0, 6, 6)] for _ in names]
        monkeypatch.setitem(sys.modules, package.__name__, package)
        assert len(net.detect_selective_search([picture[0]])) == 1
