"""Small nets as prototxt, and what the tests of the pycaffe face do with them again and again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import netcli.pycaffe as caffe

BODY = """
layer {
  name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param {
    num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.1 }
  }
}
layer {
  name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 }
}
layer {
  name: "ip1" type: "InnerProduct" bottom: "pool1" top: "ip1"
  param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } }
}
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
layer {
  name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.5 } }
}
"""

SHAPE = (5, 2, 8, 8)
CLASSES = 3

DEPLOY = (
    """
name: "Small"
force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 5 dim: 2 dim: 8 dim: 8 } } }
"""
    + BODY
    + """
layer { name: "prob" type: "Softmax" bottom: "ip2" top: "prob" }
"""
)

TRAIN_TEST = (
    """
name: "SmallTraining"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 5 dim: 2 dim: 8 dim: 8 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 5 } } }
"""
    + BODY
    + """
layer {
  name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy"
  include { phase: TEST }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""
)

SOLVER = """
net: "train_test.prototxt"
test_iter: 1
test_interval: 1000
test_initialization: false
base_lr: 0.1
momentum: 0.9
weight_decay: 0.001
lr_policy: "fixed"
max_iter: 12
random_seed: 3
snapshot: 0
snapshot_prefix: "small"
"""


def write(folder: Path, name: str, text: str) -> str:
    """Writes ``text`` as ``folder/name`` and returns the path as pycaffe code has it."""
    path = folder / name
    path.write_text(text)
    return str(path)


def image_batch(seed: int) -> np.ndarray:
    """A batch of ``SHAPE``, the same for the same seed."""
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def label_batch(seed: int) -> np.ndarray:
    """Labels for ``image_batch``."""
    return np.random.default_rng(seed).integers(0, CLASSES, SHAPE[0]).astype(np.float32)


def copy_params(source: caffe.Net, target: caffe.Net) -> None:
    """Gives ``target`` the parameters of ``source``, which has the same layers."""
    for name, blobs in source.params.items():
        for mine, theirs in zip(target.params[name], blobs, strict=True):
            mine.data[...] = theirs.data
