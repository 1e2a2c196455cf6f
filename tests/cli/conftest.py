"""A data set and a net so small that every command runs on them in no time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from netcli.cli import main
from netcli.data.lmdb_writer import LmdbWriter

Run = Callable[..., Result]

NET = """
name: "Tiny"
layer {
  name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { scale: 0.00390625 }
  data_param { source: "train_lmdb" batch_size: 4 backend: LMDB }
}
layer {
  name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { scale: 0.00390625 }
  data_param { source: "test_lmdb" batch_size: 4 backend: LMDB }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } }
}
layer {
  name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""

SOLVER = """
net: "net.prototxt"
test_iter: 2
test_interval: 5
base_lr: 0.1
lr_policy: "fixed"
display: 5
max_iter: 10
random_seed: 7
"""


def write_lmdb(path: Path, items: int, *, first_label: int = 0) -> Path:
    """``items`` random images of 1 x 4 x 4 with labels ``first_label`` + 0, 1, 2, 0, ..."""
    pixels = np.random.default_rng(items).integers(0, 256, (items, 1, 4, 4)).astype(np.uint8)
    with LmdbWriter(path) as writer:
        for index, image in enumerate(pixels):
            writer.add(image, first_label + index % 3)
    return path


@pytest.fixture
def run() -> Run:
    """Calls the command line."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with solver.prototxt, net.prototxt, 12 training and 10 test images."""
    write_lmdb(tmp_path / "train_lmdb", 12)
    write_lmdb(tmp_path / "test_lmdb", 10)
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    monkeypatch.chdir(tmp_path)
    return tmp_path
