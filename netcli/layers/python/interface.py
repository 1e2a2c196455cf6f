"""``caffe.Layer``: what a layer looks like to pycaffe's users, and the base of the layers that they write."""

from __future__ import annotations

from netcli.layers.python.blobs import BlobVec
from netcli.schema import caffe_pb2 as pb


class Layer:
    """One layer. A user's layer derives from it and defines::

        setup(self, bottom, top)                      once: checks, settings, self.blobs.add_blob(...)
        reshape(self, bottom, top)                    before each forward: top[i].reshape(...)
        forward(self, bottom, top)                    writes top[i].data
        backward(self, top, propagate_down, bottom)   writes bottom[i].diff where propagate_down[i] says so

    ``bottom`` and ``top`` are lists of blobs.

    Attributes:
        name, type: as in the prototxt.
        blobs: the parameters. Their gradients are added to, never overwritten.
        param_str: ``python_param.param_str``; ``param_str_`` is what pycaffe called it in 2014.
        phase: ``caffe.TRAIN`` or ``caffe.TEST``. Both are there from ``setup`` on, but not in ``__init__``.
    """

    param_str: str
    param_str_: str
    phase: int

    def __init__(self, param: pb.LayerParameter) -> None:
        self.name = param.name
        self.type = param.type
        self.blobs = BlobVec()
