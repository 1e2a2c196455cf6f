"""The way into lanes and back, with whole squares of images and positions and without."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.runtime.blob import lanes_shape
from netcli.runtime.jit import LANES
from netcli.runtime.lane_kernels import lanes_to_plain, plain_to_lanes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("images", [1, LANES, 2 * LANES + 1])
@pytest.mark.parametrize("channels", [1, 3, LANES + 2])
@pytest.mark.parametrize("positions", [1, 5, LANES, 3 * LANES - 1])
def test_both_ways(dtype: type, images: int, channels: int, positions: int) -> None:
    plain = np.random.default_rng(0).standard_normal((images, channels, positions)).astype(dtype)
    lanes = np.full(lanes_shape(plain.shape, LANES), np.nan, dtype)
    plain_to_lanes(plain, lanes)
    padded = np.zeros((len(lanes) * LANES, channels, positions), dtype)
    padded[:images] = plain
    np.testing.assert_array_equal(lanes, padded.reshape(-1, LANES, channels, positions).transpose(0, 3, 2, 1))
    back = np.full_like(plain, np.nan)
    lanes_to_plain(lanes, back)
    np.testing.assert_array_equal(back, plain)
