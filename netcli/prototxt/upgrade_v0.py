"""V0, the first form of a net: ``layers { layer { name type num_output ... } bottom top }``, types in small letters.

One flat message held the parameters of every type, and padding was a layer of its own that is now the ``pad`` of
the convolution or pooling after it. A V0 layer becomes a V1 layer; ``upgrade_v1`` does the rest.
"""

from __future__ import annotations

from typing import Any

from netcli.errors import Finding, did_you_mean
from netcli.prototxt.nodes import Node
from netcli.schema import caffe_pb2 as pb

OldLayer = tuple[pb.V1LayerParameter, Node]
"""A layer of an old net and its place."""

_PADDING = "padding"

_TYPES = {
    "accuracy": "ACCURACY",
    "bnll": "BNLL",
    "concat": "CONCAT",
    "conv": "CONVOLUTION",
    "data": "DATA",
    "dropout": "DROPOUT",
    "euclidean_loss": "EUCLIDEAN_LOSS",
    "flatten": "FLATTEN",
    "hdf5_data": "HDF5_DATA",
    "hdf5_output": "HDF5_OUTPUT",
    "im2col": "IM2COL",
    "images": "IMAGE_DATA",
    "infogain_loss": "INFOGAIN_LOSS",
    "innerproduct": "INNER_PRODUCT",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MULTINOMIAL_LOGISTIC_LOSS",
    "pool": "POOLING",
    "relu": "RELU",
    "sigmoid": "SIGMOID",
    "softmax": "SOFTMAX",
    "softmax_loss": "SOFTMAX_LOSS",
    "split": "SPLIT",
    "tanh": "TANH",
    "window_data": "WINDOW_DATA",
}

_SAME = ("name", "blobs", "blobs_lr", "weight_decay", "hdf5_output_param")

_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}

_CONV, _POOL, _INNER = "convolution_param", "pooling_param", "inner_product_param"
_DATA, _IMAGES, _WINDOWS = "data_param", "image_data_param", "window_data_param"

_HOMES: dict[str, dict[str, tuple[str, str]]] = {
    "num_output": {"conv": (_CONV, "num_output"), "innerproduct": (_INNER, "num_output")},
    "biasterm": {"conv": (_CONV, "bias_term"), "innerproduct": (_INNER, "bias_term")},
    "weight_filler": {"conv": (_CONV, "weight_filler"), "innerproduct": (_INNER, "weight_filler")},
    "bias_filler": {"conv": (_CONV, "bias_filler"), "innerproduct": (_INNER, "bias_filler")},
    "pad": {"conv": (_CONV, "pad"), "pool": (_POOL, "pad")},
    "kernelsize": {"conv": (_CONV, "kernel_size"), "pool": (_POOL, "kernel_size")},
    "group": {"conv": (_CONV, "group")},
    "stride": {"conv": (_CONV, "stride"), "pool": (_POOL, "stride")},
    "pool": {"pool": (_POOL, "pool")},
    "dropout_ratio": {"dropout": ("dropout_param", "dropout_ratio")},
    "local_size": {"lrn": ("lrn_param", "local_size")},
    "alpha": {"lrn": ("lrn_param", "alpha")},
    "beta": {"lrn": ("lrn_param", "beta")},
    "k": {"lrn": ("lrn_param", "k")},
    "source": {
        "data": (_DATA, "source"),
        "hdf5_data": ("hdf5_data_param", "source"),
        "images": (_IMAGES, "source"),
        "window_data": (_WINDOWS, "source"),
        "infogain_loss": ("infogain_loss_param", "source"),
    },
    "batchsize": {
        "data": (_DATA, "batch_size"),
        "hdf5_data": ("hdf5_data_param", "batch_size"),
        "images": (_IMAGES, "batch_size"),
        "window_data": (_WINDOWS, "batch_size"),
    },
    "rand_skip": {"data": (_DATA, "rand_skip"), "images": (_IMAGES, "rand_skip")},
    "shuffle_images": {"images": (_IMAGES, "shuffle")},
    "new_height": {"images": (_IMAGES, "new_height")},
    "new_width": {"images": (_IMAGES, "new_width")},
    "concat_dim": {"concat": ("concat_param", "concat_dim")},
    "det_fg_threshold": {"window_data": (_WINDOWS, "fg_threshold")},
    "det_bg_threshold": {"window_data": (_WINDOWS, "bg_threshold")},
    "det_fg_fraction": {"window_data": (_WINDOWS, "fg_fraction")},
    "det_context_pad": {"window_data": (_WINDOWS, "context_pad")},
    "det_crop_mode": {"window_data": (_WINDOWS, "crop_mode")},
}
"""Where a V0 field lives in V1, by the layer's V0 type."""


