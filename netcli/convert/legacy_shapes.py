"""Shapes of four axes, which blobs had before Caffe let them have any number, in the form that they have today."""

from __future__ import annotations

from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import blob_shape, is_legacy

_WINDOWED = ("Convolution", "ConvolutionDepthwise", "Deconvolution", "DepthwiseConvolution")
_LEGACY_FIELDS = ("num", "channels", "height", "width")


def with_modern_shapes(message: pb.NetParameter) -> pb.NetParameter:
    """A copy of a net in which blobs with the old fields num, channels, height and width have a shape.

    Formats that keep shapes as they are would not tell (1, 1, 10, 20) from a blob of four axes. Of layers whose
    type is not known, blobs keep their four axes.
    """
    if not any(is_legacy(blob) for layer in message.layer for blob in layer.blobs):
        return message
    modern = pb.NetParameter()
    modern.CopyFrom(message)
    for layer in modern.layer:
        for index, blob in enumerate(layer.blobs):
            if is_legacy(blob):
                axes = _axes(layer.type, index)
                shape = blob_shape(blob)
                while len(shape) > axes and shape[0] == 1:
                    shape = shape[1:]
                for name in _LEGACY_FIELDS:
                    blob.ClearField(name)
                blob.shape.dim.extend(shape)
    return modern


def _axes(layer_type: str, index: int) -> int:
    """The least number of axes that the blob has in today's layers."""
    if not layer_type or (layer_type in _WINDOWED and index == 0):
        return 4
    if layer_type in ("InnerProduct", "Embed") and index == 0:
        return 2
    return 1
