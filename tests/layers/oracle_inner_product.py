"""InnerProduct from its equation, one output at a time; float64."""

from __future__ import annotations

import math

import numpy as np

from netcli.schema import caffe_pb2 as pb


def inner_product(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """y[m, k] = b[k] + sum over d of w[k, d] x[m, d]."""
    settings, bottom = param.inner_product_param, bottoms[0]
    axis = settings.axis % bottom.ndim
    x = bottom.reshape(math.prod(bottom.shape[:axis]), -1)
    y = np.zeros((x.shape[0], settings.num_output))
    for m, k in np.ndindex(*y.shape):
        row = params[0][:, k] if settings.transpose else params[0][k]
        row = row / math.sqrt(sum(w * w for w in row)) if settings.normalize else row
        y[m, k] = sum(w * value for w, value in zip(row, x[m], strict=True))
        if settings.bias_term:
            y[m, k] += params[1][k]
    return [y.reshape(*bottom.shape[:axis], settings.num_output)]
