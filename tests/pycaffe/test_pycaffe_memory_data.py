"""MemoryData and ``net.set_input_arrays``."""

from __future__ import annotations

import numpy as np
import pytest
from pycaffe_nets import write

import netcli.pycaffe as caffe
from netcli.errors import ConfigError, RunError

LAYER = """
layer {{
  name: "memory" type: "MemoryData" top: "data" top: "label"
  memory_data_param {{ {} }}
}}
layer {{ name: "double" type: "Power" bottom: "data" top: "double" power_param {{ scale: 2 }} }}
"""
SIZES = "batch_size: 2 channels: 3 height: 4 width: 5"


@pytest.fixture
def net(tmp_path) -> caffe.Net:
    return caffe.Net(write(tmp_path, "memory.prototxt", LAYER.format(SIZES)), caffe.TEST)


def numbered(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Item i is filled with i and has the label 10 i."""
    labels = np.arange(count, dtype=np.float32)
    return np.ascontiguousarray(np.broadcast_to(labels.reshape(-1, 1, 1, 1), (count, 3, 4, 5))), 10 * labels


def test_batches_follow_each_other_and_wrap_round(net):
    net.set_input_arrays(*numbered(6))
    seen = []
    for _ in range(4):
        net.forward()
        seen.append((net.blobs["data"].data[:, 0, 0, 0].tolist(), net.blobs["label"].data.tolist()))
        assert (net.blobs["double"].data == 2 * net.blobs["data"].data).all()
    assert seen == [([0, 1], [0, 10]), ([2, 3], [20, 30]), ([4, 5], [40, 50]), ([0, 1], [0, 10])]
    assert net.blobs["data"].shape == (2, 3, 4, 5)
    assert net.blobs["label"].shape == (2,)


def test_new_arrays_begin_with_their_first_item(net):
    net.set_input_arrays(*numbered(6))
    net.forward()
    data, labels = numbered(4)
    net.set_input_arrays(data + 100, labels.reshape(4, 1, 1, 1))
    net.forward()
    assert net.blobs["data"].data[:, 0, 0, 0].tolist() == [100, 101]
    assert net.blobs["label"].data.tolist() == [0, 10]


def test_the_arrays_are_read_when_their_batch_comes(net):
    data, labels = numbered(2)
    net.set_input_arrays(data, labels)
    net.forward()
    data[...] = 9
    net.forward()
    assert (net.blobs["data"].data == 9).all()


def test_doubles_and_lists_are_converted(net):
    data, labels = numbered(2)
    net.set_input_arrays(data.astype(float), labels.astype(int).tolist())
    net.forward()
    assert net.blobs["label"].data.tolist() == [0, 10]


def test_a_pass_without_data_says_what_to_call(net):
    with pytest.raises(RunError, match=r"'memory' \(MemoryData\): no data to give\. hint: .*set_input_arrays.*NC542"):
        net.forward()


@pytest.mark.parametrize(
    ("data_shape", "labels", "message"),
    [
        ((5, 3, 4, 5), 5, "whole batches, expected a multiple of 2, actual 5"),
        ((0, 3, 4, 5), 0, "whole batches, expected a multiple of 2, actual 0"),
        ((2, 1, 4, 5), 2, r"expected \(items, 3, 4, 5\), actual \(2, 1, 4, 5\)"),
        ((2, 60), 2, r"expected \(items, 3, 4, 5\), actual \(2, 60\)"),
        ((4, 3, 4, 5), 2, "not one label for each item, expected 4 labels, actual 2"),
    ],
)
def test_arrays_that_do_not_fit(net, data_shape, labels, message):
    with pytest.raises(RunError, match=message) as caught:
        net.set_input_arrays(np.zeros(data_shape, np.float32), np.zeros(labels, np.float32))
    assert caught.value.code == "NC586"


@pytest.mark.parametrize(
    ("sizes", "code", "message"),
    [
        ("batch_size: 2 channels: 3 height: 4", "NC120", "width is missing"),
        ("", "NC120", "batch_size is missing"),
        (SIZES.replace("batch_size: 2", "batch_size: 0"), "NC121", "batch_size is out of range, expected at least 1"),
    ],
)
def test_all_sizes_must_be_given(tmp_path, sizes, code, message):
    with pytest.raises(ConfigError, match=message) as caught:
        caffe.Net(write(tmp_path, "memory.prototxt", LAYER.format(sizes)), caffe.TEST)
    assert caught.value.code == code
