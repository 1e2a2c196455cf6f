"""What every registered layer type must bring besides its computations: words, names and fields."""

from __future__ import annotations

import re

import pytest
from layer_table import CASES

from netcli.layers.layer import Layer
from netcli.layers.registry import layer_types
from netcli.prototxt.upgrade_v1 import V1_TYPES
from netcli.report.layer_reference import docstring, shared_texts
from netcli.schema import caffe_pb2 as pb

WITHOUT_EQUATIONS = {"HDF5Output", "Python"}
"""Besides the types that make data."""

BVLC = """
    AbsVal Accuracy ArgMax BatchNorm BatchReindex Bias BNLL Clip Concat ContrastiveLoss Convolution Crop Data
    Deconvolution Dropout DummyData ELU Eltwise Embed EuclideanLoss Exp Filter Flatten HDF5Data HDF5Output HingeLoss
    Im2col ImageData InfogainLoss InnerProduct Input Log LRN LSTM LSTMUnit MemoryData MultinomialLogisticLoss MVN
    Parameter Pooling Power PReLU Python Reduction ReLU Reshape RNN Scale Sigmoid SigmoidCrossEntropyLoss Silence Slice
    Softmax SoftmaxWithLoss Split SPP Swish TanH Threshold Tile WindowData
"""

every_type = pytest.mark.parametrize("layer", layer_types().values(), ids=lambda layer: layer.type_name)


def whole_text(layer: type[Layer]) -> str:
    return "\n".join([docstring(layer), *shared_texts(layer).values()])


@every_type
def test_docstring_has_equations(layer: type[Layer]) -> None:
    if layer.no_gradient != "it makes data" and layer.type_name not in WITHOUT_EQUATIONS:
        assert re.search(r"^ {4}.*=", whole_text(layer), re.MULTILINE)


@every_type
def test_docstring_has_shapes_and_a_source(layer: type[Layer]) -> None:
    text = whole_text(layer)
    assert re.search(r"\b([Ss]ources?|[Ff]orks?)\b", text)
    assert re.search(r"->|[Nn]o bottoms|[Bb]ottoms", text)


@every_type
def test_docstring_tells_the_learned_blobs(layer: type[Layer]) -> None:
    if any(case.declares_parameters for case in CASES if case.type == layer.type_name):
        assert re.search(r"Parameters?\b|Blobs?\b|learn", whole_text(layer))


@every_type
def test_v1_name_is_the_one_that_upgrades_go_by(layer: type[Layer]) -> None:
    assert {name for name, today in V1_TYPES.items() if today == layer.type_name} == (
        {layer.v1_name} if layer.v1_name else set()
    )


def test_upgrades_know_every_v1_type() -> None:
    assert set(V1_TYPES) == set(pb.V1LayerParameter.LayerType.keys()) - {"NONE"}
    assert set(V1_TYPES.values()) <= set(layer_types())


@every_type
def test_fields_are_messages_of_the_schema(layer: type[Layer]) -> None:
    for field in filter(None, (layer.param_field, *layer.shared_fields)):
        assert pb.LayerParameter.DESCRIPTOR.fields_by_name[field].message_type is not None


def test_what_is_neither_bvlcs_nor_our_own_names_its_fork() -> None:
    unnamed = {name for name, layer in layer_types().items() if not layer.fork}
    assert unnamed == {*BVLC.split(), "AngularMargin", "OneVsAllLoss"}
