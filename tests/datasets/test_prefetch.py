import threading

import numpy as np
import pytest

from netcli.data.prefetch import Batch, Prefetcher

SHAPES = ((1, 1, 1), ())


def numbered(batch: Batch, position: int) -> None:
    """Item i of the stream holds i."""
    batch.arrays[1][:] = range(position, position + len(batch))


def test_batches_follow_each_other_from_the_position_on():
    prefetcher = Prefetcher([numbered], SHAPES, 3, 5, depth=2)
    seen = []
    for _ in range(7):
        batch = prefetcher.get()
        seen += batch.arrays[1].tolist()
        prefetcher.give_back(batch)
    prefetcher.stop()
    assert seen == list(range(5, 26))


def test_no_more_than_depth_batches_are_made_ahead():
    made = threading.Semaphore(0)
    positions = []

    def fill(batch: Batch, position: int) -> None:
        positions.append(position)
        made.release()

    prefetcher = Prefetcher([fill], SHAPES, 3, 0, depth=2)
    for _ in range(3):
        assert made.acquire(timeout=10)
    held = prefetcher.get()
    assert not made.acquire(timeout=0.05)
    assert positions == [0, 3, 6]
    prefetcher.give_back(held)
    assert made.acquire(timeout=10)
    prefetcher.stop()
    assert positions == [0, 3, 6, 9]


def test_several_threads_give_batches_in_order_whichever_is_ready_first():
    second_is_made = threading.Event()

    def fill(batch: Batch, position: int) -> None:
        if position == 0:
            assert second_is_made.wait(timeout=10)
        numbered(batch, position)
        if position == 3:
            second_is_made.set()

    prefetcher = Prefetcher([fill, fill], SHAPES, 3, 0, depth=2)
    seen = []
    for _ in range(5):
        batch = prefetcher.get()
        seen += batch.arrays[1].tolist()
        prefetcher.give_back(batch)
    prefetcher.stop()
    assert seen == list(range(15))


def test_batches_before_an_error_come_though_another_thread_makes_them_later():
    error_is_there = threading.Event()

    def fill(batch: Batch, position: int) -> None:
        if position == 3:
            error_is_there.set()
            raise ValueError("batch 1")
        assert error_is_there.wait(timeout=10)
        numbered(batch, position)

    prefetcher = Prefetcher([fill, fill], SHAPES, 3, 0, depth=4)
    assert prefetcher.get().arrays[1].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="batch 1"):
        prefetcher.get()
    prefetcher.stop()


def test_an_error_comes_in_its_place_and_stays():
    error = ValueError("batch 2")

    def fill(batch: Batch, position: int) -> None:
        if position == 6:
            raise error
        numbered(batch, position)

    prefetcher = Prefetcher([fill], SHAPES, 3, 0, depth=4)
    assert [prefetcher.get().arrays[1][0].item() for _ in range(2)] == [0, 3]
    for _ in range(2):
        with pytest.raises(ValueError, match="batch 2") as caught:
            prefetcher.get()
        assert caught.value is error
    prefetcher.stop()


def test_stop_ends_the_thread_whatever_it_waits_for():
    before = threading.active_count()
    for taken in (0, 1, 3):
        prefetcher = Prefetcher([numbered], SHAPES, 3, 0, depth=1)
        for _ in range(taken):
            prefetcher.give_back(prefetcher.get())
        prefetcher.stop()
        prefetcher.stop()
    assert threading.active_count() == before


def test_batches_own_their_memory():
    prefetcher = Prefetcher([numbered], SHAPES, 3, 0, depth=3)
    first, second = prefetcher.get(), prefetcher.get()
    assert not np.shares_memory(first.arrays[0], second.arrays[0])
    np.testing.assert_array_equal(first.arrays[1], [0, 1, 2])
    prefetcher.stop()
