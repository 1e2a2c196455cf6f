"""Shapes that a prototxt declares: ``shape { dim: 64 dim: 1 dim: 28 dim: 28 }``."""

from __future__ import annotations

from netcli.layers.layer import Layer
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb


def declared_shape(layer: Layer, message: pb.BlobShape, *where: str | int) -> Shape:
    """The shape in ``message``, which stands at ``where``. Raises ConfigError NC121 for a dimension below 1."""
    for index, size in enumerate(message.dim):
        if size < 1:
            raise layer.error(
                "NC121", "a dimension is out of range", *where, "dim", index, expected="at least 1", actual=size
            )
    return tuple(message.dim)


def part_of_batch(layer: Layer, shape: Shape) -> Shape:
    """Of a divided batch this process's part of ``shape``; all of it where its first axis cannot be the batch."""
    share = layer.context.share
    return (share.part(shape[0]), *shape[1:]) if is_batch(layer, shape) else shape


def is_batch(layer: Layer, shape: Shape) -> bool:
    """Whether the first axis of a declared ``shape`` can be cut where the data layers' batches are cut."""
    return bool(shape) and shape[0] % layer.context.share.declared == 0


def one_for_each_top(layer: Layer, given: int, *where: str, least: int = 1) -> None:
    """Raises ConfigError NC120 or NC121 unless ``given`` values at ``where`` serve all tops or one top each."""
    tops = len(layer.param.top)
    if given in (least, 1, tops):
        return
    raise layer.error(
        "NC121" if given else "NC120",
        f"wrong number of {where[-1]} values" if given else f"{'.'.join(where)} is missing",
        *where,
        expected=f"1 for all tops, or {tops}" if tops > 1 else "1",
        actual=given,
    )
