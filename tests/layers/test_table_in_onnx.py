"""Every case of the layer table as a model in ONNX: onnxruntime computes what netcli computes in phase TEST."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from layer_case import LayerCase
from layer_table import CASES

from netcli.convert.deploy import Deployed, deployed
from netcli.errors import RunError
from netcli.layers.registry import layer_types
from netcli.net import Net, build_graph
from netcli.prototxt import NetSource
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from netcli.convert.onnx.comparison import difference, run_model  # noqa: E402
from netcli.convert.onnx.export import to_onnx  # noqa: E402
from netcli.convert.onnx.registry import NO_COUNTERPART, exporters  # noqa: E402

CLOSE = 2e-6
NOTHING_LEFT = {
    "Accuracy",
    "HDF5Output",
    "Silence",
    "Input",
    "Data",
    "HDF5Data",
    "ImageData",
    "MemoryData",
    "WindowData",
}
REFUSED = {
    "AngularMargin-axis_2",
    "Pooling-max_gap",
    *(f"{kind}-{variant}" for kind in ("LSTM", "RNN") for variant in ("plain", "wide", "static", "static_axes")),
}
"""Cases whose type can be exported, but not with these settings."""
WITHOUT_INPUTS = {"DummyData", "Parameter"}


def layers_of(case: LayerCase, shapes: Sequence[Shape]) -> NetSource:
    """The case's layer behind Input layers."""
    param = pb.NetParameter()
    for index, shape in enumerate(shapes):
        source = param.layer.add(name=f"input{index}", type="Input", top=[f"b{index}"])
        source.input_param.shape.add(dim=shape)
    param.layer.add().CopyFrom(case.param())
    return NetSource(param, None, None)


def deployed_case(case: LayerCase, batch: int | None = None) -> Deployed:
    source = layers_of(case, case.bottom_shapes(batch))
    return deployed(source, build_graph(source, pb.TEST, feeds=case.feeds))


def filled(case: LayerCase, form: Deployed, batch: int | None = None) -> Net:
    """The deployed net with the case's parameters and bottoms."""
    net = Net(form.source, pb.TEST, seed=1)
    rng = np.random.default_rng(1701)
    for item in net.learnable:
        item.blob.data[...] = case.make_param(rng, item.blob.shape)
    for index, array in enumerate(case.make_bottoms(batch)):
        if f"b{index}" in net.inputs:
            net.blobs[f"b{index}"].data[...] = array
    return net


def arrays_of(net: Net) -> dict[str, list[np.ndarray]]:
    return {name: [blob.data for blob in blobs] for name, blobs in net.params.items()}


def assert_same(net: Net, model: object) -> None:
    inputs = {name: net.blobs[name].data.copy() for name in net.inputs}
    net.forward()
    outputs = [name for name in net.outputs if name not in net.inputs]
    for name, array in zip(outputs, run_model(model, inputs), strict=True):
        assert difference(name, net.blobs[name].data, array).relative < CLOSE, name


def is_exported(case: LayerCase) -> bool:
    kind = layer_types()[case.type]
    if case.type in NOTHING_LEFT | set(NO_COUNTERPART) - {"AngularMargin"} or case.type in WITHOUT_INPUTS:
        return False
    return case.id not in REFUSED and not (kind.is_loss and not (case.type == "SoftmaxWithLoss" and case.tops > 1))


EXPORTED = [case for case in CASES if is_exported(case)]


@pytest.mark.parametrize("case", EXPORTED, ids=lambda case: case.id)
def test_the_model_computes_what_the_net_computes(case: LayerCase) -> None:
    """At any batch size, where the case is one of a batch."""
    nets = [filled(case, deployed_case(case))]
    if case.batched:
        batch = case.bottoms[0].shape[0] + 2
        nets.append(filled(case, deployed_case(case, batch), batch))
    model = to_onnx(nets[0].graph, arrays_of(nets[0]), other_batch=nets[-1].graph if case.batched else None)
    onnx.shape_inference.infer_shapes(model, strict_mode=True)
    assert [value.name for value in model.graph.input] == nets[0].inputs
    for net in nets:
        assert_same(net, model)


@pytest.mark.parametrize("case", [case for case in CASES if case.id in REFUSED], ids=lambda case: case.id)
def test_settings_that_onnx_cannot_express(case: LayerCase) -> None:
    net = filled(case, deployed_case(case))
    with pytest.raises(RunError) as caught:
        to_onnx(net.graph, arrays_of(net))
    finding = caught.value.findings[0]
    assert (finding.code, finding.layer, finding.layer_type) == ("NC600", "layer", case.type)


@pytest.mark.parametrize("case", [c for c in CASES if c.type == "Python"], ids=lambda case: case.id)
def test_types_that_onnx_cannot_express(case: LayerCase) -> None:
    net = filled(case, deployed_case(case))
    with pytest.raises(RunError) as caught:
        to_onnx(net.graph, arrays_of(net))
    assert caught.value.code == "NC600"
    assert NO_COUNTERPART[case.type] in str(caught.value)


def test_what_becomes_of_every_type_is_known() -> None:
    """A new type is exported, has a reason why not, or goes with the labels."""
    known = set(exporters()) | set(NO_COUNTERPART) | NOTHING_LEFT
    margins = {"AngularMargin", "LargeMarginInnerProduct", "MarginInnerProduct", "LabelSpecificAdd"}
    losses = {name for name, kind in layer_types().items() if kind.is_loss}
    assert set(layer_types()) - known - margins - losses == set()
    assert {case.type for case in EXPORTED} >= set(exporters()) - WITHOUT_INPUTS - {"Silence"}
