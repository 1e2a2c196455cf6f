"""Rules about losses and layers with a margin: what they read."""

from __future__ import annotations

from collections.abc import Iterator

from netcli.errors import Finding
from netcli.layers.registry import layer_types
from netcli.lint.subject import PlannedNet, Subject, warning
from netcli.schema import caffe_pb2 as pb

MARGIN_LAYERS = ("MarginInnerProduct", "LargeMarginInnerProduct", "AngularMargin")

_OWN_ACTIVATION = {"SoftmaxWithLoss": "Softmax", "SigmoidCrossEntropyLoss": "Sigmoid"}
_SAME_VALUES = frozenset({"Reshape", "Flatten", "Slice", "Split", "Concat", "Permute", "Filter"})
_CUT_AT_ZERO = frozenset({"ReLU", "ReLU6"})


def activation_twice(subject: Subject) -> Iterator[Finding]:
    """NC312: the loss applies softmax (or sigmoid) itself; a second one before it flattens the gradients."""
    for net in subject.nets:
        for index, source in net.of_type(*_OWN_ACTIVATION):
            activation = _OWN_ACTIVATION[source.param.type]
            maker = _origin(net, source.param.bottom[0], index)
            if maker is not None and net.layers[maker].param.type == activation:
                below = net.layers[maker].param
                yield warning(
                    "NC312", f"it applies {activation.lower()} itself, and so does layer '{below.name}' before it",
                    source, "bottom", 0, hint=f"read '{below.bottom[0]}' instead",
                )  # fmt: skip


def margin_without_label(subject: Subject) -> Iterator[Finding]:
    """NC309: the margin applies to the label's class, so the second bottom must be labels and nothing computed."""
    for net in subject.nets:
        for index, source in net.of_type(*MARGIN_LAYERS):
            maker = _origin(net, source.param.bottom[1], index)
            if maker is not None and net.layers[maker].param.bottom:
                made_by = net.layers[maker].param
                yield warning(
                    "NC309",
                    f"its second bottom '{source.param.bottom[1]}' is no label: layer '{made_by.name}' computes it",
                    source, "bottom", 1, hint="give it the label that the data layer makes",
                )  # fmt: skip


def relu_before_margin(subject: Subject) -> Iterator[Finding]:
    """NC315: angles between features that are all positive span a quarter of a turn, where the margin needs a half."""
    for net in subject.nets:
        for index, source in net.of_type(*MARGIN_LAYERS):
            maker = _origin(net, source.param.bottom[0], index)
            if maker is not None and net.layers[maker].param.type in _CUT_AT_ZERO:
                below = net.layers[maker].param
                yield warning(
                    "NC315", f"its features come from layer '{below.name}' ({below.type}): none of them is negative",
                    source, "bottom", 0, hint="take that layer out: SphereFace has none between fc5 and the margin",
                )  # fmt: skip


def accuracy_with_the_margin(subject: Subject) -> Iterator[Finding]:
    """NC317: the margin lowers the score of the true class, so that an accuracy of these scores is too low."""
    for net in subject.nets:
        for index, source in net.of_type("Accuracy"):
            maker = _origin(net, source.param.bottom[0], index)
            below = net.layers[maker].param if maker is not None else pb.LayerParameter()
            if below.type not in MARGIN_LAYERS or len(below.top) > 2:
                continue
            if below.type != "AngularMargin" and getattr(below, str(layer_types()[below.type].param_field)).type == 0:
                continue  # a margin of one is none
            yield warning(
                "NC317", f"the scores of layer '{below.name}' have the margin in them, and it lowers the true class's",
                source, "bottom", 0,
                hint=f"the third top of '{below.name}' is the accuracy without: top: \"accuracy_no_margin\"",
            )  # fmt: skip


def _origin(net: PlannedNet, blob: str, reader: int) -> int | None:
    """The layer that computed the values of ``blob`` as layer ``reader`` sees them."""
    maker = net.wiring.maker_before(blob, reader)
    while maker is not None and net.layers[maker].param.type in _SAME_VALUES and net.layers[maker].param.bottom:
        maker = net.wiring.maker_before(net.layers[maker].param.bottom[0], maker)
    return maker


RULES = (activation_twice, margin_without_label, relu_before_margin, accuracy_with_the_margin)
