"""What stands between nets and feeds: positions, waiting, and real data after a resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from solver_cases import CLASSIFIER, StreamFeed, StreamFeeds, all_weights, make_solver

from netcli.data.feed import Feeds
from netcli.data.lmdb_writer import LmdbWriter
from netcli.schema import caffe_pb2 as pb
from netcli.solver.feed_meter import FeedMeter

LAYER = pb.LayerParameter(name="data", type="Data", top=["data", "label"])


def opened() -> tuple[FeedMeter, object, StreamFeed]:
    """A meter, the feed that a layer gets from it, and the feed behind that."""
    feeds = StreamFeeds()
    meter = FeedMeter(feeds)
    return meter, meter.open(LAYER, pb.TRAIN), feeds.opened[0]


def read(feed, count: int) -> list[int]:
    """The labels of the next items: their indices modulo 3."""
    labels = np.zeros(count, np.float32)
    feed.next_batch([np.zeros((count, *StreamFeed.shape), np.float32), labels])
    return labels.astype(int).tolist()


def test_items_seconds_and_epochs_are_counted() -> None:
    meter, feed, _ = opened()
    assert meter.epoch == 0
    assert read(feed, 4) == [0, 1, 2, 0]
    read(feed, 4)
    assert meter.items == {"data": 8}
    assert meter.epoch == 0.8
    assert meter.waited > 0
    assert (feed.shapes, feed.size, feed.item_name(3).key) == (((6, 1, 1), ()), 10, "3")


def test_skipping_and_rewinding_count_too() -> None:
    meter, feed, behind = opened()
    feed.skip(2)
    assert read(feed, 1) == [2]
    feed.skip(3)
    assert meter.items == {"data": 6}
    read(feed, 1)
    assert behind.read == [2, 6]
    feed.rewind()
    read(feed, 2)
    assert behind.read == [2, 6, 0, 1]
    assert meter.items == {"data": 2}


@pytest.mark.parametrize("has_read", [False, True])
def test_moving_to_items_or_to_passes(has_read: bool) -> None:
    meter, feed, behind = opened()
    if has_read:
        read(feed, 3)
    meter.move_to({"data": 7}, 0)
    read(feed, 2)
    assert behind.read[-2:] == [7, 8]
    meter.move_to({}, 3)
    read(feed, 2)
    assert behind.read[-2:] == [6, 7]


def test_a_layer_that_opens_its_feed_again_goes_on() -> None:
    feeds = StreamFeeds()
    meter = FeedMeter(feeds)
    feed = meter.open(LAYER, pb.TRAIN)
    read(feed, 4)
    feed.close()
    assert meter.epoch is None
    read(meter.open(LAYER, pb.TRAIN), 2)
    assert feeds.opened[1].read == [4, 5]
    assert meter.items == {"data": 6}


def test_cropped_and_mirrored_images_after_a_resume(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    with LmdbWriter(tmp_path / "lmdb") as lmdb:
        for index in range(11):
            lmdb.add(random.integers(0, 256, (2, 8, 8)).astype(np.uint8), index % 3)
    net = f"""
    layer {{ name: "data" type: "Data" top: "data" top: "label"
      transform_param {{ crop_size: 5 mirror: true scale: 0.01 }}
      data_param {{ source: "{tmp_path}/lmdb" batch_size: 4 backend: LMDB rand_skip: 7 }} }}
    """
    prefix = str(tmp_path / "m")

    def fresh():
        return make_solver("momentum: 0.9", net + CLASSIFIER, feeds=lambda net: Feeds(None, 3), default_prefix=prefix)

    whole, first, second = fresh(), fresh(), fresh()
    whole.step(7)
    first.step(4)
    second.restore(first.snapshot())
    second.step(3)
    for a, b in zip(all_weights(whole), all_weights(second), strict=True):
        np.testing.assert_array_equal(a, b)
    for solver in (whole, first, second):
        solver.close()
