"""Layers in users' modules, of which the tests have a few in ``tests/data/python_layers``; and MemoryData."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from layer_case import Bottom, LayerCase

from netcli.layers.layer import Layer
from netcli.layers.source.memory_data import MemoryData

MODULES = Path(__file__).resolve().parents[1] / "data" / "python_layers"
if str(MODULES) not in sys.path:
    sys.path.append(str(MODULES))

_GAIN = """python_param { module: "pylearn" layer: "GainLayer" param_str: '{"gain": 2}' }"""

PYTHON = [
    LayerCase(
        "Python",
        "euclidean_loss",
        "oracle_python:euclidean_loss",
        'python_param { module: "pyloss" layer: "EuclideanLossLayer" }',
        bottoms=(Bottom((5, 7)), Bottom((5, 7))),
        in_place=False,
        allocates="the user's code makes arrays",
    ),
    LayerCase(
        "Python",
        "parameter",
        "oracle_python:gain",
        _GAIN,
        bottoms=(Bottom((2, 3, 5, 4)),),
        in_place=False,
        allocates="the user's code makes arrays",
    ),
]


def _hand_over(layer: Layer) -> None:
    """Item i is filled with i and has the label 10 i."""
    assert isinstance(layer, MemoryData)
    items = np.arange(6)
    layer.reset(np.broadcast_to(items.reshape(-1, 1, 1, 1), (6, 2, 4, 3)), 10 * items)


MEMORY_DATA = [
    LayerCase(
        "MemoryData",
        "first_batch",
        "oracle_python:memory_data",
        "memory_data_param { batch_size: 3 channels: 2 height: 4 width: 3 }",
        tops=2,
        prepare=_hand_over,
    )
]
