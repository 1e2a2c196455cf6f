"""SphereFace-20 as configs/sphereface has it: Caffe's values for one pass, and a few iterations of training."""

from __future__ import annotations

import json
import math
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from netcli.cli import main
from netcli.net import Net
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "sphereface"
RECORDED = Path(__file__).resolve().parents[1] / "data" / "nets"
INPUTS = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: {n} dim: 3 dim: 112 dim: 96 }} }} }}
layer {{ name: "label" type: "Input" top: "label" input_param {{ shape {{ dim: {n} }} }} }}
"""


def _net(items: int, classes: int, iteration: int, device: str) -> Net:
    """The net of the configs with inputs from outside, and lambda as after so many iterations."""
    generator = runpy.run_path(str(CONFIGS / "generate.py"))
    architecture = generator["Architecture"]("sphereface20", (1, 2, 4, 1), classes=classes)
    head = generator["margin_head"](architecture, f"{generator['PAPER_ANNEALING']} iteration: {iteration}")
    text = INPUTS.format(n=items) + "".join(generator["body"](architecture)) + head + "force_backward: true"
    return Net(NetSource.from_text(text, "sphereface20.prototxt"), pb.TRAIN, device=device)


def _follow_the_rule(net: Net, rule: dict[str, str], classes: int) -> None:
    """Weights, data and labels as the JSON beside the recorded values says."""
    assert rule["generator"] == "numpy.random.RandomState(1)"
    random = np.random.RandomState(1)
    for name, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            if name.startswith("relu"):
                blob.data[...] = 0.25
            else:
                size = math.sqrt(1.2 / math.prod(blob.shape[1:])) if index == 0 else 0.01
                blob.data[...] = random.standard_normal(blob.shape) * size
    net.blobs["data"].data[...] = random.uniform(-1, 1, net.blobs["data"].shape)
    net.blobs["label"].data[...] = random.randint(0, classes, net.blobs["label"].shape)


def _distances(net: Net, recorded: dict[str, np.ndarray]) -> Iterator[tuple[str, float]]:
    """Relative distance of every recorded gradient, whole or of its first 16 values."""
    for key, expected in recorded.items():
        kind, _, blob = key.partition("/")
        if kind == "diff_head":
            layer, _, index = blob.rpartition("/")
            found = net.params[layer][int(index)].diff.reshape(-1)[: expected.size]
            yield blob, float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-12))


def test_loss_features_and_gradients_are_caffes() -> None:
    compare_with_caffe("cpu", 1e-3)


def compare_with_caffe(device: str, tolerance: float) -> None:
    """One pass on ``device``; gradients within ``tolerance``, relative to the norm of each."""
    with np.load(RECORDED / "sphereface20.npz") as stored:
        recorded = dict(stored)
    classes = recorded["fc6"].shape[1]
    net = _net(len(recorded["label"]), classes, 300, device)
    _follow_the_rule(net, json.loads((RECORDED / "sphereface20.rule.json").read_text()), classes)
    np.testing.assert_array_equal(net.blobs["label"].data, recorded["label"])
    loss = net.forward()
    net.clear_param_diffs()
    net.backward()
    assert loss == pytest.approx(float(recorded["loss"]), rel=1e-4)
    for name in ("fc5", "fc6"):
        np.testing.assert_allclose(net.blobs[name].data, recorded[name], rtol=1e-3, atol=1e-4)
    distances = dict(_distances(net, recorded))
    assert len(distances) == sum(len(blobs) for blobs in net.params.values())
    assert max(distances.values()) < tolerance, max(distances, key=lambda blob: distances[blob])


def _write_faces(folder: Path) -> None:
    """16 images of 112 x 96, noise round a grey level of each of 4 identities, and their list."""
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(1)
    folder.mkdir()
    lines = []
    for index in range(16):
        image = np.clip(40 + 50 * (index % 4) + random.normal(0, 20, (112, 96, 3)), 0, 255).astype(np.uint8)
        assert cv2.imwrite(str(folder / f"{index}.png"), image)
        lines.append(f"{folder / f'{index}.png'} {index % 4}\n")
    (folder / "train.txt").write_text("".join(lines))


@pytest.mark.slow
def test_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five iterations at batch 8 of the config as it stands, all 10,572 classes included."""
    monkeypatch.chdir(tmp_path)
    _write_faces(tmp_path / "casia_webface")
    for name in ("sphereface20_model.prototxt", "sphereface20_solver.prototxt"):
        text = (CONFIGS / name).read_text()
        Path(name).write_text(text.replace("batch_size: 256", "batch_size: 8"))
    command = [
        "train",
        "sphereface20_solver.prototxt",
        "--max-iter",
        "5",
        "--set",
        "display=1",
        "--set",
        "base_lr=0.02",
    ]
    result = CliRunner().invoke(main, [*command, "--out", "run", "--seed", "1", "--plain"])
    assert result.exit_code == 0, result.stderr
    records = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    losses = [record["loss"] for record in records if record["event"] == "train"]
    assert losses[0] == pytest.approx(math.log(10572), abs=0.2)
    assert losses[-1] < losses[0] - 0.05
    lambdas = [record["lambda"]["fc6"] for record in records if record["event"] == "train"]
    assert lambdas[:5] == pytest.approx([1000 / (1 + 0.12 * n) for n in range(1, 6)])
