"""Input, DummyData and Data: declared shapes, random tops, feeds."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format
from oracle_source import CountingFeeds, counting_feeds

from netcli.errors import ConfigError, RunError
from netcli.layers.feeding import FeedSource, NoFeeds
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import layer_types
from netcli.prototxt import LayerSource
from netcli.runtime.blob import Blob
from netcli.schema import caffe_pb2 as pb


def made(text: str, feeds: FeedSource | None = None, dtype: type = np.float32) -> Layer:
    param = text_format.Parse(f"name: 'source' {text}", pb.LayerParameter())
    context = LayerContext(feeds=feeds or NoFeeds(), seed=3, dtype=np.dtype(dtype))
    return layer_types()[param.type](LayerSource(param, None), context)


def blobs(layer: Layer) -> list[Blob]:
    return [Blob(shape, layer.context.dtype) for shape in layer.setup([])]


def dummy(settings: str, tops: str = "top: 'a' top: 'b'") -> Layer:
    return made(f"type: 'DummyData' {tops} dummy_data_param {{ {settings} }}")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("type: 'Input' top: 'a'", "NC120", "input_param.shape is missing"),
        (
            "type: 'Input' top: 'a' top: 'b' top: 'c' input_param { shape { dim: 1 } shape { dim: 2 } }",
            "NC121",
            "expected 1 for all tops, or 3, actual 2",
        ),
        ("type: 'Input' top: 'a' input_param { shape { dim: 1 dim: -3 } }", "NC121", "expected at least 1, actual -3"),
        ("type: 'DummyData' top: 'a'", "NC120", "dummy_data_param.shape is missing"),
        (
            "type: 'DummyData' top: 'a' dummy_data_param { num: 1 channels: 1 height: 1 }",
            "NC120",
            "dummy_data_param.width is missing",
        ),
        (
            "type: 'DummyData' top: 'a' dummy_data_param { num: 1 shape { dim: 1 } }",
            "NC126",
            "exclude each other",
        ),
        (
            "type: 'DummyData' top: 'a' dummy_data_param { shape { dim: 1 } data_filler { type: 'gaus' } }",
            "NC127",
            "unknown filler",
        ),
        ("type: 'Data' top: 'a'", "NC120", "batch_size is missing"),
        ("type: 'Data' top: 'a' data_param { batch_size: 0 }", "NC121", "batch_size is out of range"),
        ("type: 'Data' top: 'a' data_param { batch_size: 2 source: 'db' }", "NC130", "--input-shape C,H,W"),
    ],
)
def test_settings_that_do_not_fit(text: str, code: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(text).setup([])
    assert caught.value.code == code
    assert message in str(caught.value)


def test_input_leaves_what_the_user_wrote() -> None:
    layer = made("type: 'Input' top: 'a' input_param { shape { dim: 2 dim: 3 } }")
    (top,) = blobs(layer)
    top.data[...] = 7
    layer.forward([], [top])
    assert (top.data == 7).all()


def test_dummy_data_takes_the_old_fields() -> None:
    assert dummy("num: 2 channels: 3 height: 4 width: 5").setup([]) == [(2, 3, 4, 5)] * 2
    two = dummy("num: 2 num: 6 channels: 3 height: 4 height: 7 width: 5")
    assert two.setup([]) == [(2, 3, 4, 5), (6, 3, 7, 5)]


def test_dummy_data_fills_constants_once_and_draws_the_rest_anew() -> None:
    layer = dummy("shape { dim: 50 } data_filler { value: 4 } data_filler { type: 'gaussian' }")
    constant, random = blobs(layer)
    layer.forward([], [constant, random])
    first = random.data.copy()
    assert (constant.data == 4).all()
    constant.data[...] = 9
    layer.context.pass_index += 1
    layer.forward([], [constant, random])
    assert (constant.data == 9).all()
    assert (random.data != first).all()


def test_dummy_data_repeats_itself_with_the_seed() -> None:
    def draw(top: int) -> np.ndarray:
        layer = dummy("shape { dim: 50 } data_filler { type: 'uniform' }")
        tops = blobs(layer)
        layer.forward([], tops)
        return tops[top].data

    np.testing.assert_array_equal(draw(0), draw(0))
    assert (draw(0) != draw(1)).all()


def test_data_is_opened_by_the_first_forward_and_goes_on() -> None:
    feeds = counting_feeds((1, 2, 3))
    layer = made("type: 'Data' top: 'data' top: 'label' data_param { batch_size: 4 }", feeds)
    tops = blobs(layer)
    assert not feeds.opened
    for first in (0, 4):
        layer.forward([], tops)
        assert tops[0].data[:, 0, 0, 0].tolist() == [first, first + 1, first + 2, first + 3]
        assert tops[1].data.tolist() == [first, first + 1, first + 2, first + 3]
    assert len(feeds.opened) == 1
    layer.close()
    assert feeds.opened[0].closed
    layer.close()


def test_data_serves_a_float64_net() -> None:
    layer = made("type: 'Data' top: 'a' top: 'b' data_param { batch_size: 2 }", counting_feeds((1, 2, 3)), np.float64)
    tops = blobs(layer)
    layer.forward([], tops)
    assert tops[0].data.dtype == np.float64
    assert tops[1].data.tolist() == [0, 1]


def test_data_of_another_shape_than_promised_is_an_error() -> None:
    feeds = CountingFeeds((3, 8, 8), known=(1, 8, 8))
    layer = made("type: 'Data' top: 'data' data_param { batch_size: 2 }", feeds)
    with pytest.raises(RunError, match=r"expected \(1, 8, 8\), actual \(3, 8, 8\).*NC132"):
        layer.forward([], blobs(layer))
    assert feeds.opened[0].closed
