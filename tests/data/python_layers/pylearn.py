"""A layer with a parameter and settings, in the manner of pycaffe's users."""

import json

import caffe
import numpy as np


class GainLayer(caffe.Layer):
    """Multiplies every channel by a learned factor; may work in place where it need not learn."""

    def setup(self, bottom, top):
        settings = json.loads(self.param_str)
        self.blobs.add_blob(bottom[0].channels)
        self.blobs[0].data[...] = settings["gain"]
        self.passes = 0

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        self.passes += 1
        top[0].data[...] = bottom[0].data * self._factors(bottom[0])

    def backward(self, top, propagate_down, bottom):
        axes = tuple(i for i in range(len(bottom[0].shape)) if i != 1)
        self.blobs[0].diff[...] += np.sum(top[0].diff * bottom[0].data, axis=axes)
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff * self._factors(bottom[0])

    def _factors(self, blob):
        return self.blobs[0].data.reshape(1, -1, *[1] * (len(blob.shape) - 2))
