"""The batch size of a net: where it stands in the message, and how to change it."""

from __future__ import annotations

from netcli.net.graph import Graph
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb

_BATCHED = ("data_param", "image_data_param", "hdf5_data_param", "window_data_param", "memory_data_param")
_SHAPED = ("input_param", "dummy_data_param")


def batch_size_of(graph: Graph) -> int:
    """The first dimension of the first blob; 1 for a net that has none."""
    shape = next(iter(graph.shapes.values()), ())
    return shape[0] if shape else 1


def with_batch_size(source: NetSource, batch: int) -> NetSource:
    """A copy of ``source`` whose data layers give ``batch`` items at a time."""
    param = pb.NetParameter()
    param.CopyFrom(source.param)
    for layer in param.layer:
        for field in _BATCHED:
            if layer.HasField(field):
                getattr(layer, field).batch_size = batch
        for field in _SHAPED:
            if layer.HasField(field):
                for shape in getattr(layer, field).shape:
                    if shape.dim:
                        shape.dim[0] = batch
        if layer.dummy_data_param.num:
            layer.dummy_data_param.num[:] = [batch] * len(layer.dummy_data_param.num)
    return NetSource(param, source.node, source.file, source.notices)
