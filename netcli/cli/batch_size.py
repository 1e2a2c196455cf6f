"""A net with another batch size."""

from __future__ import annotations

from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb

_BATCHED = ("data_param", "image_data_param", "hdf5_data_param", "window_data_param", "memory_data_param")
_SHAPED = ("input_param", "dummy_data_param")


def with_batch_size(source: NetSource, batch: int) -> NetSource:
    """A copy of ``source`` whose data layers give ``batch`` items at a time.

    Beside layers that read items, inputs and fillers count items only if they have as many as those.
    """
    param = pb.NetParameter()
    param.CopyFrom(source.param)
    before = set()
    for layer in param.layer:
        for field in _BATCHED:
            if layer.HasField(field):
                settings = getattr(layer, field)
                before.add(settings.batch_size)
                settings.batch_size = batch
    for layer in param.layer:
        for field in _SHAPED:
            if layer.HasField(field):
                for shape in getattr(layer, field).shape:
                    if shape.dim and (not before or shape.dim[0] in before):
                        shape.dim[0] = batch
        numbers = layer.dummy_data_param.num
        if numbers:
            numbers[:] = [batch if not before or number in before else number for number in numbers]
    return NetSource(param, source.node, source.file, source.notices)
