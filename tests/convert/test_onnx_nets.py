"""Whole nets in ONNX, by onnxruntime: the project's own, and other people's from the shared folder."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from netcli.cli.batch_size import with_batch_size
from netcli.convert.deploy import deployed
from netcli.errors import RunError
from netcli.net import Net, build_graph
from netcli.prototxt import NetSource, load_net
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from netcli.convert.onnx.comparison import compare, difference, run_model  # noqa: E402
from netcli.convert.onnx.export import OPSET, to_onnx  # noqa: E402
from netcli.convert.onnx.registry import NO_COUNTERPART, exporters  # noqa: E402

CONFIGS = Path(__file__).parents[2] / "configs"
RECORDED = Path(__file__).parents[1] / "data" / "layers"
TOLERANCE = 1e-4
CORPUS = (
    "bvlc_googlenet__deploy",
    "bvlc_reference_caffenet__deploy",
    "cifar10__cifar10_full",
    "mnist__lenet",
    "siamese__mnist_siamese",
    "sphereface20__deploy",
)
OWN = (
    "lenet.prototxt", "softmax_regression.prototxt", "digits_margin/model.prototxt",
    "sphereface/small_deploy.prototxt", "sphereface/small_model.prototxt", "sphereface/sphereface20_deploy.prototxt",
)  # fmt: skip


def seeded(source: NetSource) -> Net:
    """The net with weights that keep values of one size through all layers (He), and small biases."""
    net = Net(source, pb.TEST, seed=1)
    rng = np.random.default_rng(1)
    for item in net.learnable:
        values = item.blob.values.write(PLAIN)
        rng.standard_normal(dtype=np.float32, out=values)
        inputs = math.prod(item.blob.shape[1:])
        values *= math.sqrt(2 / inputs) if len(item.blob.shape) > 1 else 0.1
    return net


def model_of(net: Net, outputs: list[str] | None = None) -> onnx.ModelProto:
    arrays = {name: [blob.values.read(PLAIN) for blob in blobs] for name, blobs in net.params.items()}
    return to_onnx(net.graph, arrays, outputs=outputs or [])


@pytest.mark.parametrize("name", CORPUS)
def test_other_peoples_nets(name: str, shared: Path) -> None:
    """Also before the softmax, which would level out differences."""
    source = with_batch_size(load_net(shared / "corpus" / f"{name}.prototxt"), 1)
    form = deployed(source, build_graph(source, pb.TEST))
    assert form.notes == []
    net = seeded(form.source)
    last = net.graph.steps[-1]
    outputs = [*net.outputs, *last.bottoms] if last.layer.type_name == "Softmax" else net.outputs
    model = model_of(net, outputs)
    assert model.opset_import[0].version == OPSET
    found = compare(net, model, outputs)
    assert [item.blob for item in found] == outputs
    assert all(item.relative < TOLERANCE for item in found), found


def own_net(name: str) -> NetSource:
    from netcli.cli.loading import load_net_of

    return load_net_of(str(CONFIGS / name), "TEST")[0]


@pytest.mark.parametrize("name", OWN)
def test_own_nets(name: str) -> None:
    from netcli.cli.fixed_feeds import FixedFeeds
    from netcli.data.feed import Feeds

    source = with_batch_size(own_net(name), 1)
    shape = (3, 112, 96) if "sphereface20" in name else (1, 28, 28)
    form = deployed(source, build_graph(source, pb.TEST, feeds=FixedFeeds(Feeds(source.file), shape)))
    net = seeded(form.source)
    found = compare(net, model_of(net))
    assert found
    assert all(item.relative < TOLERANCE for item in found), found


RECORDED_TYPES = ("Convolution", "Deconvolution", "Pooling", "LRN", "BatchNorm", "SPP", "Interp", "Eltwise", "MVN")


@pytest.mark.parametrize(
    "case", [case for name in RECORDED_TYPES for case in sorted((RECORDED / name).glob("*.prototxt"))],
    ids=lambda case: f"{case.parent.name}-{case.stem}",
)  # fmt: skip
def test_values_are_caffes(case: Path) -> None:
    """Against what Caffe itself gave, without netcli's kernels in between."""
    source = load_net(case)
    if source.param.state.phase == pb.TRAIN and case.parent.name == "BatchNorm":
        pytest.skip("recorded in phase TRAIN, by the statistics of the batch")
    with np.load(case.with_suffix(".npz")) as stored:
        npz = dict(stored)
    graph = build_graph(source, pb.TEST)
    form = deployed(source, graph)
    params = [npz[f"param/{index}"] for index in range(sum(name.startswith("param/") for name in npz))]
    deployed_graph = build_graph(form.source, pb.TEST)
    model = to_onnx(deployed_graph, {"layer": params})
    given = run_model(model, {name: npz[f"bottom/{name}"] for name in deployed_graph.inputs})
    for value, array in zip(model.graph.output, given, strict=True):
        expected = npz[f"top/{value.name}"]
        assert difference(value.name, expected, array).relative < 1e-4, value.name


CUT = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" inner_product_param { num_output: 4 } }
layer { name: "ra" type: "ReLU" bottom: "a" top: "a" }
layer { name: "drop" type: "Dropout" bottom: "a" top: "dropped" }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" inner_product_param { num_output: 5 } }
"""


def test_names_are_those_of_the_net() -> None:
    """A blob that layers change in place keeps its name for its last value; an output that is another's value too."""
    net = seeded(NetSource.from_text(CUT))
    model = model_of(net)
    assert [(node.op_type, list(node.output)) for node in model.graph.node] == [
        ("Gemm", ["a/Gemm"]), ("Relu", ["a"]), ("Gemm", ["b"]), ("Identity", ["dropped"]),
    ]  # fmt: skip
    assert [value.name for value in model.graph.output] == ["b", "dropped"]
    assert [tensor.name for tensor in model.graph.initializer] == ["a.weight", "a.bias", "b.weight", "b.bias"]


