"""``from netcli.pycaffe.proto import caffe_pb2``: Caffe's messages, where pycaffe has them."""

from netcli.schema import caffe_pb2

__all__ = ["caffe_pb2"]
