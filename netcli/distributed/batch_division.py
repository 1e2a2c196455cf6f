"""How the batch of a net is divided among processes, and what cannot be divided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from netcli.errors import ConfigError, Finding
from netcli.layers.share import Share, common_units, shares
from netcli.prototxt import LayerSource, NetSource, filtered

SCALINGS = ("strong", "weak")
"""What ``batch_size`` means: the batch of all processes together, or that of each."""

_BATCH_SIZES_IN = {
    "Data": "data_param",
    "HDF5Data": "hdf5_data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
}

_MIXING = {
    "RNN": "its first axis is time",
    "LSTM": "its first axis is time",
    "LSTMUnit": "its first axis is time",
    "BatchReindex": "it picks items out of the whole batch",
    "Filter": "it keeps some items of the whole batch",
}
"""Layers for which a part of a batch is not a batch."""


def divide(
    net: NetSource,
    rank: int,
    ranks: int,
    scaling: str,
    add: Callable[[np.ndarray], object],
    *,
    joint_statistics: bool = False,
) -> Share:
    """The share of process ``rank`` of ``ranks`` in each batch of the training net ``net``.

    Args:
        scaling: one of ``SCALINGS``.
        add: adds up an array over all processes.
        joint_statistics: see ``Share``.

    Raises:
        ConfigError: NC537 for every layer that needs the whole batch, where it is divided.
    """
    if scaling == "weak":
        return Share(rank, 1, ranks, declared=1, add=add, joint_statistics=joint_statistics)
    layers = filtered(net, net.param.state).layers()
    findings = [finding for layer in layers if (finding := _undividable(layer))]
    if findings:
        raise ConfigError(findings)
    units = common_units(_batch_sizes(layers))
    before, mine = shares(units, ranks)[rank]
    if not mine:
        return Share(0, 1, units, declared=units, idle=True, add=add, joint_statistics=joint_statistics)
    return Share(before, mine, units, declared=units, add=add, joint_statistics=joint_statistics)


def _batch_sizes(layers: list[LayerSource]) -> list[int]:
    """Of the layers that read data; without any, of those that make them up."""
    params = [layer.param for layer in layers]
    read = [
        int(getattr(param, _BATCH_SIZES_IN[param.type]).batch_size) for param in params if param.type in _BATCH_SIZES_IN
    ]
    return [size for size in read or [size for param in params for size in _made_up(param)] if size > 0]


def _made_up(param: Any) -> list[int]:
    """First axes of the tops of a layer whose shapes are declared."""
    settings = {"DummyData": param.dummy_data_param, "Input": param.input_param}.get(param.type)
    if settings is None:
        return []
    return [int(shape.dim[0]) for shape in settings.shape if shape.dim] + [int(n) for n in getattr(settings, "num", [])]


def _undividable(layer: LayerSource) -> Finding | None:
    param = layer.param
    reason = _MIXING.get(param.type)
    if param.type == "Slice" and (param.slice_param.axis == 0 or param.slice_param.slice_dim == 0):
        starts_at_items = param.slice_param.HasField("axis") or param.slice_param.HasField("slice_dim")
        reason = "it cuts the batch at fixed items" if starts_at_items else None
    if reason is None:
        return None
    return Finding(
        "NC537", f"a batch with this layer cannot be divided among processes: {reason}", place=layer.place(),
        layer=param.name, layer_type=param.type,
        hint="--scaling weak gives every process whole batches",
    )  # fmt: skip
