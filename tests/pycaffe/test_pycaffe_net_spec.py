"""Nets written in Python: names, parameters, what becomes prototxt, and that the nets run."""

# Users of pycaffe write dict(a=b).
# ruff: noqa: C408

from __future__ import annotations

import numpy as np
import pytest
from pycaffe_nets import write

import netcli.pycaffe as caffe
from netcli.errors import RunError
from netcli.prototxt import NetSource, to_text
from netcli.pycaffe import layers as L
from netcli.pycaffe import params as P
from netcli.schema import caffe_pb2 as pb


def lenet(batch_size: int) -> pb.NetParameter:
    """The tutorial's net, with data from nowhere."""
    n = caffe.NetSpec()
    n.data, n.label = L.DummyData(
        shape=[dict(dim=[batch_size, 1, 28, 28]), dict(dim=[batch_size])], data_filler=dict(type="uniform"), ntop=2
    )
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"))
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.fc1 = L.InnerProduct(n.pool1, num_output=500, weight_filler=dict(type="xavier"))
    n.relu1 = L.ReLU(n.fc1, in_place=True)
    n.score = L.InnerProduct(n.relu1, num_output=10, weight_filler=dict(type="xavier"))
    n.loss = L.SoftmaxWithLoss(n.score, n.label)
    return n.to_proto()


def layer_of(top: object) -> pb.LayerParameter:
    """The last layer of the net that makes ``top``."""
    return caffe.to_proto(top).layer[-1]


def test_the_tutorials_net_is_prototxt_and_runs(tmp_path):
    proto = lenet(3)
    assert [(layer.name, layer.type) for layer in proto.layer] == [
        ("data", "DummyData"),
        ("conv1", "Convolution"),
        ("pool1", "Pooling"),
        ("fc1", "InnerProduct"),
        ("relu1", "ReLU"),
        ("score", "InnerProduct"),
        ("loss", "SoftmaxWithLoss"),
    ]
    assert list(proto.layer[0].top) == ["data", "label"]
    assert list(proto.layer[4].bottom) == list(proto.layer[4].top) == list(proto.layer[5].bottom) == ["fc1"]
    assert proto.layer[2].pooling_param.pool == pb.PoolingParameter.MAX
    assert NetSource.from_text(str(proto)).param == proto == NetSource.from_text(to_text(proto)).param
    net = caffe.Net(write(tmp_path, "lenet.prototxt", str(proto)), caffe.TRAIN)
    assert net.forward()["loss"] == pytest.approx(np.log(10), abs=1.5)
    assert net.blobs["score"].shape == (3, 10)


def test_what_nobody_named_gets_its_type_and_a_number():
    data, label = L.Data(batch_size=2, ntop=2)
    hidden = L.ReLU(L.InnerProduct(data, num_output=3), in_place=True)
    proto = caffe.to_proto(L.SoftmaxWithLoss(L.InnerProduct(hidden, num_output=2), label))
    assert [(layer.name, list(layer.bottom), list(layer.top)) for layer in proto.layer] == [
        ("Data1", [], ["Data1", "Data2"]),
        ("InnerProduct1", ["Data1"], ["InnerProduct1"]),
        ("ReLU1", ["InnerProduct1"], ["InnerProduct1"]),
        ("InnerProduct2", ["InnerProduct1"], ["InnerProduct2"]),
        ("SoftmaxWithLoss1", ["InnerProduct2", "Data2"], ["SoftmaxWithLoss1"]),
    ]


def test_named_and_automatic_names_mix():
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3]))
    n.score = L.InnerProduct(L.ReLU(n.data), num_output=2)
    assert [layer.name for layer in n.to_proto().layer] == ["data", "ReLU1", "score"]


def test_layers_are_written_once_and_after_what_they_read():
    x = L.Input(shape=dict(dim=[1, 3]))
    left, right = L.ReLU(x), L.TanH(x)
    proto = caffe.to_proto(L.Eltwise(left, right), L.Concat(right, left))
    assert [layer.type for layer in proto.layer] == ["Input", "ReLU", "TanH", "Eltwise", "Concat"]
    assert left.to_proto() == caffe.to_proto(left)


def test_a_layer_without_tops_has_a_name_of_its_own():
    n = caffe.NetSpec()
    n.data, n.label = L.Data(ntop=2)
    n.quiet = L.Silence(n.label, ntop=0)
    silence = n.to_proto().layer[-1]
    assert (silence.name, silence.type, list(silence.bottom), list(silence.top)) == ("quiet", "Silence", ["label"], [])


