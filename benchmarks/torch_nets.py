"""A net of netcli's as a PyTorch module with the same weights: what a PyTorch user would write for it.

PyTorch's own functions throughout, activations in place where the prototxt has them so, BatchNorm and the Scale behind
it as one ``batch_norm``. A layer type that no net of ``zoo.py`` has is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netcli.layers.layer import Layer
from netcli.layers.margin.annealing import annealing
from netcli.net.net import Net
from netcli.net.step import Step
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

Run = Callable[[Sequence[Tensor]], Tensor]
"""From the bottoms to the top."""


class TorchNet(nn.Module):
    """The same net, weights copied. Call it with the inputs by name; the result is the loss.

    Raises:
        NotImplementedError: the net has a layer that has no translation here.
    """

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self._plan: list[tuple[Callable[..., Tensor], list[str], list[str]]] = []
        steps = [step for step in net.graph.steps if step.layer.type_name != "Input"]
        position = 0
        while position < len(steps):
            step, follower = steps[position], steps[position + 1] if position + 1 < len(steps) else None
            if step.layer.type_name == "BatchNorm" and follower is not None and follower.layer.type_name == "Scale":
                run = self._kept(_BatchNorm(step.layer, follower.layer))
                position += 1
            else:
                run = self._translated(step)
            self._plan.append((run, step.bottoms, step.tops))
            position += 1

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        blobs = dict(inputs)
        top = torch.zeros(())
        for run, bottoms, tops in self._plan:
            top = run([blobs[name] for name in bottoms])
            blobs.update(dict.fromkeys(tops, top))
        return top

    def _kept(self, module: nn.Module) -> nn.Module:
        self.layers.append(module)
        return module

    def _translated(self, step: Step) -> Run:
        kind = step.layer.type_name
        if kind in _MODULES:
            return self._kept(_MODULES[kind](step.layer))
        if kind in _FUNCTIONS:
            return _FUNCTIONS[kind](step)
        if kind == "Dropout":
            module = nn.Dropout(step.layer.param.dropout_param.dropout_ratio, inplace=True)
            self._kept(module)
            return lambda x: module(x[0])
        raise NotImplementedError(f"layer '{step.name}' ({kind})")


def _parameters(layer: Layer) -> list[nn.Parameter]:
    return [nn.Parameter(torch.from_numpy(blob.values.read(PLAIN).copy())) for blob in layer.params]


class _Parametrised(nn.Module):
    """A module with a layer's weights and, maybe, bias."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.settings = layer.param
        parameters = _parameters(layer)
        self.weight = parameters[0]
        self.bias = parameters[1] if len(parameters) > 1 else None


class _Convolution(_Parametrised):
    def forward(self, x: Sequence[Tensor]) -> Tensor:
        c = self.settings.convolution_param
        return F.conv2d(
            x[0], self.weight, self.bias, c.stride[0] if c.stride else 1, c.pad[0] if c.pad else 0, groups=c.group
        )


class _InnerProduct(_Parametrised):
    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return F.linear(x[0].flatten(1), self.weight, self.bias)


class _PReLU(_Parametrised):
    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return F.prelu(x[0], self.weight)


class _BatchNorm(nn.Module):
    """BatchNorm and the Scale behind it."""

    def __init__(self, normalise: Layer, scale: Layer) -> None:
        super().__init__()
        self.weight, self.bias = _parameters(scale)
        mean, variance, count = (blob.values.read(PLAIN) for blob in normalise.params)
        factor = 1 / count[0] if count[0] else 0
        self.register_buffer("mean", torch.from_numpy(mean * factor))
        self.register_buffer("variance", torch.from_numpy(variance * factor))
        self.eps = normalise.param.batch_norm_param.eps
        self.momentum = 1 - normalise.param.batch_norm_param.moving_average_fraction

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return F.batch_norm(
            x[0], self.mean, self.variance, self.weight, self.bias, self.training, self.momentum, self.eps
        )


class _Margin(_Parametrised):
    """A-Softmax with m = 4 at the lambda of the first iteration."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer)
        settings = layer.param.margin_inner_product_param
        if settings.type != pb.MarginInnerProductParameter.QUADRUPLE:
            raise NotImplementedError(f"layer '{layer.param.name}': margin {settings.type}")
        self.mixing = annealing(settings)(0)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        features, labels = x[0].flatten(1), x[1].view(-1, 1)
        lengths = features.norm(dim=1, keepdim=True)
        scores = F.linear(features, F.normalize(self.weight))
        cosine = (scores.gather(1, labels) / lengths).clamp(-1, 1)
        squared = cosine * cosine
        sector = (4 * cosine.detach().acos() / math.pi).floor()
        margin = (1 - 2 * (sector % 2)) * (8 * squared * (squared - 1) + 1) - 2 * sector
        target = lengths * (self.mixing * cosine + margin) / (1 + self.mixing)
        return scores.scatter(1, labels, target)


def _pooling(step: Step) -> Run:
    p = step.layer.param.pooling_param
    kernel, stride, pad = p.kernel_size, p.stride, p.pad
    if p.pool == pb.PoolingParameter.MAX:
        return lambda x: F.max_pool2d(x[0], kernel, stride, pad, ceil_mode=True)
    return lambda x: F.avg_pool2d(x[0], kernel, stride, pad, ceil_mode=True)


def _lrn(step: Step) -> Run:
    p = step.layer.param.lrn_param
    return lambda x: F.local_response_norm(x[0], p.local_size, p.alpha, p.beta, p.k)


def _relu(step: Step) -> Run:
    in_place = step.bottoms == step.tops
    return lambda x: F.relu(x[0], inplace=in_place)


_MODULES: dict[str, Callable[[Layer], nn.Module]] = {
    "Convolution": _Convolution,
    "InnerProduct": _InnerProduct,
    "PReLU": _PReLU,
    "MarginInnerProduct": _Margin,
}
_FUNCTIONS: dict[str, Callable[[Step], Run]] = {
    "Pooling": _pooling,
    "LRN": _lrn,
    "ReLU": _relu,
    "Split": lambda step: lambda x: x[0],
    "Concat": lambda step: lambda x: torch.cat(list(x), 1),
    "Eltwise": lambda step: lambda x: x[0] + x[1],
    "SoftmaxWithLoss": lambda step: lambda x: F.cross_entropy(x[0], x[1]),
}
