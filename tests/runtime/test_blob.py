"""Blobs: replicas agree whatever place was written last, and users' arrays stay live."""

import numpy as np
import pytest

from netcli.runtime.blob import ALIGNMENT, LANES, PLAIN, Blob, Replicas, aligned_zeros, lanes_shape


def lanes_oracle(plain: np.ndarray, width: int) -> np.ndarray:
    """The lanes layout written element by element from its definition."""
    images, channels = plain.shape[0], plain.shape[1] if plain.ndim > 1 else 1
    positions = int(np.prod(plain.shape[2:]))
    logical = plain.reshape(images, channels, positions)
    lanes = np.zeros((-(-images // width), positions, channels, width), plain.dtype)
    for n in range(images):
        for c in range(channels):
            for p in range(positions):
                lanes[n // width, p, c, n % width] = logical[n, c, p]
    return lanes


SHAPES = [(1,), (5,), (16, 3), (17, 3), (33, 2, 4), (2, 3, 5, 4), (64, 1, 3, 3), (3, 2, 2, 2, 2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_lanes_hold_the_plain_values_and_zero_padding(shape, dtype):
    values = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    blob = Blob(shape, dtype)
    blob.data[...] = values
    lanes = blob.values.read(LANES)
    np.testing.assert_array_equal(lanes, lanes_oracle(values, lanes.shape[3]))
    assert lanes.shape == lanes_shape(shape, lanes.shape[3])


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_written_in_lanes_is_read_back_plain(shape):
    values = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    blob = Blob(shape)
    lanes = blob.values.write(LANES)
    lanes[...] = lanes_oracle(values, lanes.shape[3])
    np.testing.assert_array_equal(blob.data, values)


def test_a_scalar_blob_has_both_places():
    blob = Blob(())
    blob.data[...] = 3
    assert blob.values.read(LANES)[0, 0, 0, 0] == 3
    assert blob.count == 1


def test_arrays_are_aligned_for_vector_loads():
    for size in range(1, 40):
        assert aligned_zeros((size, 3), np.dtype(np.float32)).ctypes.data % ALIGNMENT == 0


def test_reading_twice_converts_once():
    blob = Blob((4, 3))
    blob.values.write(PLAIN)[...] = 1
    blob.values.read(LANES)
    blob.values.read(LANES)
    blob.values.read(PLAIN)
    assert blob.values.conversions == 1


def test_writing_at_one_place_makes_the_other_stale():
    blob = Blob((4, 3))
    blob.values.write(PLAIN)[...] = 1
    blob.values.read(LANES)
    blob.values.write(PLAIN)[...] = 2
    assert blob.values.read(LANES).max() == 2
    blob.values.update(LANES)[...] += 1
    assert blob.values.read(PLAIN).max() == 3
    assert blob.values.home() is LANES


def test_a_kept_user_array_is_read_anew_until_a_kernel_writes():
    blob = Blob((4, 3))
    mine = blob.data
    mine[...] = 1
    assert blob.values.read(LANES).max() == 1
    mine[...] = 2
    assert blob.values.read(LANES).max() == 2
    assert blob.values.home() is PLAIN
    blob.values.write(LANES)[...] = 5
    mine[...] = 7
    assert blob.values.read(LANES).max() == 5


def test_padding_lanes_stay_zero_when_the_user_changes_the_batch():
    blob = Blob((3, 2))
    blob.data[...] = 1
    assert blob.values.read(LANES).sum() == 6


def test_reshape_keeps_the_content_when_the_size_stays():
    blob = Blob((2, 6))
    blob.values.write(LANES)
    blob.data[...] = np.arange(12).reshape(2, 6)
    blob.reshape((3, 4))
    np.testing.assert_array_equal(blob.data, np.arange(12).reshape(3, 4))
    blob.reshape((5, 4))
    assert blob.data.shape == (5, 4)
    assert blob.diff.shape == (5, 4)


def test_memory_is_taken_at_first_use():
    blob = Blob((1000, 1000))
    assert blob.values.allocated_bytes == 0
    assert blob.data.nbytes == blob.values.allocated_bytes


def test_a_view_shares_memory_both_ways():
    owner, guest = Replicas((2, 3), np.dtype(np.float32)), Replicas((6,), np.dtype(np.float32))
    owner.write(PLAIN)[...] = 1
    guest.view_of(owner)
    guest.update(PLAIN)[4] = 9
    assert owner.read(PLAIN)[1, 1] == 9
    owner.update(PLAIN)[0, 0] = 5
    assert guest.read(PLAIN)[0] == 5


def test_what_is_deferred_is_made_by_the_first_who_reads() -> None:
    values, made = Blob((2, 3)).values, []

    def make() -> None:
        made.append(1)
        values.write(LANES)[...] = 5

    values.defer(make)
    assert not made
    assert (values.read(PLAIN) == 5).all()
    assert (values.read(PLAIN) == 5).all()
    assert made == [1]
    values.defer(make)
    values.write(PLAIN)[...] = 6
    assert (values.read(PLAIN) == 6).all()
    values.defer(make)
    values.reshape((3, 2))
    assert made == [1]


def test_an_array_that_a_user_holds_is_not_deferred() -> None:
    blob = Blob((2, 3))
    held = blob.data

    def make() -> None:
        blob.values.write(PLAIN)[...] = 7

    blob.values.defer(make)
    assert (held == 7).all()


def test_reshapes_are_counted() -> None:
    blob, before = Blob((2, 3)), Replicas.reshapes
    blob.reshape((2, 3))
    assert Replicas.reshapes == before
    blob.reshape((3, 2))
    assert Replicas.reshapes == before + 2