def test_tops_by_attribute_and_by_name():
    n = caffe.NetSpec()
    n["a"] = L.Input(shape=dict(dim=1))
    n.b = L.ReLU(n.a)
    assert n["b"] is n.b
    assert list(n.tops) == list(n) == ["a", "b"]
    assert "a" in n
    del n.b
    assert "b" not in n
    n.c = L.TanH(n["a"])
    del n["c"]
    assert len(n.to_proto().layer) == 1
    with pytest.raises(AttributeError, match="no top 'absent'"):
        _ = n.absent


def test_parameters_of_the_layer_itself():
    layer = layer_of(
        L.Convolution(
            L.Input(shape=dict(dim=[1, 1, 9, 9])),
            num_output=4,
            kernel_size=[3, 5],
            param=[dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)],
            include=dict(phase=caffe.TEST),
            loss_weight=2,
            propagate_down=[False],
            name="mine",
        )
    )
    assert [(spec.lr_mult, spec.decay_mult) for spec in layer.param] == [(1, 1), (2, 0)]
    assert [rule.phase for rule in layer.include] == [pb.TEST]
    assert list(layer.convolution_param.kernel_size) == [3, 5]
    assert (list(layer.loss_weight), list(layer.propagate_down), layer.name) == ([2], [False], "mine")


def test_whole_messages_as_dicts_and_as_messages():
    filler = pb.FillerParameter(type="gaussian", std=0.5)
    x = L.Input(input_param=dict(shape=[dict(dim=[2, 3]), pb.BlobShape(dim=[4])]), ntop=2)[0]
    layer = layer_of(L.InnerProduct(x, inner_product_param=dict(num_output=2, weight_filler=filler)))
    assert layer.inner_product_param.weight_filler == filler
    assert [list(shape.dim) for shape in caffe.to_proto(x).layer[0].input_param.shape] == [[2, 3], [4]]
    assert layer_of(L.Data(transform_param={})).HasField("transform_param")
    python = layer_of(L.Python(x, module="m", layer="C", param_str="s"))
    assert (python.python_param.module, python.python_param.layer, python.python_param.param_str) == ("m", "C", "s")


def test_types_without_a_message_of_their_own_name():
    x = L.Input(shape=dict(dim=[1, 2, 4, 4]))
    assert layer_of(L.Deconvolution(x, num_output=3, kernel_size=2)).convolution_param.num_output == 3
    given = layer_of(L.Deconvolution(x, convolution_param=dict(num_output=3)))
    assert given.convolution_param.num_output == 3
    assert layer_of(L.SomethingNew(x, loss_weight=3)).loss_weight == [3]


def test_numpy_values_and_enumerations():
    x = L.Input(shape=dict(dim=np.array([1, 2, 4, 4])))
    assert list(caffe.to_proto(x).layer[0].input_param.shape[0].dim) == [1, 2, 4, 4]
    pooling = layer_of(L.Pooling(x, kernel_size=np.int64(2), pool="AVE")).pooling_param
    assert (pooling.kernel_size, pooling.pool) == (2, P.Pooling.AVE)
    dropout = layer_of(L.Dropout(x, dropout_ratio=np.float32(0.25)))
    assert dropout.dropout_param.dropout_ratio == 0.25
    assert layer_of(L.Slice(x, slice_point=[np.int64(1)], ntop=2)[0]).slice_param.slice_point == [1]


def test_constants():
    assert (P.Pooling.MAX, P.Eltwise.SUM, P.Data.LMDB, P.Loss.VALID, P.LRN.WITHIN_CHANNEL) == (0, 1, 1, 1, 1)
    with pytest.raises(AttributeError, match="no message PoollingParameter"):
        _ = P.Poolling.MAX
    with pytest.raises(AttributeError):
        _ = P.Pooling.MAXIMUM


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: L.ReLU("x"), "bottom 0 of a ReLU layer is no top of another layer, actual str"),
        (lambda x: L.Eltwise(x, (x, x)), "bottom 1 of a Eltwise layer is no top of another layer, actual tuple"),
        (
            lambda x: L.InnerProduct(x, num_outputs=3),
            "InnerProductParameter has no field 'num_outputs'. hint: did you mean 'num_output'",
        ),
        (lambda x: L.Pooling(x, pooling_param=dict(kernel_sise=3)), "no field 'kernel_sise'. hint: did you mean"),
        (lambda x: L.Pooling(x, kernel_size="three"), r"PoolingParameter.kernel_size cannot have this value"),
        (lambda x: L.Pooling(x, kernel_size=-1), r"PoolingParameter.kernel_size cannot have this value"),
        (lambda x: L.InnerProduct(x, weight_filler="xavier"), "weight_filler cannot have this value: expected a dict"),
    ],
)
def test_what_is_no_net(make, message):
    with pytest.raises(RunError, match=message) as caught:
        caffe.to_proto(make(L.Input(shape=dict(dim=1))))
    assert caught.value.code == "NC590"
