"""Nets written in Python: ``caffe.layers``, ``caffe.params``, ``caffe.NetSpec`` and ``caffe.to_proto``.

    from netcli.pycaffe import layers as L, params as P, NetSpec
    n = NetSpec()
    n.data, n.label = L.DummyData(dummy_data_param=dict(shape=[dict(dim=[64, 1, 28, 28]), dict(dim=64)]), ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"))
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.loss = L.SoftmaxWithLoss(L.InnerProduct(n.pool1, num_output=10), n.label)
    print(n.to_proto())

Keywords that the type's own message has (``convolution_param`` for Convolution) go there, all others to the layer
itself. A dict becomes a message, a list a repeated field; one value for a repeated field is a list of one. ``ntop``
says how many tops there are, ``in_place=True`` gives the tops the bottoms' names. What nobody named gets its type and
a number: "InnerProduct1".
"""

from __future__ import annotations

import functools
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Union

import numpy as np
from google.protobuf.message import Message

from netcli.errors import RunError, did_you_mean
from netcli.layers.registry import layer_types
from netcli.schema import caffe_pb2 as pb

Names = dict[Union["Function", "Top"], str]
Layers = dict["Function", pb.LayerParameter]


class Top:
    """One top of a layer. ``fn`` is the layer, ``n`` the top's position."""

    def __init__(self, fn: Function, n: int) -> None:
        self.fn = fn
        self.n = n

    def to_proto(self) -> pb.NetParameter:
        """The net that makes this top."""
        return to_proto(self)


class Function:
    """One layer: its type, the tops that it reads, its parameters, and its own ``tops``."""

    def __init__(self, type_name: str, inputs: tuple[Top, ...], params: Mapping[str, Any]) -> None:
        for index, top in enumerate(inputs):
            if not isinstance(top, Top):
                raise RunError.of(
                    "NC590", f"bottom {index} of a {type_name} layer is no top of another layer",
                    actual=type(top).__name__,
                )  # fmt: skip
        self.type_name = type_name
        self.inputs = inputs
        self.params = dict(params)
        self.ntop = self.params.pop("ntop", 1)
        self.in_place = self.params.pop("in_place", False)
        self.tops = tuple(Top(self, n) for n in range(self.ntop))


