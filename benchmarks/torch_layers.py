"""What each layer type is in PyTorch; ``torch_nets.py`` makes a module of them.

Each is what a user of PyTorch would write, or something faster that PyTorch has: LRN's sum over channels is a 1x1
convolution with a band matrix, about three times as fast as ``torch.nn.functional.local_response_norm``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from netcli.layers.convolution.geometry import convolution_windows
from netcli.layers.margin.annealing import annealing
from netcli.layers.pooling.geometry import pooling_windows
from netcli.net.graph import Graph
from netcli.net.step import Step
from netcli.schema import caffe_pb2 as pb

Tensors = Sequence[torch.Tensor]
Operation = Callable[[Tensors], Tensors]
"""From the bottoms to the tops."""

_KEEP_ONLY_THEIR_INPUT = ("Convolution", "InnerProduct", "PReLU", "BatchNorm", "Scale")
"""Layers whose backward pass does not read their output, so that it may be overwritten; a sum's does not either."""


class Untranslated(Exception):
    """The layer, or a setting of it, has no counterpart here."""


@dataclass
class Running:
    """What changes while a net runs.

    Attributes:
        drops: whether Dropout drops; off to compare with another program, which draws other numbers.
        passes: forward passes so far, which lambda depends on.
    """

    drops: bool = True
    passes: int = 0


