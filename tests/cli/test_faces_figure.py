"""``netcli faces figure``: what it finds in a run, what it draws, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from netcli.faces.planar_features import PlanarFeatures

Run = Callable[..., Result]

NET = """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
        transform_param { scale: 0.00390625 } data_param { source: "train_lmdb" batch_size: 4 backend: LMDB } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
        transform_param { scale: 0.00390625 } data_param { source: "test_lmdb" batch_size: 4 backend: LMDB } }
layer { name: "features" type: "InnerProduct" bottom: "data" top: "features"
        inner_product_param { num_output: DIMENSIONS weight_filler { type: "xavier" } } }
HEAD
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "scores" bottom: "label" top: "loss" }
"""
MARGIN = """
layer { name: "classes" type: "MarginInnerProduct" bottom: "features" bottom: "label" top: "scores" top: "lambda"
        margin_inner_product_param { num_output: 3 type: TRIPLE base: 10 gamma: 1 weight_filler { type: "xavier" } } }
"""
PLAIN = """
layer { name: "classes" type: "InnerProduct" bottom: "features" top: "scores"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
"""


def _train(run: Run, folder: Path, head: str = MARGIN, dimensions: str = "2") -> None:
    Path("planar.prototxt").write_text(
        'base_lr: 0.0001 lr_policy: "fixed" random_seed: 5 max_iter: 3 test_iter: 1 test_interval: 10 net_param {'
        + NET.replace("HEAD", head).replace("DIMENSIONS", dimensions)
        + "}"
    )
    result = run("train", "planar.prototxt", "--out", folder, "--plain")
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("tiny")
def test_a_picture_of_two_runs(run: Run) -> None:
    pytest.importorskip("matplotlib")
    _train(run, Path("margin"))
    _train(run, Path("plain"), PLAIN)
    result = run("faces", "figure", "margin", "plain", "--out", "f.png", "--items", 7, "--json")
    assert result.exit_code == 0, result.output
    assert Path("f.png").read_bytes().startswith(b"\x89PNG")
    shown = json.loads(result.stdout)
    margin, plain = shown["runs"]
    assert (shown["schema"], shown["figure"]) == (1, "f.png")
    assert (margin["iteration"], margin["margin"], margin["items"]) == (3, 3, 7)
    assert margin["lambda"] == pytest.approx(10 / 5), "that of iteration 3, the fourth pass"
    assert (plain["margin"], plain["lambda"]) == (1, 0)
    table = run("faces", "figure", "margin", "--out", "f.svg")
    assert table.stdout.splitlines()[0].split("\t") == ["run", "m", "lambda", "accuracy", "sector"]
    assert "<svg" in Path("f.svg").read_text()


@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_drawn(run: Run) -> None:
    pytest.importorskip("matplotlib")
    _train(run, Path("deep"), dimensions="3")
    result = run("faces", "figure", "deep")
    assert result.exit_code == 1
    assert "expected 2 dimensions, actual 3" in result.stderr
    assert "NC551" in result.stderr
    Path("empty").mkdir()
    assert "NC550" in run("faces", "figure", "empty").stderr
    assert "NC553" in run("faces", "figure", "deep", "--out", "figure.doc").stderr
    for weights in Path("deep").glob("*.caffemodel"):
        weights.unlink()
    assert "has no weights" in run("faces", "figure", "deep").stderr


def test_sectors_hold_nine_tenths_of_each_class() -> None:
    """A class that straddles the angle pi, and one whose features lie within 10 degrees of its middle."""
    offsets = np.radians(np.linspace(-10, 10, 201))
    angles = np.concatenate([np.pi + offsets, 0.5 + offsets])
    features = 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = PlanarFeatures(
        Path("run"), 1, 2, 0.0, features, np.repeat([0, 1], 201), np.array([[-2.0, 0.0], [1.0, 0.5]])
    )
    sectors = found.sectors()
    assert abs(sectors[0][0]) == pytest.approx(np.pi)
    assert sectors[1][0] == pytest.approx(0.5)
    assert [np.degrees(half) for _, half in sectors.values()] == pytest.approx([9, 9], abs=0.1)
    assert found.sector_width == pytest.approx(18, abs=0.2)
    assert found.accuracy == 1.0
