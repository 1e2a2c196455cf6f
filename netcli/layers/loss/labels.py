"""Labels: whole numbers kept as floats, one for each item along an axis of the predictions."""

from __future__ import annotations

import math

import numpy as np

from netcli.errors import RunError
from netcli.layers.layer import Layer
from netcli.runtime.blob import Shape

NO_LABEL = -(2**62)
"""Stands for "no label is ignored" in kernels: no label can be equal to it."""


def check_label_count(layer: Layer, predictions: Shape, axis: int, labels: Shape) -> None:
    """Raises ConfigError NC125 unless there is one label for each item of ``predictions`` along ``axis``."""
    items = math.prod(predictions[:axis]) * math.prod(predictions[axis + 1 :])
    if items != math.prod(labels):
        raise layer.error(
            "NC125",
            "the number of labels must match the number of predictions",
            "bottom",
            1,
            expected=f"{items} labels for predictions {predictions} along axis {axis}",
            actual=f"{math.prod(labels)} in {labels}",
            hint="labels are (N) for predictions (N, classes), and (N, 1, H, W) for (N, classes, H, W)",
        )


def label_error(layer: Layer, labels: np.ndarray, item: int, classes: int) -> RunError:
    """The RunError NC150 for label number ``item`` of ``labels`` (flat), which is no class."""
    label = float(labels[item])
    if label == classes:
        hint = "labels start at 1? Caffe counts classes from 0"
    elif label < 0:
        hint = f"to leave such items out, say ignore_label: {label:g}"
    else:
        hint = "the predictions need one channel for each class: look at num_output of the layer that makes them"
    return layer.run_error(
        "NC150",
        "label out of range",
        expected=f"0 to {classes - 1}",
        actual=f"{label:g} (item {item} of the batch)",
        hint=hint,
    )
