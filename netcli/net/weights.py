"""Weights into a net and out of it, layer by layer and by name, as Caffe does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netcli.errors import RunError, did_you_mean
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob, blob_shape, blob_to_array, same_shape

if TYPE_CHECKING:
    from netcli.net.net import Net


@dataclass
class LoadReport:
    """What became of each layer when weights were loaded."""

    source: str
    loaded: list[str] = field(default_factory=list)
    not_in_file: list[str] = field(default_factory=list)
    not_in_net: list[str] = field(default_factory=list)


def load_weights(net: Net, stored: pb.NetParameter, source: str) -> LoadReport:
    """Copies the blobs of every stored layer into the layer of the same name.

    Args:
        stored: a net with blobs, modern or upgraded.
        source: the file's name, for messages.

    Raises:
        RunError: NC452 if a layer has another number of blobs, NC453 if a blob has another shape, NC454 if
            no layer of the file has the name of a layer with parameters.
    """
    report = LoadReport(source)
    named = {layer.name: layer for layer in stored.layer}
    for name, params in net.params.items():
        layer = named.get(name)
        if layer is None or not layer.blobs:
            report.not_in_file.append(name)
            continue
        if len(layer.blobs) != len(params):
            raise _mismatch(
                net, "NC452", "the stored layer has another number of blobs", name, source, len(params),
                len(layer.blobs),
            )  # fmt: skip
        for index, (param, blob) in enumerate(zip(params, layer.blobs, strict=True)):
            if not same_shape(blob, param.shape):
                raise _mismatch(
                    net, "NC453", f"stored blob {index} has another shape", name, source, param.shape, blob_shape(blob)
                )  # fmt: skip
            param.values.write(PLAIN)[...] = blob_to_array(blob).reshape(param.shape)
        report.loaded.append(name)
    report.not_in_net = [layer.name for layer in stored.layer if layer.blobs and layer.name not in net.params]
    if net.params and not report.loaded:
        hint, _ = did_you_mean(next(iter(net.params)), report.not_in_net)
        raise RunError.of(
            "NC454",
            f"no layer of {source} has the name of a layer of this net",
            expected=_some(net.params),
            actual=_some(report.not_in_net) or "no blobs at all",
            hint=hint or "weights are matched by layer name",
        )
    return report


def stored_net(net: Net, *, write_diff: bool = False) -> pb.NetParameter:
    """The net as a message with its weights (and gradients): what a .caffemodel holds."""
    message = pb.NetParameter(name=net.name)
    for step in net.graph.steps:
        layer = message.layer.add()
        layer.CopyFrom(step.layer.param)
        del layer.blobs[:]
        for param in net.params.get(step.name, ()):
            diff = param.gradients.read(PLAIN) if write_diff else None
            layer.blobs.append(array_to_blob(param.values.read(PLAIN), diff))
    return message


def _mismatch(net: Net, code: str, what: str, layer: str, source: str, expected: object, actual: object) -> RunError:
    return RunError.of(
        code,
        what,
        place=net.layer(layer).source.place(),
        layer=layer,
        layer_type=net.layer(layer).type_name,
        expected=expected,
        actual=f"{actual} in {source}",
        hint="rename the layer to start it afresh",
    )


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