def test_as_far_as_a_blob() -> None:
    source = NetSource.from_text(CUT)
    form = deployed(source, build_graph(source, pb.TEST), ["a"])
    net = seeded(form.source)
    model = model_of(net, form.outputs)
    assert [value.name for value in model.graph.output] == ["a"]
    assert [node.op_type for node in model.graph.node] == ["Gemm", "Relu"]


def test_shared_parameters_are_stored_once() -> None:
    text = CUT.replace('top: "b"', 'top: "b" param { name: "w" }').replace("num_output: 5", "num_output: 4")
    twin = '\nlayer { name: "c" type: "InnerProduct" bottom: "a" top: "c" param { name: "w" } '
    net = seeded(NetSource.from_text(text + twin + "inner_product_param { num_output: 4 } }"))
    names = [tensor.name for tensor in model_of(net).graph.initializer]
    assert "b.weight" in names
    assert "c.weight" not in names
    assert "c.bias" in names
    assert all(item.relative < TOLERANCE for item in compare(net, model_of(net)))


def test_an_input_that_is_changed_in_place() -> None:
    net = seeded(
        NetSource.from_text(
            'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }\n'
            'layer { name: "relu" type: "ReLU" bottom: "data" top: "data" }\n'
            'layer { name: "tanh" type: "TanH" bottom: "data" top: "tanh" }\n'
        )
    )
    model = model_of(net)
    assert [value.name for value in model.graph.input] == ["data"]
    assert list(model.graph.node[0].output) == ["data_1"]
    assert compare(net, model)[0].relative < TOLERANCE


def test_what_a_filter_lets_through_has_no_fixed_size() -> None:
    net = seeded(
        NetSource.from_text(
            'layer { name: "data" type: "Input" top: "data" top: "chosen" '
            "input_param { shape { dim: 4 dim: 3 } shape { dim: 4 } } }\n"
            'layer { name: "filter" type: "Filter" bottom: "data" bottom: "chosen" top: "some" }\n'
            'layer { name: "relu" type: "ReLU" bottom: "some" top: "y" }\n'
        )
    )
    model = model_of(net)
    (value,) = model.graph.output
    assert [axis.dim_value or None for axis in value.type.tensor_type.shape.dim] == [None, 3]
    (y,) = run_model(model, {"data": np.ones((4, 3), np.float32), "chosen": np.array([0, 1, 0, 2], np.float32)})
    assert y.shape == (2, 3)


def test_constants_of_a_net() -> None:
    net = seeded(
        NetSource.from_text(
            'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }\n'
            'layer { name: "fixed" type: "DummyData" top: "fixed" dummy_data_param { shape { dim: 2 dim: 3 } '
            "data_filler { value: 2.5 } } }\n"
            'layer { name: "learned" type: "Parameter" top: "learned" parameter_param { shape { dim: 2 dim: 3 } } }\n'
            'layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "fixed" bottom: "learned" top: "sum" }\n'
        )
    )
    model = model_of(net)
    assert [tensor.name for tensor in model.graph.initializer] == ["fixed.values", "learned.value"]
    assert compare(net, model)[0].relative < TOLERANCE


def test_words_are_indices() -> None:
    """An input that is looked up in a table gets indices that are in it, through a Split as well."""
    net = seeded(
        NetSource.from_text(
            'layer { name: "words" type: "Input" top: "words" input_param { shape { dim: 3 dim: 2 } } }\n'
            'layer { name: "a" type: "Embed" bottom: "words" top: "a" embed_param { num_output: 4 input_dim: 5 } }\n'
            'layer { name: "b" type: "Embed" bottom: "words" top: "b" embed_param { num_output: 4 input_dim: 6 } }\n'
        )
    )
    assert [item.relative for item in compare(net, model_of(net))] == [0, 0]
    assert [blob.data.any() for blob in (net.blobs["a"], net.blobs["b"])] == [True, True]


def test_every_layer_type_stands_in_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    assert [name for name in (*exporters(), *NO_COUNTERPART) if not re.search(rf"\b{name}\b", page)] == []


@pytest.mark.parametrize("batch", [1, 3])
def test_a_whole_net_at_any_batch_size(batch: int) -> None:
    source = load_net(CONFIGS / "sphereface" / "small_deploy.prototxt")
    nets = [seeded(with_batch_size(source, size)) for size in (2, batch)]
    arrays = {name: [blob.values.read(PLAIN) for blob in blobs] for name, blobs in nets[0].params.items()}
    model = to_onnx(nets[0].graph, arrays, other_batch=nets[1].graph)
    (value,) = model.graph.input
    assert value.type.tensor_type.shape.dim[0].dim_param == "N"
    assert all(item.relative < TOLERANCE for item in compare(nets[1], model))


def test_a_difference_is_told() -> None:
    expected = np.array([1.0, -4.0, np.nan, np.inf], np.float32)
    assert difference("y", expected, expected.copy()).relative == 0
    given = expected.copy()
    given[0] = 1.5
    assert (difference("y", expected, given).absolute, difference("y", expected, given).relative) == (0.5, 0.125)
    given[3] = 1
    assert math.isinf(difference("y", expected, given).relative)
    assert math.isinf(difference("y", expected, expected[:2]).relative)


def test_what_is_no_net_for_onnx() -> None:
    source = NetSource.from_text('layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 } } }')
    with pytest.raises(RunError) as caught:
        to_onnx(build_graph(source, pb.TEST), {"p": [np.zeros(2, np.float32)]})
    assert caught.value.code == "NC604"
