"""``from netcli.pycaffe.proto import caffe_pb2``: Caffe's messages, where pycaffe has them."""

import sys

from netcli.schema import caffe_pb2

__all__ = ["caffe_pb2"]

# So that `import caffe.proto.caffe_pb2` finds it as well: there is no file of that name here.
sys.modules[f"{__name__}.caffe_pb2"] = caffe_pb2
