"""Fillers: exact scales, the statistics of what they draw, and their errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netcli.errors import ConfigError, Place
from netcli.layers.fillers import check_filler, fill
from netcli.runtime.streams import stream
from netcli.schema import caffe_pb2 as pb

SHAPE = (200, 100, 3, 5)
FAN_IN, FAN_OUT = 1500, 3000
NORMS = {"FAN_IN": FAN_IN, "FAN_OUT": FAN_OUT, "AVERAGE": (FAN_IN + FAN_OUT) / 2}


def filled(shape: tuple[int, ...] = SHAPE, dtype: type = np.float32, **settings: object) -> np.ndarray:
    array = fill(pb.FillerParameter(**settings), shape, stream(1, "filler", "test"), dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    return array


def assert_moments(array: np.ndarray, mean: float, std: float) -> None:
    """Mean and standard deviation within five standard errors of what they should be."""
    tolerance = 5 * std / math.sqrt(array.size)
    assert array.mean(dtype=np.float64) == pytest.approx(mean, abs=tolerance)
    assert array.std(dtype=np.float64) == pytest.approx(std, rel=5 / math.sqrt(array.size))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant(dtype: type) -> None:
    assert (filled(dtype=dtype, type="constant", value=2.5) == 2.5).all()


def test_the_default_is_zero() -> None:
    assert not filled().any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform(dtype: type) -> None:
    array = filled(dtype=dtype, type="uniform", min=-1, max=3)
    assert array.min() >= -1
    assert array.max() <= 3
    assert_moments(array, 1, 4 / math.sqrt(12))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaussian(dtype: type) -> None:
    array = filled(dtype=dtype, type="gaussian", mean=0.5, std=2)
    assert_moments(array, 0.5, 2)
    within = (np.abs(array - 0.5) < 2).mean()
    assert within == pytest.approx(0.6827, abs=0.005)


def test_sparse_gaussian_keeps_so_many_inputs_an_output() -> None:
    array = filled(type="gaussian", std=2, sparse=50)
    kept = array[array != 0]
    assert kept.size / array.size == pytest.approx(50 / 200, abs=0.005)
    assert_moments(kept, 0, 2)


def test_sparse_of_zero_keeps_nothing_and_minus_one_keeps_all() -> None:
    assert not filled(type="gaussian", sparse=0).any()
    assert filled(type="gaussian", sparse=-1).all()


@pytest.mark.parametrize(("norm", "fan"), NORMS.items())
def test_xavier(norm: str, fan: float) -> None:
    array = filled(type="xavier", variance_norm=norm)
    scale = math.sqrt(3 / fan)
    assert np.abs(array).max() <= np.float32(scale)
    assert np.abs(array).max() > 0.999 * scale
    assert_moments(array, 0, math.sqrt(1 / fan))


@pytest.mark.parametrize(("norm", "fan"), NORMS.items())
def test_msra(norm: str, fan: float) -> None:
    assert_moments(filled(type="msra", variance_norm=norm), 0, math.sqrt(2 / fan))


def test_a_vector_has_a_fan_out_of_its_count() -> None:
    array = filled((10000,), type="xavier", variance_norm="FAN_OUT")
    assert np.abs(array).max() <= math.sqrt(3 / 10000)


def test_positive_unitball() -> None:
    array = filled(type="positive_unitball")
    assert array.min() >= 0
    np.testing.assert_allclose(array.reshape(200, -1).sum(axis=1), 1, rtol=1e-5)


def test_bilinear_interpolates() -> None:
    kernel = filled((2, 1, 4, 4), type="bilinear")
    row = np.array([0.25, 0.75, 0.75, 0.25])
    for channel in kernel[:, 0]:
        np.testing.assert_allclose(channel, np.outer(row, row), rtol=1e-6)
    np.testing.assert_allclose(filled((1, 1, 3, 3), type="bilinear")[0, 0, 1], [0.5, 1, 0.5], rtol=1e-6)


def test_the_same_stream_gives_the_same_numbers() -> None:
    np.testing.assert_array_equal(filled(type="gaussian"), filled(type="gaussian"))


@pytest.mark.parametrize(
    ("code", "settings", "shape"),
    [
        ("NC127", {"type": "gausian"}, (2, 3)),
        ("NC121", {"type": "uniform", "min": 1, "max": -1}, (2, 3)),
        ("NC121", {"type": "gaussian", "std": -1}, (2, 3)),
        ("NC121", {"type": "gaussian", "sparse": 3}, (2, 3)),
        ("NC126", {"type": "xavier", "sparse": 1}, (2, 3)),
        ("NC128", {"type": "bilinear"}, (2, 3)),
        ("NC128", {"type": "bilinear"}, (1, 1, 4, 3)),
    ],
)
def test_errors(code: str, settings: dict[str, object], shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        check_filler(pb.FillerParameter(**settings), shape, place=Place("net.prototxt", 3, 5), layer="conv1")
    assert caught.value.code == code
    assert str(caught.value).startswith("net.prototxt:3:5: layer 'conv1': ")


def test_an_unknown_filler_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"unknown filler.*actual 'gausian'.*did you mean 'gaussian'\?.*NC127"):
        filled(type="gausian")
