"""Split layers come out as Caffe's InsertSplits makes them."""

from netcli.net.splits import insert_splits
from netcli.prototxt import NetSource, parse_text
from netcli.schema import caffe_pb2 as pb

LOSSES = {"SoftmaxWithLoss": 1.0}


def split(text):
    param, _, findings = parse_text(text, pb.NetParameter)
    assert not findings
    return [source.param for source in insert_splits(NetSource.from_message(param).layers(), LOSSES)]


def summary(layers):
    return [(layer.name, list(layer.bottom), list(layer.top), list(layer.loss_weight)) for layer in layers]


def test_a_blob_with_one_reader_is_left_alone():
    layers = split("""
        layer { name: "data" type: "Input" top: "data" }
        layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" }
    """)
    assert summary(layers) == [("data", [], ["data"], []), ("ip", ["data"], ["ip"], [])]


def test_two_readers_get_a_copy_each():
    layers = split("""
        layer { name: "data" type: "Input" top: "x" top: "label" }
        layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" }
        layer { name: "b" type: "InnerProduct" bottom: "x" top: "b" }
    """)
    assert summary(layers) == [
        ("data", [], ["x", "label"], []),
        ("x_data_0_split", ["x"], ["x_data_0_split_0", "x_data_0_split_1"], []),
        ("a", ["x_data_0_split_0"], ["a"], []),
        ("b", ["x_data_0_split_1"], ["b"], []),
    ]


def test_an_in_place_layer_makes_a_new_version_of_the_blob():
    layers = split("""
        layer { name: "data" type: "Input" top: "x" }
        layer { name: "relu" type: "ReLU" bottom: "x" top: "x" }
        layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" }
        layer { name: "b" type: "InnerProduct" bottom: "x" top: "b" }
    """)
    assert summary(layers)[1:3] == [
        ("relu", ["x"], ["x"], []),
        ("x_relu_0_split", ["x"], ["x_relu_0_split_0", "x_relu_0_split_1"], []),
    ]


def test_an_in_place_layer_beside_another_reader_is_no_longer_in_place():
    layers = split("""
        layer { name: "data" type: "Input" top: "x" }
        layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" }
        layer { name: "relu" type: "ReLU" bottom: "x" top: "x" }
        layer { name: "b" type: "InnerProduct" bottom: "x" top: "b" }
    """)
    assert summary(layers)[2:] == [
        ("a", ["x_data_0_split_0"], ["a"], []),
        ("relu", ["x_data_0_split_1"], ["x"], []),
        ("b", ["x"], ["b"], []),
    ]


def test_a_loss_that_is_read_too_keeps_its_weight_on_the_first_copy():
    layers = split("""
        layer { name: "data" type: "Input" top: "x" top: "label" }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "loss" loss_weight: 3 }
        layer { name: "quiet" type: "Silence" bottom: "loss" }
    """)
    assert summary(layers)[1:] == [
        ("loss", ["x", "label"], ["loss"], [0.0]),
        ("loss_loss_0_split", ["loss"], ["loss_loss_0_split_0", "loss_loss_0_split_1"], [3.0, 0.0]),
        ("quiet", ["loss_loss_0_split_1"], [], []),
    ]
