"""The deployed form of a net: what computes outputs from data, without labels and losses.

Data layers become inputs. Losses, accuracies and whatever reads labels are left out; SoftmaxWithLoss stays as a Softmax
where its probabilities are named. Margin layers become inner products: the margin is for the label's class, and
without a label a score is the cosine of the angle between the features and the row of a class, times the length that
the layer gives features. That is MarginInnerProduct's |x| cos t, LargeMarginInnerProduct's |w| |x| cos t, and
AngularMargin's s cos t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netcli.errors import Finding, RunError, did_you_mean
from netcli.layers.registry import layer_types
from netcli.net.graph import Graph
from netcli.prototxt import LayerSource, NetSource, filtered, to_text
from netcli.schema import caffe_pb2 as pb

_MEASURES = {"Accuracy": "it measures against labels", "HDF5Output": "it writes a file"}
_DATA = ("Data", "HDF5Data", "ImageData", "MemoryData", "WindowData")


@dataclass
class Deployed:
    """A net in deployed form.

    Attributes:
        source: its layers; each has its node, so that errors have places.
        outputs: the blobs that were asked for; empty for all that nobody reads.
        notes: what was left out (NC605) and what became something else (NC606).
        biased_margins: layers whose weights have a bias that the deployed form leaves out.
    """

    source: NetSource
    outputs: list[str]
    notes: list[Finding]
    biased_margins: set[str]

    def fitting(self, stored: pb.NetParameter) -> pb.NetParameter:
        """Stored weights without the biases of margin layers, which the deployed form does not have."""
        if not self.biased_margins.intersection(layer.name for layer in stored.layer):
            return stored
        fit = pb.NetParameter()
        fit.CopyFrom(stored)
        for layer in fit.layer:
            if layer.name in self.biased_margins:
                del layer.blobs[1:]
        return fit


def deployed(source: NetSource, graph: Graph, blobs: Sequence[str] = ()) -> Deployed:
    """The deployed form of ``source``.

    Args:
        graph: the same net, planned for phase TEST.
        blobs: only what these need; by default everything.

    Raises:
        RunError: NC604 if nothing is left, NC607 for a blob that is not in the deployed net.
    """
    state = pb.NetState()
    state.CopyFrom(source.param.state)
    state.phase = pb.TEST
    net = filtered(source, state)
    reduction = _Reduction(graph)
    for layer in net.layers():
        reduction.add(layer)
    if blobs:
        reduction.keep_what_makes(blobs)
    reduction.drop_unread_inputs()
    kinds = {layer.param.type for layer in reduction.kept}
    if "Input" not in kinds or not kinds - {"Input", "Silence"}:
        raise RunError.of(
            "NC604", "nothing is left of the net without losses and labels", place=source.place(),
            expected="inputs, and layers that compute something of them",
        )  # fmt: skip
    param = pb.NetParameter(name=net.param.name)
    param.state.CopyFrom(state)
    param.layer.extend(layer.param for layer in reduction.kept)
    nodes = [layer.node for layer in reduction.kept if layer.node is not None]
    node = net.node.with_children("layer", nodes) if net.node is not None else None
    return Deployed(NetSource(param, node, net.file), list(blobs), reduction.notes, reduction.biased)


@dataclass
class _Reduction:
    """Layer by layer, what stays of a net."""

    graph: Graph
    kept: list[LayerSource] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    biased: set[str] = field(default_factory=set)
    _gone: dict[str, str] = field(default_factory=dict)
    _origins: dict[str, LayerSource] = field(default_factory=dict)

    def add(self, layer: LayerSource) -> None:
        """Takes the next layer, as it is or as what it becomes, or leaves it out."""
        param = pb.LayerParameter()
        param.CopyFrom(layer.param)
        for name in ("include", "exclude", "loss_weight", "propagate_down"):
            param.ClearField(name)
        kind = layer_types()[param.type]
        lost = [name for name in param.bottom if name in self._gone]
        if param.type == "Silence":
            self._silence(layer, param)
        elif kind.is_loss or (param.type == "Python" and any(layer.param.loss_weight)):
            self._loss(layer, param, lost)
        elif param.type in _MEASURES:
            self._leave_out(layer, _MEASURES[param.type])
        elif param.type in _DATA or _draws(param):
            self._data(layer, param)
        elif _is_margin(param):
            self._margin(layer, param, lost)
        elif lost and not (param.type == "LabelSpecificAdd" and param.bottom[0] not in self._gone):
            self._leave_out(layer, f"it reads '{lost[0]}', which is left out")
        elif param.type == "LabelSpecificAdd":
            self._label_specific_add(layer, param)
        else:
            if param.type == "Input":
                self._origins.update(dict.fromkeys(param.top, layer))
            self._keep(layer, param)

    def keep_what_makes(self, blobs: Sequence[str]) -> None:
        """Drops all layers that none of ``blobs`` needs. Raises RunError NC607."""
        made = {name for layer in self.kept for name in layer.param.top}
        for name in blobs:
            if name not in made:
                hint, suggestion = did_you_mean(name, made)
                raise RunError.of(
                    "NC607", f"the exported net has no blob '{name}'", expected=", ".join(sorted(made)),
                    hint=hint, suggestion=suggestion,
                )  # fmt: skip
        needed = set(blobs)
        needing = []
        for layer in reversed(self.kept):
            if needed.intersection(layer.param.top):
                needed.update(layer.param.bottom)
                needing.append(layer)
        self.kept = needing[::-1]

    def drop_unread_inputs(self) -> None:
        """Leaves out the inputs that no layer reads: labels, after the losses have gone."""
        read = {name for layer in self.kept for name in layer.param.bottom}
        for layer in list(self.kept):
            if layer.param.type != "Input":
                continue
            shapes = layer.param.input_param.shape
            for index, name in reversed(list(enumerate(layer.param.top))):
                if name not in read:
                    del layer.param.top[index]
                    if len(shapes) > 1:
                        del shapes[index]
                    origin = self._origins[name]
                    self._note("NC605", origin, f"the input '{name}' is left out: nothing reads it")
            if not layer.param.top:
                self.kept.remove(layer)

    def _keep(self, layer: LayerSource, *params: pb.LayerParameter) -> None:
        for param in params:
            self.kept.append(LayerSource(param, layer.node))
            for name in param.top:
                self._gone.pop(name, None)

    def _leave_out(self, layer: LayerSource, why: str) -> None:
        self._gone.update(dict.fromkeys(layer.param.top, layer.param.name))
        self._note("NC605", layer, f"the layer is left out: {why}")

    def _note(self, code: str, layer: LayerSource, message: str) -> None:
        self.notes.append(
            Finding(code, message, "note", layer.place(), layer.param.name, layer.param.type)
        )  # fmt: skip

    def _silence(self, layer: LayerSource, param: pb.LayerParameter) -> None:
        """Stays for the blobs that would be outputs without it."""
        heard = [name for name in param.bottom if name not in self._gone and name not in self._origins]
        if heard:
            param.bottom[:] = heard
            self._keep(layer, param)

    def _loss(self, layer: LayerSource, param: pb.LayerParameter, lost: list[str]) -> None:
        if param.type != "SoftmaxWithLoss" or len(param.top) < 2 or param.bottom[0] in lost:
            self._leave_out(layer, "it is a loss, which needs labels")
            return
        self._gone[param.top[0]] = param.name
        self._note("NC606", layer, f"the layer becomes the Softmax that makes '{param.top[1]}'; its loss is left out")
        softmax = pb.LayerParameter(name=param.name, type="Softmax", bottom=param.bottom[:1], top=param.top[1:2])
        softmax.softmax_param.CopyFrom(param.softmax_param)
        self._keep(layer, softmax)

    def _data(self, layer: LayerSource, param: pb.LayerParameter) -> None:
        """One Input layer for each top."""
        self._origins.update(dict.fromkeys(param.top, layer))
        inputs = []
        for index, name in enumerate(param.top):
            made = pb.LayerParameter(
                name=param.name if index == 0 else f"{param.name}/{name}", type="Input", top=[name]
            )
            made.input_param.shape.add(dim=self.graph.shapes[name])
            inputs.append(made)
        text = "the layer becomes an input of the model"
        if param.HasField("transform_param"):
            transform = " ".join(to_text(param.transform_param).split())
            text += f", which takes values after the transform ({transform})"
        self._note("NC606", layer, text)
        self._keep(layer, *inputs)

    def _margin(self, layer: LayerSource, param: pb.LayerParameter, lost: list[str]) -> None:
        """An inner product of the same name, so that it finds the weights; the further tops are for training."""
        if param.bottom[0] in lost:
            self._leave_out(layer, f"it reads '{param.bottom[0]}', which is left out")
            return
        self._gone.update(dict.fromkeys(param.top[1:], param.name))
        layers = _without_margin(param)
        lengths = {"LargeMarginInnerProduct": "|w| |x| cos t", "MarginInnerProduct": "|x| cos t"}
        scale = param.angular_margin_param.scale
        scores = lengths.get(param.type, f"{scale:g} cos t" if scale else "|x| cos t")
        what = "margin"
        if _has_bias(param):
            what = "margin and bias"
            self.biased.add(param.name)
        text = f"the layer is exported without its {what}, as an inner product: scores are {scores}"
        self._note("NC606", layer, text)
        self._keep(layer, *layers)

    def _label_specific_add(self, layer: LayerSource, param: pb.LayerParameter) -> None:
        """The identity in phase TEST."""
        self._gone.update(dict.fromkeys(param.top[1:], param.name))
        if param.top[0] == param.bottom[0]:
            self._note("NC605", layer, "the layer is left out: it changes nothing without labels")
            return
        self._note("NC606", layer, "the layer becomes the identity, which it is without labels")
        self._keep(layer, pb.LayerParameter(name=param.name, type="Split", bottom=param.bottom[:1], top=param.top[:1]))


def _draws(param: pb.LayerParameter) -> bool:
    """Whether a DummyData layer makes anything but constants."""
    return param.type == "DummyData" and any(f.type != "constant" for f in param.dummy_data_param.data_filler)


def _has_bias(param: pb.LayerParameter) -> bool:
    settings = param.angular_margin_param
    return param.type == "AngularMargin" and settings.type == pb.AngularMarginParameter.SPHEREFACE2


def _is_margin(param: pb.LayerParameter) -> bool:
    """Whether ``_without_margin`` knows what becomes of a layer."""
    if param.type == "AngularMargin":
        return param.angular_margin_param.axis == 1
    return param.type in ("LargeMarginInnerProduct", "MarginInnerProduct")


def _without_margin(param: pb.LayerParameter) -> list[pb.LayerParameter]:
    """The layers that make a margin layer's scores without the margin.

    AngularMargin with a scale gives features the length 1 first, which the Normalize layer does along axis 1.
    """
    settings = getattr(param, layer_types()[param.type].param_field or "")
    product = pb.LayerParameter(
        name=param.name, type="InnerProduct", bottom=param.bottom[:1], top=param.top[:1], param=param.param[:1]
    )
    inner = product.inner_product_param
    inner.num_output, inner.axis, inner.bias_term = settings.num_output, settings.axis, False
    inner.normalize = param.type != "LargeMarginInnerProduct"
    inner.weight_filler.CopyFrom(settings.weight_filler)
    if param.type != "AngularMargin" or settings.scale == 0:
        return [product]
    flat = pb.LayerParameter(name=f"{param.name}/flat", type="Flatten", bottom=param.bottom[:1])
    flat.top.append(flat.name)
    unit = pb.LayerParameter(name=f"{param.name}/unit", type="Normalize", bottom=flat.top)
    unit.top.append(unit.name)
    cosines = f"{param.name}/cosines"
    product.bottom[:], product.top[:] = unit.top, [cosines]
    scaled = pb.LayerParameter(name=f"{param.name}/scale", type="Power", bottom=[cosines], top=param.top[:1])
    scaled.power_param.scale = settings.scale
    return [flat, unit, product, scaled]
