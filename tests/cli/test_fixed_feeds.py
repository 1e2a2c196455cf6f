"""Feeds that need no data: shapes from what is known, and one batch for ever."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.cli.fixed_feeds import FixedFeeds, implied_shape
from netcli.layers.feeding import NoFeeds
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb


def _layer(body: str) -> pb.LayerParameter:
    return NetSource.from_text(f'layer {{ name: "d" type: "Data" top: "data" top: "label" {body} }}').param.layer[0]


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ("", None),
        ("transform_param { crop_size: 6 }", (3, 6, 6)),
        ("transform_param { crop_size: 6 force_gray: true }", (1, 6, 6)),
        ("transform_param { crop_size: 6 mean_value: [1, 2, 3, 4] }", (4, 6, 6)),
        ("image_data_param { new_height: 5 new_width: 7 }", (3, 5, 7)),
        ("image_data_param { new_height: 5 new_width: 7 is_color: false }", (1, 5, 7)),
        ("image_data_param { new_height: 5 new_width: 7 } transform_param { crop_size: 4 }", (3, 4, 4)),
    ],
)
def test_what_settings_imply(body: str, shape: tuple[int, int, int] | None) -> None:
    assert implied_shape(_layer(body)) == shape


def test_the_shape_that_is_given_wins() -> None:
    layer = _layer("transform_param { crop_size: 6 }")
    assert FixedFeeds(NoFeeds()).shapes(layer) == ((3, 6, 6), ())
    assert FixedFeeds(NoFeeds(), (1, 2, 3)).shapes(layer) == ((1, 2, 3), ())
    assert FixedFeeds(NoFeeds()).shapes(_layer("")) is None


def test_every_batch_is_the_same() -> None:
    feed = FixedFeeds(NoFeeds(), (1, 2, 3)).open(_layer(""), pb.TRAIN)
    batches = [(np.full((4, 1, 2, 3), 9, np.float32), np.full(4, 9, np.float32)) for _ in range(2)]
    for arrays in batches:
        feed.next_batch(arrays)
    np.testing.assert_array_equal(batches[0][0], batches[1][0])
    assert 0 <= batches[0][0].min() < batches[0][0].max() < 1
    assert not batches[0][1].any()
