"""``netcli extract``: the right numbers under the right names, from every kind of set, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from netcli.convert.caffemodel import read_weights, write_weights
from netcli.data.lmdb_source import LmdbSource
from netcli.extraction.feature_file import read_features
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob

Run = Callable[..., Result]
WEIGHTS = "w.caffemodel"
SCALE = 0.00390625

IMAGES = """
layer { name: "data" type: "ImageData" top: "data" top: "label"
        transform_param { mean_value: 100 scale: 0.5 mirror: true }
        image_data_param { source: "list.txt" batch_size: 2 shuffle: true rand_skip: 3 } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
DEPLOY = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
"""


def _write_weights(inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """A file for the layer ip: weights (3, inputs) and bias (3,)."""
    generator = np.random.default_rng(5)
    weights, bias = generator.normal(size=(3, inputs)).astype("f4"), generator.normal(size=3).astype("f4")
    layer = pb.LayerParameter(name="ip", type="InnerProduct")
    layer.blobs.extend([array_to_blob(weights), array_to_blob(bias)])
    write_weights(pb.NetParameter(layer=[layer]), WEIGHTS)
    return weights, bias


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """(5, 3, 4, 4) uint8 in "a b/0.png" and so on, with labels 4 to 0 in list.txt, in the working directory."""
    cv2 = pytest.importorskip("cv2")
    pixels = np.random.default_rng(2).integers(0, 256, (5, 3, 4, 4)).astype(np.uint8)
    (tmp_path / "a b").mkdir()
    for index, image in enumerate(pixels):
        cv2.imwrite(str(tmp_path / "a b" / f"{index}.png"), image.transpose(1, 2, 0))
    (tmp_path / "list.txt").write_text("".join(f"a b/{i}.png {4 - i}\n" for i in range(5)))
    (tmp_path / "net.prototxt").write_text(IMAGES)
    (tmp_path / "deploy.prototxt").write_text(DEPLOY)
    monkeypatch.chdir(tmp_path)
    return pixels


def _expected(inputs: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return inputs.reshape(len(inputs), -1).astype("f8") @ weights.T + bias


@pytest.mark.usefixtures("tiny")
def test_features_of_an_lmdb_have_its_keys_and_labels(run: Run) -> None:
    """From the first item on, whatever the layer would skip in training."""
    weights, bias = _write_weights(16)
    Path("net.prototxt").write_text(Path("net.prototxt").read_text().replace("batch_size", "rand_skip: 9 batch_size"))
    result = run("extract", "solver.prototxt", "--weights", WEIGHTS, "--blob", "ip", "--batch", 4, "--out", "f.npz")
    assert result.exit_code == 0, result.output
    assert result.stdout == "f.npz: 10 x 3 from 'ip', with labels\n"
    with LmdbSource("test_lmdb") as source:
        stored = [source.datum(index) for index in range(10)]
    found = read_features(Path("f.npz"))
    assert found.names == [key for key, _ in stored]
    assert found.labels is not None
    assert found.labels.tolist() == [item.label for _, item in stored]
    pixels = np.stack([item.pixels for _, item in stored])
    np.testing.assert_allclose(found.values, _expected(pixels * SCALE, weights, bias), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("out", ["f.npz", "f.h5"])
def test_a_list_is_read_in_its_own_order_and_mirrored_on_request(out: str, run: Run, pictures: np.ndarray) -> None:
    if out.endswith("h5"):
        pytest.importorskip("h5py")
    weights, bias = _write_weights(48)
    result = run("extract", "net.prototxt", "--weights", WEIGHTS, "--blob", "ip", "--flip", "--batch", 3, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}: 5 x 6 from 'ip', with the mirrored, with labels\n"
    found = read_features(Path(out))
    assert found.names == [f"a b/{i}.png" for i in range(5)]
    assert found.labels is not None
    assert found.labels.tolist() == [4, 3, 2, 1, 0]
    inputs = (pictures.astype("f8") - 100) * 0.5
    parts = [_expected(images, weights, bias) for images in (inputs, inputs[..., ::-1])]
    expected = np.maximum(np.concatenate(parts, axis=1), 0)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-3)
    assert found.values.dtype == np.float32
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


def test_a_deploy_net_reads_what_it_is_given(run: Run, pictures: np.ndarray) -> None:
    weights, bias = _write_weights(48)
    Path("unlabelled.txt").write_text("1.png\n3.png\n")
    arguments = ("extract", "deploy.prototxt", "--weights", WEIGHTS, "--source", "unlabelled.txt", "--root", "a b")
    raw = run(*arguments, "--out", "raw.npz")
    assert "pixels go in as they are, 0 to 255" in raw.stderr
    result = run(*arguments, "--mean", "10,20,30", "--scale", "0.25", "--out", "f.npz", "--json")
    assert "as they are" not in result.stderr
    assert json.loads(result.stdout) == {
        "schema": 1, "features": "f.npz", "shape": [2, 3], "blob": "ip", "flip": False, "labels": False,
    }  # fmt: skip
    images = pictures[[1, 3]].astype("f8")
    for name, inputs in (("raw", images), ("f", (images - np.array([10, 20, 30])[:, None, None]) * 0.25)):
        found = read_features(Path(f"{name}.npz"))
        assert (found.names, found.labels) == (["1.png", "3.png"], None)
        np.testing.assert_allclose(found.values, _expected(inputs, weights, bias), rtol=1e-4, atol=1e-3)


def test_images_are_resized_to_what_the_net_takes(run: Run, pictures: np.ndarray) -> None:
    _write_weights(12)
    Path("deploy.prototxt").write_text(DEPLOY.replace("dim: 4 dim: 4", "dim: 2 dim: 2"))
    arguments = ("extract", "deploy.prototxt", "--weights", WEIGHTS, "--source", "list.txt", "--out", "f.npz", "-q")
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert read_features(Path("f.npz")).values.shape == (5, 3)
    assert run(*arguments, "--blob", "data").exit_code == 0
    halved = pictures.astype("f8").reshape(5, 3, 2, 2, 2, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(read_features(Path("f.npz")).values, halved, atol=0.51)


def test_a_training_net_with_other_images_keeps_its_transform(run: Run, pictures: np.ndarray) -> None:
    weights, bias = _write_weights(48)
    assert run("data", "make", "list.txt", "db").exit_code == 0
    Path("net.prototxt").write_text(IMAGES.replace('top: "label"', 'top: "label" include { phase: TRAIN }', 1))
    result = run("extract", "net.prototxt", "--weights", WEIGHTS, "--blob", "ip", "--source", "db", "--out", "f.npz")
    assert result.exit_code == 0, result.output
    found = read_features(Path("f.npz"))
    assert found.names == [f"{i:08d}_a b/{i}.png" for i in range(5)]
    expected = np.maximum(_expected((pictures.astype("f8") - 100) * 0.5, weights, bias), 0)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-3)


def test_a_mean_takes_the_place_of_a_mean_file(run: Run, pictures: np.ndarray) -> None:
    weights, bias = _write_weights(48)
    np.save("mean.npy", pictures.mean(axis=0, dtype="f4"))
    Path("net.prototxt").write_text(IMAGES.replace("mean_value: 100", 'mean_file: "mean.npy"'))
    arguments = ("extract", "net.prototxt", "--weights", WEIGHTS, "--blob", "ip", "--out", "f.npz")
    for options, mean in (((), pictures.mean(axis=0)), (("--mean", 9), 9)):
        result = run(*arguments, *options)
        assert result.exit_code == 0, result.output
        expected = np.maximum(_expected((pictures.astype("f8") - mean) * 0.5, weights, bias), 0)
        np.testing.assert_allclose(read_features(Path("f.npz")).values, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.usefixtures("pictures")
def test_what_cannot_be_extracted(run: Run) -> None:
    _write_weights(48)
    for file, options, code, said in (
        ("deploy.prototxt", (), "NC556", "pass --source"),
        ("deploy.prototxt", ("--blob", "fc5"), "NC554", "no blob 'fc5', expected one of data, ip"),
        ("net.prototxt", (), "NC554", "pass --blob with one of data, label, ip, loss"),
        ("net.prototxt", ("--blob", "loss"), "NC555", "no row for each item"),
        ("net.prototxt", ("--blob", "ip", "--source", "gone.txt"), "NC460", "gone.txt"),
    ):
        result = run("extract", file, "--weights", WEIGHTS, "--out", "f.npz", *options)
        assert result.exit_code in (1, 3), result.output
        assert f"[{code}]" in result.stderr
        assert said in result.stderr
    assert "[NC557]" in run("extract", "net.prototxt", "--weights", WEIGHTS, "--out", "f.csv").stderr
    assert (
        "not a number" in run("extract", "net.prototxt", "--weights", WEIGHTS, "--out", "f.npz", "--mean", "x").stderr
    )
    assert not Path("f.npz").exists()


@pytest.mark.usefixtures("pictures")
def test_a_missing_image_leaves_nothing_behind(run: Run) -> None:
    _write_weights(48)
    Path("a b/4.png").unlink()
    Path("f.npz").write_text("before")
    result = run("extract", "net.prototxt", "--weights", WEIGHTS, "--blob", "ip", "--out", "f.npz")
    assert result.exit_code == 1
    assert "'a b/4.png' (line 5 of 'list.txt') cannot be read" in result.stderr
    assert Path("f.npz").read_text() == "before"
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("tiny")
def test_a_margin_layer_tells_which_blob_holds_the_features(run: Run) -> None:
    Path("net.prototxt").write_text(
        Path("net.prototxt").read_text().split('layer { name: "loss"')[0]
        + 'layer { name: "fc6" type: "MarginInnerProduct" bottom: "ip" bottom: "label" top: "fc6"'
        " margin_inner_product_param { num_output: 3 } }"
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc6" bottom: "label" top: "loss" }'
    )
    _write_weights(16)
    result = run("extract", "net.prototxt", "--weights", WEIGHTS, "--out", "f.npz")
    assert "10 x 3 from 'ip'" in result.stdout
    assert read_weights(WEIGHTS).layer[0].name == "ip"


def test_rows_of_hdf5_have_numbers_for_names(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(3).normal(size=(5, 16)).astype("f4")
    with h5py.File("rows.h5", "w") as file:
        file["data"], file["label"] = rows, np.arange(5, 10, dtype="f4")
    Path("files.txt").write_text("rows.h5\n")
    Path("net.prototxt").write_text(
        'layer { name: "data" type: "HDF5Data" top: "data" top: "label"'
        ' hdf5_data_param { source: "files.txt" batch_size: 2 shuffle: true } }'
        'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }'
    )
    weights, bias = _write_weights(16)
    result = run("extract", "net.prototxt", "--weights", WEIGHTS, "--blob", "ip", "--batch", 2, "--out", "f.npz")
    assert result.exit_code == 0, result.output
    found = read_features(Path("f.npz"))
    assert found.names == ["0", "1", "2", "3", "4"]
    assert found.labels is not None
    assert found.labels.tolist() == [5, 6, 7, 8, 9]
    np.testing.assert_allclose(found.values, _expected(rows, weights, bias), rtol=1e-4, atol=1e-4)
    flipped = run("extract", "net.prototxt", "--weights", WEIGHTS, "--blob", "ip", "--flip", "--out", "f.npz")
    assert "only images can be mirrored, expected channels x height x width, actual 16 [NC567]" in flipped.stderr


@pytest.mark.usefixtures("pictures")
def test_a_blob_of_two_sets_belongs_to_no_item(run: Run) -> None:
    _write_weights(48)
    second = DEPLOY.replace('"data"', '"other"').split("layer", 2)[1]
    Path("two.prototxt").write_text(
        f'{DEPLOY} layer {second} layer {{ name: "both" type: "Concat" bottom: "data" bottom: "other" top: "both" }}'
    )
    result = run("extract", "two.prototxt", "--weights", WEIGHTS, "--blob", "both", "--source", "list.txt",
                 "--out", "f.npz")  # fmt: skip
    assert result.exit_code == 3
    assert "'both' does not come from one set of data" in result.stderr
    assert "actual data (Input), other (Input) [NC556]" in result.stderr


@pytest.mark.usefixtures("pictures")
def test_an_lmdb_of_other_shapes_than_the_net_takes(run: Run) -> None:
    _write_weights(48)
    assert run("data", "make", "list.txt", "db", "--gray").exit_code == 0
    result = run("extract", "deploy.prototxt", "--weights", WEIGHTS, "--source", "db", "--out", "f.npz")
    assert result.exit_code == 1
    assert "expected (3, 4, 4), actual (1, 4, 4) [NC132]" in result.stderr