class _Builder:
    """Writes layers into a message, each after those that it reads, and names what has no name."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._numbers: Counter[str] = Counter()
        self.layers: Layers = OrderedDict()

    def add(self, fn: Function) -> pb.LayerParameter:
        """The message of ``fn``, which is made at the first call."""
        if fn in self.layers:
            return self.layers[fn]
        bottoms = [self._bottom(top) for top in fn.inputs]
        layer = pb.LayerParameter(type=fn.type_name, bottom=bottoms)
        layer.top.extend(bottoms if fn.in_place else [self._name(top, fn) for top in fn.tops])
        # A layer bears the name of its first top, unless it was named itself or has none.
        layer.name = self._name(fn.tops[0] if fn.tops and fn not in self._names else fn, fn)
        for key, value in fn.params.items():
            _assign_param(layer, key, value)
        self.layers[fn] = layer
        return layer

    def _bottom(self, top: Top) -> str:
        return self.add(top.fn).top[top.n]

    def _name(self, item: Function | Top, fn: Function) -> str:
        if item not in self._names:
            self._numbers[fn.type_name] += 1
            self._names[item] = f"{fn.type_name}{self._numbers[fn.type_name]}"
        return self._names[item]


class NetSpec:
    """A net whose tops are its attributes: ``n.conv1 = L.Convolution(...)``, also ``n["conv1"]``.

    A layer without tops may be an attribute too: ``n.silence = L.Silence(n.label, ntop=0)``.
    """

    tops: OrderedDict[str, Top | Function]

    def __init__(self) -> None:
        object.__setattr__(self, "tops", OrderedDict())

    def __setattr__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:
        try:
            return self.tops[name]
        except KeyError:
            raise AttributeError(f"the net specification has no top {name!r}") from None

    def __delattr__(self, name: str) -> None:
        del self.tops[name]

    def __setitem__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getitem__(self, name: str) -> Any:
        return self.tops[name]

    def __delitem__(self, name: str) -> None:
        del self.tops[name]

    def __contains__(self, name: object) -> bool:
        return name in self.tops

    def __iter__(self) -> Iterator[str]:
        return iter(self.tops)

    def to_proto(self) -> pb.NetParameter:
        """The net as a message; ``str`` of it is prototxt. Raises RunError NC590 for a parameter that will not do."""
        builder = _Builder({item: name for name, item in self.tops.items()})
        for item in self.tops.values():
            builder.add(item.fn if isinstance(item, Top) else item)
        return pb.NetParameter(layer=builder.layers.values())


def to_proto(*tops: Top) -> pb.NetParameter:
    """The net that makes ``tops``, with automatic names throughout. Raises RunError NC590."""
    builder = _Builder({})
    for top in tops:
        builder.add(top.fn)
    return pb.NetParameter(layer=builder.layers.values())


@functools.cache
def _own_messages() -> dict[str, str]:
    """Layer type -> the field of LayerParameter with its settings.

    As pycaffe has it, the type of message ConvolutionParameter is Convolution; types without a message of
    their own name (Deconvolution) have the one that they are registered with.
    """
    registered = {name: layer.param_field for name, layer in layer_types().items() if layer.param_field}
    return registered | {
        field.message_type.name.removesuffix("Parameter"): field.name
        for field in pb.LayerParameter.DESCRIPTOR.fields
        if field.message_type is not None and field.name.endswith("_param")
    }


def _assign_param(layer: pb.LayerParameter, key: str, value: Any) -> None:
    own = _own_messages().get(layer.type)
    if own is not None and not key.endswith("param"):
        message = getattr(layer, own)
        # What neither has is more likely a misspelt setting.
        if key in message.DESCRIPTOR.fields_by_name or key not in layer.DESCRIPTOR.fields_by_name:
            _assign(message, key, value)
            return
    _assign(layer, key, value)


def _assign(message: Any, key: str, value: Any) -> None:
    """Sets one field from plain Python values, numpy's included. Raises RunError NC590."""
    fields = message.DESCRIPTOR.fields_by_name
    if key not in fields:
        hint, suggestion = did_you_mean(key, fields)
        raise RunError.of("NC590", f"{message.DESCRIPTOR.name} has no field '{key}'", hint=hint, suggestion=suggestion)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    target = getattr(message, key)
    try:
        if hasattr(target, "extend"):
            for item in value if isinstance(value, list | tuple) else [value]:
                _append(target, item)
        elif isinstance(target, Message):
            _fill(target, value)
        else:
            setattr(message, key, value)
    except (TypeError, ValueError) as error:
        raise RunError.of(
            "NC590", f"{message.DESCRIPTOR.name}.{key} cannot have this value: {error}", actual=repr(value)
        ) from None


def _append(repeated: Any, item: Any) -> None:
    if isinstance(item, Mapping | Message):
        _fill(repeated.add(), item)
    else:
        repeated.append(item.item() if isinstance(item, np.generic) else item)


def _fill(message: Any, value: Any) -> None:
    if isinstance(value, Message):
        message.CopyFrom(value)
        return
    if not isinstance(value, Mapping):
        raise TypeError("expected a dict")
    message.SetInParent()
    for key, item in value.items():
        _assign(message, key, item)


class _LayerMaker:
    """``L.Type(bottom, ..., field=value, ...)`` makes a layer: its top, a tuple of tops, or with ntop=0 itself."""

    def __getattr__(self, type_name: str) -> Any:
        if type_name.startswith("_"):
            raise AttributeError(type_name)

        def make(*inputs: Top, **params: Any) -> Any:
            fn = Function(type_name, inputs, params)
            return fn if fn.ntop == 0 else fn.tops[0] if fn.ntop == 1 else fn.tops

        make.__name__ = type_name
        return make


class _Constants:
    """The enumerations of one message: ``P.Pooling`` has ``MAX``, ``AVE``, ``STOCHASTIC``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._message = getattr(pb, f"{name}Parameter", None)

    def __getattr__(self, constant: str) -> int:
        if constant.startswith("__"):
            raise AttributeError(constant)
        if self._message is None:
            raise AttributeError(f"there is no message {self._name}Parameter")
        return getattr(self._message, constant)


class _ParameterConstants:
    """``P.Pooling.MAX`` is ``PoolingParameter.MAX``."""

    def __getattr__(self, name: str) -> _Constants:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Constants(name)


layers = _LayerMaker()
params = _ParameterConstants()
