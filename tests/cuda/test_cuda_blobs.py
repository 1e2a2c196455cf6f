"""Blobs with a third place: whatever place was written last, the others read the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from netcli.runtime.blob import CUDA, LANES, PLAIN, Blob, Place

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]

SHAPE = (5, 3, 2)
VALUES = np.arange(30, dtype=np.float32).reshape(SHAPE)


def write(blob: Blob, place: Place) -> None:
    """Leaves ``VALUES`` fresh at ``place`` only."""
    blob.values.write(PLAIN)[...] = VALUES
    if place is not PLAIN:
        blob.values.update(place)


def read(blob: Blob, place: Place) -> np.ndarray:
    if place is CUDA:
        return blob.values.read(CUDA).to_host().reshape(blob.shape)
    if place is LANES:
        blob.values.read(LANES)
    return blob.values.read(PLAIN)


@pytest.mark.parametrize(("source", "target"), list(itertools.product([PLAIN, LANES, CUDA], repeat=2)))
def test_what_is_written_in_one_place_is_read_in_another(source, target):
    blob = Blob(SHAPE)
    write(blob, source)
    np.testing.assert_array_equal(read(blob, target), VALUES)


def test_lanes_of_what_the_device_has_are_padded_with_zeros():
    on_host, on_device = Blob(SHAPE), Blob(SHAPE)
    write(on_host, PLAIN)
    write(on_device, CUDA)
    np.testing.assert_array_equal(on_device.values.read(LANES), on_host.values.read(LANES))


def test_nothing_is_copied_where_nothing_has_changed():
    blob = Blob(SHAPE)
    write(blob, CUDA)
    before = blob.values.conversions
    assert blob.values.read(CUDA) is blob.values.update(CUDA)
    assert blob.values.conversions == before


def test_cpu_kernels_are_not_sent_to_the_device():
    blob = Blob(SHAPE)
    write(blob, CUDA)
    assert blob.values.home() is PLAIN


def test_another_shape_of_as_many_elements_keeps_what_the_device_has():
    blob = Blob(SHAPE)
    write(blob, CUDA)
    array = blob.values.read(CUDA)
    blob.reshape((5, 6))
    assert blob.values.read(CUDA) is array
    np.testing.assert_array_equal(read(blob, PLAIN), VALUES.reshape(5, 6))


def test_another_number_of_elements_takes_new_memory():
    blob = Blob(SHAPE)
    write(blob, CUDA)
    blob.reshape((2, 3, 2))
    assert blob.values.read(CUDA).size == 12


def test_an_array_that_a_user_holds_is_copied_at_each_reading():
    blob = Blob(SHAPE)
    held = blob.data
    for value in (1, 2):
        held[...] = value
        np.testing.assert_array_equal(read(blob, CUDA), np.full(SHAPE, value))
    blob.values.write(CUDA).fill(7)
    np.testing.assert_array_equal(blob.data, np.full(SHAPE, 7))


def test_a_blob_moves_into_memory_that_it_is_given():
    from netcli.runtime.cuda.memory import device_zeros

    memory, blob = device_zeros(40), Blob(SHAPE)
    write(blob, LANES)
    blob.values.stand_on(memory.at(8, 30))
    np.testing.assert_array_equal(memory.to_host()[8:38], VALUES.reshape(-1))
    assert blob.values.on_device is not None
    assert blob.values.on_device.size == 30