def merge_padding(layers: list[OldLayer]) -> tuple[list[OldLayer], list[Finding]]:
    """Drop the padding layers and give their ``pad`` to the convolutions and poolings that read them.

    Changes the messages in ``layers``. Returns the layers that are left, and an NC061 for each that reads a
    padding layer and cannot pad.
    """
    findings = []
    kept = []
    last_writer: dict[str, OldLayer] = {}
    for message, node in layers:
        for i, bottom in enumerate(message.bottom):
            writer = last_writer.get(bottom)
            if writer is None or writer[0].layer.type != _PADDING:
                continue
            if message.layer.type not in ("conv", "pool") or len(writer[0].bottom) != 1 or len(writer[0].top) != 1:
                findings.append(_cannot_pad(message, node, writer[0]))
                continue
            message.layer.pad = writer[0].layer.pad
            message.bottom[i] = writer[0].bottom[0]
            node = _repointed(node, i, writer[1])
        if message.layer.type != _PADDING:
            kept.append((message, node))
        for top in message.top:
            last_writer[top] = (message, node)
    return kept, findings


def _cannot_pad(message: pb.V1LayerParameter, node: Node, padding: pb.V1LayerParameter) -> Finding:
    return Finding(
        "NC061",
        f"reads padding layer '{padding.layer.name}', which cannot be merged into it",
        place=node.find("bottom").best_place,
        layer=message.layer.name,
        layer_type=message.layer.type,
        expected="a conv or pool layer behind a padding layer with one bottom and one top",
    )


def _repointed(node: Node, bottom: int, padding: Node) -> Node:
    """The node of a layer whose pad and bottom now stand in the padding layer."""
    inner = node.find("layer").with_children("pad", padding.find("layer").children.get("pad", ()))
    bottoms = list(node.children.get("bottom", ()))
    if bottom < len(bottoms):
        bottoms[bottom] = padding.find("bottom")
    return node.with_children("layer", [inner]).with_children("bottom", bottoms)


def upgrade_layer(old: pb.V1LayerParameter, node: Node) -> tuple[pb.V1LayerParameter, Node, list[Finding]]:
    """One V0 layer as V1.

    Returns:
        The V1 layer, its node, and what did not fit: NC060 (error) for an unknown type, NC056 (warning) for
        each field that means nothing for the type and is dropped, as by Caffe.
    """
    v0 = old.layer
    inner = node.find("layer")
    new = pb.V1LayerParameter()
    new.CopyFrom(old)
    new.ClearField("layer")
    new_node = node.with_children("layer", ())
    findings = []
    for descriptor, value in v0.ListFields():
        name = descriptor.name
        occurrences = inner.children.get(name, [])
        if name == "type":
            if value in _TYPES:
                new.type = getattr(pb.V1LayerParameter, _TYPES[value])
                new_node.children["type"] = occurrences
            else:
                findings.append(_unknown_type(v0, inner))
        elif name in _SAME:
            _assign(new, name, value)
            new_node.children[name] = occurrences
        else:
            home = ("transform_param", _TRANSFORM[name]) if name in _TRANSFORM else _HOMES.get(name, {}).get(v0.type)
            if home is None:
                findings.append(_misfit(name, v0, inner))
                continue
            _assign(getattr(new, home[0]), home[1], value)
            if occurrences:
                parents = new_node.children.setdefault(home[0], [inner.twin()])
                parents[0].children[home[1]] = occurrences
    return new, new_node, findings


def _assign(message: Any, name: str, value: Any) -> None:
    """Set a field of any kind; a scalar is appended where the new field is repeated."""
    target = getattr(message, name)
    if hasattr(target, "extend"):
        target.extend(value if hasattr(value, "__len__") else [value])
    elif hasattr(target, "CopyFrom"):
        target.CopyFrom(value)
    else:
        setattr(message, name, value)


def _unknown_type(v0: pb.V0LayerParameter, node: Node) -> Finding:
    hint, suggestion = did_you_mean(v0.type, _TYPES)
    return Finding(
        "NC060",
        f"unknown V0 layer type '{v0.type}'",
        place=node.find("type").best_place,
        layer=v0.name,
        hint=hint,
        suggestion=suggestion,
    )


def _misfit(name: str, v0: pb.V0LayerParameter, node: Node) -> Finding:
    return Finding(
        "NC056",
        f"'{name}' means nothing for V0 layers of type '{v0.type}' and is dropped",
        severity="warning",
        place=node.find(name).best_place,
        layer=v0.name,
    )
