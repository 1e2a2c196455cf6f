"""Random streams depend on the seed and on their purpose, on nothing else."""

import secrets

import numpy as np
import pytest

from netcli.runtime import streams
from netcli.runtime.streams import fresh_seed, stream, stream_key


def test_a_stream_is_a_function_of_its_key():
    first = stream(3, "filler", "conv1", 0).standard_normal(5)
    stream(3, "shuffle").standard_normal(1000)
    np.testing.assert_array_equal(first, stream(3, "filler", "conv1", 0).standard_normal(5))


def test_streams_differ_by_every_part_of_the_key():
    keys = {
        stream_key(3, "filler", "conv1", 0),
        stream_key(4, "filler", "conv1", 0),
        stream_key(3, "dropout", "conv1", 0),
        stream_key(3, "filler", "conv2", 0),
        stream_key(3, "filler", "conv1", 1),
        stream_key(3, "filler", "conv", "1", 0),
    }
    assert len(keys) == 6


def test_keys_are_the_same_on_every_machine():
    assert stream_key(1, "filler", "conv1", 0) == 147251738616611216965182574871964806498


def test_fresh_seeds_differ_and_fit_caffes_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "secrets", secrets)
    drawn = [fresh_seed() for _ in range(8)]
    assert len(set(drawn)) == 8
    assert all(0 <= seed < 2**31 for seed in drawn)
