"""The part of a net that makes one blob, fed by hand: what a deploy net is, derived from any net.

Of the layers in phase TEST those stay that the blob needs; losses, accuracies and unused heads go. The layer that
reads the data becomes an Input of the same name and tops, so that the same images can be given twice, the second time
mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

from netcli.errors import ConfigError, did_you_mean
from netcli.layers.feeding import ItemShapes
from netcli.lint.losses import MARGIN_LAYERS
from netcli.prototxt import LayerSource, NetSource, filtered
from netcli.schema import caffe_pb2 as pb

READERS = ("Input", "Data", "ImageData", "HDF5Data")
"""Layers whose tops can be given by hand."""
ENDLESS = ("WindowData", "MemoryData")
"""Layers that read no set with an order and an end."""


@dataclass(frozen=True)
class FeatureNet:
    """What makes ``blob``.

    Attributes:
        source: the net it is a part of.
        data: the layer that reads the images.
        layers: the others, in order.
    """

    source: NetSource
    blob: str
    data: LayerSource
    layers: list[LayerSource]

    def with_input(self, tops: list[str], shapes: ItemShapes, batch: int) -> NetSource:
        """The net behind an Input with ``tops``, of ``batch`` items of ``shapes`` each."""
        given = pb.LayerParameter(name=self.data.param.name, type="Input", top=tops)
        for shape in shapes:
            given.input_param.shape.add(dim=[batch, *shape])
        param = self.source.without_layers()
        param.state.phase = pb.TEST
        param.layer.extend([given, *(layer.param for layer in self.layers)])
        node = self.source.node
        if node is not None:
            nodes = [layer.node for layer in (self.data, *self.layers) if layer.node is not None]
            node = node.with_children("layer", nodes)
        return NetSource(param, node, self.source.file)


def feature_net(source: NetSource, blob: str | None = None) -> FeatureNet:
    """The part of ``source`` that makes ``blob``.

    Args:
        source: the whole net.
        blob: None for the features: what a margin layer compares with its classes or, of a deploy net, the last top.

    Raises:
        ConfigError: NC554 no such blob, or none is named and it is not clear which; NC556 it does not depend on
            exactly one layer that reads data.
    """
    state = pb.NetState()
    state.CopyFrom(source.param.state)
    state.phase = pb.TEST
    layers = filtered(source, state).layers()
    wanted = _features_of(layers, source) if blob is None else blob
    made = list(dict.fromkeys(top for layer in source.layers() for top in layer.param.top))
    if wanted not in made:
        hint, suggestion = did_you_mean(wanted, made)
        raise ConfigError.of(
            "NC554", f"the net has no blob '{wanted}'", place=source.place(), expected=f"one of {', '.join(made)}",
            hint=hint, suggestion=suggestion,
        )  # fmt: skip
    kept, unmade = _needed(layers, wanted)
    # A data layer of phase TRAIN alone still says how images are read.
    elsewhere = [layer for layer in source.layers() if unmade.intersection(layer.param.top)]
    readers = [layer for layer in kept if layer.param.type in (*READERS, *ENDLESS)]
    readers += [layer for layer in elsewhere if layer.param.type in READERS][:1]
    if len(readers) != 1 or readers[0].param.type in ENDLESS:
        found = ", ".join(f"{layer.param.name} ({layer.param.type})" for layer in readers)
        raise ConfigError.of(
            "NC556", f"'{wanted}' does not come from one set of data", place=source.place(),
            expected=f"one layer of type {', '.join(READERS)}", actual=found or "none",
        )  # fmt: skip
    return FeatureNet(source, wanted, readers[0], [layer for layer in kept if layer is not readers[0]])


def _needed(layers: list[LayerSource], blob: str) -> tuple[list[LayerSource], set[str]]:
    """The layers that ``blob`` depends on, in order, and the blobs that none of them makes."""
    needed, kept = {blob}, []
    for layer in reversed(layers):
        if needed.intersection(layer.param.top):
            kept.append(layer)
            needed.update(layer.param.bottom)
    return kept[::-1], needed.difference(*(layer.param.top for layer in kept))


def _features_of(layers: list[LayerSource], source: NetSource) -> str:
    for layer in layers:
        if layer.param.type in MARGIN_LAYERS and layer.param.bottom:
            return layer.param.bottom[0]
    if any(layer.param.type == "Input" for layer in layers):
        return next(layer.param.top[0] for layer in reversed(layers) if layer.param.top)
    tops = list(dict.fromkeys(top for layer in layers for top in layer.param.top))
    raise ConfigError.of(
        "NC554", "it is not clear which blob holds the features", place=source.place(),
        hint=f"pass --blob with one of {', '.join(tops)}",
    )  # fmt: skip