@dataclass(frozen=True)
class Place:
    """A layer where it stands: its step of the graph, its parameters, and what makes each blob."""

    step: Step
    graph: Graph
    params: Sequence[torch.Tensor]
    running: Running
    makers: Mapping[str, Step]

    @property
    def param(self) -> pb.LayerParameter:
        return self.step.layer.param

    @property
    def bottom_shape(self) -> tuple[int, ...]:
        return self.graph.shapes[self.step.bottoms[0]]

    @property
    def weight_and_bias(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        return self.params[0], self.params[1] if len(self.params) > 1 else None

    def may_overwrite(self, bottom: int) -> bool:
        """Whether nothing else, and no backward pass, reads this bottom."""
        name = self.step.bottoms[bottom]
        layer = self.makers[name].layer
        is_sum = layer.type_name == "Eltwise" and layer.param.eltwise_param.operation == pb.EltwiseParameter.SUM
        return name not in self.graph.split_copies and (is_sum or layer.type_name in _KEEP_ONLY_THEIR_INPUT)

    def untranslated(self, what: str) -> Untranslated:
        return Untranslated(f"layer '{self.step.name}' ({self.step.layer.type_name}): no counterpart for {what}")


def translated(place: Place) -> Operation:
    """The layer as a function of tensors. Raises Untranslated."""
    translate = _TRANSLATIONS.get(place.step.layer.type_name)
    if translate is None:
        raise place.untranslated("the type")
    return translate(place)


def _convolution(place: Place) -> Operation:
    if len(place.bottom_shape) != 4 or place.param.convolution_param.axis != 1:
        raise place.untranslated("other axes than height and width")
    windows = convolution_windows(place.step.layer, place.bottom_shape[2:])
    weight, bias = place.weight_and_bias
    group = place.param.convolution_param.group

    def run(bottoms: Tensors) -> Tensors:
        return [
            functional.conv2d(x, weight, bias, windows.stride, windows.pad, windows.dilation, group) for x in bottoms
        ]

    return run


def _inner_product(place: Place) -> Operation:
    settings = place.param.inner_product_param
    weight, bias = place.weight_and_bias
    if settings.normalize:
        raise place.untranslated("normalize")

    def run(bottoms: Tensors) -> Tensors:
        rows = weight.t() if settings.transpose else weight
        return [functional.linear(bottoms[0].flatten(settings.axis), rows, bias)]

    return run


def _pooling(place: Place) -> Operation:
    """Caffe's windows are PyTorch's with ``ceil_mode``, and so are the sizes that AVE divides by."""
    settings = place.param.pooling_param
    windows = pooling_windows(place.step.layer, place.bottom_shape[2:])
    kernel, stride, pad = windows.kernel, windows.stride, windows.pad
    spans = [i + 2 * p - k for i, p, k in zip(windows.inputs, pad, kernel, strict=True)]
    ceil_mode = windows.outputs != tuple(span // step + 1 for span, step in zip(spans, stride, strict=True))
    if settings.pool == pb.PoolingParameter.MAX and len(place.step.tops) == 1:
        return lambda bottoms: [functional.max_pool2d(bottoms[0], kernel, stride, pad, ceil_mode=ceil_mode)]
    if settings.pool == pb.PoolingParameter.AVE:
        return lambda bottoms: [functional.avg_pool2d(bottoms[0], kernel, stride, pad, ceil_mode)]
    raise place.untranslated("this pooling")


def _relu(place: Place) -> Operation:
    slope, in_place = place.param.relu_param.negative_slope, place.may_overwrite(0)
    if slope:
        return lambda bottoms: [functional.leaky_relu(bottoms[0], slope, in_place)]
    return lambda bottoms: [functional.relu(bottoms[0], in_place)]


def _prelu(place: Place) -> Operation:
    slopes = place.params[0]
    return lambda bottoms: [functional.prelu(bottoms[0], slopes.reshape(-1))]


def _dropout(place: Place) -> Operation:
    ratio, running, training = place.param.dropout_param.dropout_ratio, place.running, place.step.layer.training
    return lambda bottoms: [functional.dropout(bottoms[0], ratio, training and running.drops)]


def _lrn(place: Place) -> Operation:
    settings = place.param.lrn_param
    if settings.norm_region != pb.LRNParameter.ACROSS_CHANNELS:
        raise place.untranslated("WITHIN_CHANNEL")
    channels = torch.arange(place.bottom_shape[1])
    band = (channels[:, None] - channels).abs() <= (settings.local_size - 1) // 2
    weight = (band * (settings.alpha / settings.local_size)).to(torch.float32)[:, :, None, None]
    k = torch.full(weight.shape[:1], settings.k)

    def run(bottoms: Tensors) -> Tensors:
        x = bottoms[0]
        return [x * functional.conv2d(x * x, weight, k).pow(-settings.beta)]

    return run


def _batch_norm(place: Place) -> Operation:
    """With the Scale behind it, if there is one.

    The stored statistics start from netcli's; later ones are averaged in PyTorch's way, which costs the same.
    """
    settings = place.param.batch_norm_param
    means, variances, weight, *affine = place.params
    scale, bias = affine or (None, None)
    with torch.no_grad():
        share = 1 / weight if weight else weight
        means *= share
        variances *= share
    stored = settings.use_global_stats if settings.HasField("use_global_stats") else not place.step.layer.training
    momentum = 1 - settings.moving_average_fraction

    def run(bottoms: Tensors) -> Tensors:
        return [functional.batch_norm(bottoms[0], means, variances, scale, bias, not stored, momentum, settings.eps)]

    return run


def _eltwise(place: Place) -> Operation:
    settings = place.param.eltwise_param
    if settings.operation == pb.EltwiseParameter.PROD:
        return lambda bottoms: [math.prod(bottoms[1:], start=bottoms[0])]
    if settings.operation == pb.EltwiseParameter.MAX:
        return lambda bottoms: [torch.stack(tuple(bottoms)).amax(0)]
    if any(coefficient != 1 for coefficient in settings.coeff):
        first, *others = settings.coeff
        return lambda bottoms: [
            sum((c * x for c, x in zip(others, bottoms[1:], strict=True)), start=first * bottoms[0])
        ]
    target = next((index for index in range(len(place.step.bottoms)) if place.may_overwrite(index)), None)
    if target is None or len(place.step.bottoms) != 2:
        return lambda bottoms: [sum(bottoms[1:], start=bottoms[0])]
    return lambda bottoms: [bottoms[target].add_(bottoms[1 - target])]


def _concat(place: Place) -> Operation:
    axis = place.param.concat_param.axis
    return lambda bottoms: [torch.cat(tuple(bottoms), axis)]


def _softmax(place: Place) -> Operation:
    axis = place.param.softmax_param.axis
    return lambda bottoms: [functional.softmax(bottoms[0], axis)]


def _softmax_with_loss(place: Place) -> Operation:
    loss = place.param.loss_param
    usual = loss.normalization == pb.LossParameter.VALID and not loss.HasField("normalize")
    if not usual or place.param.softmax_param.axis != 1 or len(place.step.tops) > 1 or loss.label_smoothing:
        raise place.untranslated("another normalization, axis or top")
    ignored = loss.ignore_label if loss.HasField("ignore_label") else -100

    def run(bottoms: Tensors) -> Tensors:
        scores, labels = bottoms
        labels = labels.long().reshape(len(scores), *scores.shape[2:])
        return [functional.cross_entropy(scores, labels, ignore_index=ignored)]

    return run


def _margin_inner_product(place: Place) -> Operation:
    """A-Softmax (see ``netcli.layers.margin``) by automatic differentiation.

    ``gradient: REFERENCE`` rescales the rows in place and leads no gradient through the margin to them, as its authors
    do. The gradient of the features is the true one; the authors scale it, which costs next to nothing.
    """
    settings, running, tops = place.param.margin_inner_product_param, place.running, len(place.step.tops)
    weight, margin = place.params[0], settings.type + 1
    exact = settings.gradient == pb.MarginInnerProductParameter.EXACT
    rescales = place.step.layer.training and not exact
    lambda_after = annealing(settings)

    def run(bottoms: Tensors) -> Tensors:
        x, labels = bottoms[0].flatten(settings.axis), bottoms[1].long().reshape(-1, 1)
        if rescales:
            with torch.no_grad():
                weight.div_(weight.norm(dim=1, keepdim=True))
        rows = weight if rescales else functional.normalize(weight, dim=1)
        scores = functional.linear(x, rows)
        share = lambda_after(running.passes)
        length = x.norm(dim=1, keepdim=True)
        plain = scores.gather(1, labels) if exact else (x * rows.detach()[labels[:, 0]]).sum(1, keepdim=True)
        moved = (share * plain + length * _psi(plain / length, margin)) / (1 + share)
        made = [scores.scatter_add(1, labels, moved - plain)]
        if tops > 1:
            made.append(torch.tensor([share]))
        if tops > 2:
            made.append((scores.detach().argmax(1, keepdim=True) == labels).float().mean())
        return made

    return run


def _psi(cosines: torch.Tensor, margin: int) -> torch.Tensor:
    """(-1)^k cos(m t) - 2 k, with k of the angles j pi / m below t."""
    below, polynomial = torch.ones_like(cosines), cosines
    for _ in range(margin - 1):
        below, polynomial = polynomial, 2 * cosines * polynomial - below
    k = torch.zeros_like(cosines)
    for j in range(1, margin):
        k += cosines.detach() <= math.cos(j * math.pi / margin)
    return (1 - 2 * (k % 2)) * polynomial - 2 * k


def _split(place: Place) -> Operation:
    copies = len(place.step.tops)
    return lambda bottoms: [bottoms[0]] * copies


_TRANSLATIONS: dict[str, Callable[[Place], Operation]] = {
    "BatchNorm": _batch_norm,
    "Concat": _concat,
    "Convolution": _convolution,
    "Dropout": _dropout,
    "Eltwise": _eltwise,
    "InnerProduct": _inner_product,
    "LRN": _lrn,
    "MarginInnerProduct": _margin_inner_product,
    "PReLU": _prelu,
    "Pooling": _pooling,
    "ReLU": _relu,
    "Softmax": _softmax,
    "SoftmaxWithLoss": _softmax_with_loss,
    "Split": _split,
}
