"""``netcli verify``: exact output for faces on a circle, a net instead of features, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from netcli.convert.caffemodel import write_weights
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob

Run = Callable[..., Result]

ANGLES = {"a/1": 0, "a/2": 0, "a/3": 120, "b/1": 180, "b/2": 180, "b/3": 300, "c/1": 90, "d/1": 270}
"""Name -> direction in degrees. The third images of a and b look much like somebody else's."""
PAIRS = """a/1 a/2 1 1
b/1 b/2 1 1
a/1 b/1 0 1
c/1 d/1 0 1
a/1 a/3 1 2
b/1 b/3 1 2
a/1 b/1 0 2
c/1 d/1 0 2
"""
DEPLOY = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 2 dim: 2 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
        inner_product_param { num_output: 3 bias_term: false } }
"""


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """f.npz with the faces of the circle and a third coordinate that all share, and pairs.txt, in two folds."""
    monkeypatch.chdir(tmp_path)
    radians = np.radians(list(ANGLES.values()))
    features = np.stack([np.cos(radians), np.sin(radians), np.ones(len(ANGLES))], axis=1).astype(np.float32)
    np.savez("f.npz", features=features, names=np.array(list(ANGLES)))
    Path("pairs.txt").write_text(PAIRS)
    return dict(zip(ANGLES, features, strict=True))


@pytest.mark.usefixtures("faces")
def test_the_tables(run: Run) -> None:
    """Within a fold the mean is that third coordinate alone, and the cosines are those of the angles.

    Fold 1 has 1, 1 and -1, -1; fold 2 has -0.5, -0.5 and -1, -1. So fold 1 is tested with -0.75 and all is right;
    fold 2 with 0, and both pairs of one person are wrong. Taken together all pairs of one person score higher.
    """
    result = run("verify", "pairs.txt", "f.npz")
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "fold\tpairs\taccuracy\tthreshold\n"
        "1\t4\t1.0000\t-0.7500\n"
        "2\t4\t0.5000\t0.0000\n"
        "\n"
        "measure\tvalue\tremark\n"
        "accuracy\t0.7500\tdeviation 0.3536 over the folds\n"
        "TPR at FPR 0.1\t1.0000\t0 of 4 taken for one\n"
        "TPR at FPR 0.01\t1.0000\t0 of 4 taken for one\n"
        "TPR at FPR 0.001\t1.0000\t0 of 4 taken for one\n"
        "TPR at FPR 0.0001\t1.0000\t0 of 4 taken for one\n"
        "equal error rate\t0.0000\t\n"
        f"angular Fisher score\t{_fisher():.4f}\tthe smaller, the better\n"
    )


def _fisher() -> float:
    """Two people of three images each, opposite to each other but for the third coordinate; c and d have one image.

    Their means are (0.5, +-0.2887, 1) up to sign, that of all is (0, 0, 1).
    """
    mean = np.array([0.5, 0.75**0.5 / 3, 1])
    cosines = [mean @ [1, 0, 1], mean @ [1, 0, 1], mean @ [-0.5, 0.75**0.5, 1]] / (np.linalg.norm(mean) * 2**0.5)
    within = 2 * (3 - sum(cosines))
    between = 6 * (1 - 1 / np.linalg.norm(mean))
    return float(within / between)


@pytest.mark.usefixtures("faces")
def test_the_same_as_json_and_as_a_picture(run: Run) -> None:
    pytest.importorskip("matplotlib")
    result = run("verify", "pairs.txt", "f.npz", "--json", "--plot", "roc.svg")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    histogram = found.pop("histogram")
    assert (sum(histogram["same"]), sum(histogram["different"]), len(histogram["edges"])) == (4, 4, 41)
    assert found.pop("folds") == [
        {"pairs": 4, "accuracy": 1.0, "threshold": pytest.approx(-0.75, abs=1e-6)},
        {"pairs": 4, "accuracy": 0.5, "threshold": pytest.approx(0, abs=1e-6)},
    ]
    assert found == {
        "schema": 1,
        "images": 8,
        "pairs": {"same": 4, "different": 4},
        "accuracy": {
            "mean": 0.75, "deviation": pytest.approx(0.125**0.5), "standard_error": pytest.approx(0.25),
        },
        "eer": 0.0,
        "tpr_at_fpr": [{"fpr": rate, "tpr": 1.0, "false_positives": 0} for rate in (0.1, 0.01, 0.001, 0.0001)],
        "angular_fisher_score": pytest.approx(_fisher()),
        "roc": {"fpr": [0.0, 0.0, 1.0], "tpr": [0.0, 1.0, 1.0]},
    }  # fmt: skip
    assert "<svg" in Path("roc.svg").read_text()


def test_a_net_in_place_of_features(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2 = pytest.importorskip("cv2")
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(1)
    for name in ANGLES:
        path = Path("faces", f"{name}.pgm")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), generator.integers(0, 256, (2, 2)).astype(np.uint8))
    Path("pairs.txt").write_text("".join(
        " ".join([f"{one}.pgm", f"{other}.pgm", *rest]) + "\n"
        for one, other, *rest in map(str.split, PAIRS.splitlines())
    ))  # fmt: skip
    Path("all.txt").write_text("".join(f"{name}.pgm 0\n" for name in ANGLES))
    Path("deploy.prototxt").write_text(DEPLOY)
    layer = pb.LayerParameter(name="ip", type="InnerProduct")
    layer.blobs.append(array_to_blob(generator.normal(size=(3, 4)).astype("f4")))
    write_weights(pb.NetParameter(layer=[layer]), "w.caffemodel")
    options = ("--weights", "w.caffemodel", "--root", "faces", "--mean", 127.5, "--scale", 0.5, "--flip")
    extracted = run("extract", "deploy.prototxt", "--source", "all.txt", *options, "--out", "f.npz")
    assert extracted.exit_code == 0, extracted.output
    by_features = json.loads(run("verify", "pairs.txt", "f.npz", "--json").stdout)
    by_net = run("verify", "pairs.txt", "deploy.prototxt", *options, "--json")
    assert by_net.exit_code == 0, by_net.output
    assert json.loads(by_net.stdout) == by_features
    Path("faces/b/3.pgm").unlink()
    missing = run("verify", "pairs.txt", "deploy.prototxt", *options)
    assert "image 'faces/b/3.pgm' (line 6 of 'pairs.txt') cannot be read" in missing.stderr


@pytest.mark.usefixtures("faces")
def test_what_cannot_be_verified(run: Run) -> None:
    Path("strangers.txt").write_text(PAIRS.replace("c/1 d/1 0 2", "c/1 zoe/1 0 2"))
    unknown = run("verify", "strangers.txt", "f.npz")
    assert unknown.exit_code == 1
    assert unknown.stderr == "error: strangers.txt:8:1: there are no features of 'zoe' [NC560]\n"
    assert "no file of features (.npz, .h5); a net needs --weights" in run("verify", "pairs.txt", "d.prototxt").stderr
    assert run("verify", "pairs.txt", "d.prototxt").exit_code == 2
    assert "are for a net, which needs --weights" in run("verify", "pairs.txt", "f.npz", "--flip").stderr
    assert "[NC460]" in run("verify", "gone.txt", "f.npz").stderr
    assert "[NC460]" in run("verify", "pairs.txt", "gone.npz").stderr
    assert "[NC553]" in run("verify", "pairs.txt", "f.npz", "--plot", "roc.doc").stderr
    Path("broken.npz").write_bytes(Path("f.npz").read_bytes()[:100])
    np.savez("other.npz", weights=np.ones((2, 2)))
    np.savez("short.npz", features=np.ones((2, 2), "f4"), names=np.array(["a"]))
    for name, said in (
        ("broken.npz", "cannot be read as features"),
        ("other.npz", "expected arrays 'features' and 'names', actual weights"),
        ("short.npz", "no row for each name, expected 1 rows of numbers, actual 2 x 2 of float32"),
    ):
        result = run("verify", "pairs.txt", name)
        assert result.exit_code == 1
        assert "[NC558]" in result.stderr
        assert said in result.stderr
