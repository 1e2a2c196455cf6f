"""``netcli test``, item by item: predictions, classes, confusions, top-k, the worst images."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest

from netcli.cli.classifying import Classified, roles_of
from netcli.convert.caffemodel import write_weights
from netcli.data.layer_files import LayerFiles
from netcli.data.lmdb_writer import LmdbWriter
from netcli.data.mean_image import write_mean
from netcli.data.restored_pixels import restored_pixels
from netcli.net.net import Net
from netcli.prototxt import NetSource
from netcli.report.class_table import class_rows, confusion_matrix
from netcli.report.confusion_figure import confusion_figure
from netcli.report.contact_sheet import Cell, contact_sheet
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob

SCORES = [(3, 1, 0), (0, 2, 1), (2, 2, 0), (1, 0, 4), (5, 0, 0)]
LABELS = [0, 2, 1, 2, 1]
"""Right; second; second, in a tie; right; badly wrong."""

NET = """
layer {
  name: "data" type: "Data" top: "data" top: "label"
  data_param { source: "set_lmdb" batch_size: 2 backend: LMDB }
}
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


@pytest.fixture
def classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a net that gives the three channels of its only pixel for scores."""
    monkeypatch.chdir(tmp_path)
    with LmdbWriter(Path("set_lmdb")) as writer:
        for scores, label in zip(SCORES, LABELS, strict=True):
            writer.add(np.array(scores, np.uint8).reshape(3, 1, 1), label)
    Path("net.prototxt").write_text(NET)
    weights = pb.NetParameter()
    layer = weights.layer.add(name="ip", type="InnerProduct")
    layer.blobs.add().CopyFrom(array_to_blob(np.eye(3, dtype=np.float32)))
    layer.blobs.add().CopyFrom(array_to_blob(np.zeros(3, np.float32)))
    write_weights(weights, "w.caffemodel")
    return tmp_path


def _test(run: Any, *arguments: object) -> Any:
    return run("test", "net.prototxt", "--weights", "w.caffemodel", "-q", *arguments)


def _probabilities() -> np.ndarray:
    exponents = np.exp(np.array(SCORES, float))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))


def test_what_is_printed(classifier: Path, run: Any) -> None:
    result = _test(run, "--topk", 1, "--topk", 2, "--topk", 3, "--per-class")
    loss = -np.log(_probabilities()[range(5), LABELS]).mean()
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout == (
        "output\tmean\n"
        "accuracy\t0.4000\n"
        f"loss\t{loss:.4f}\n"
        "top-1 of ip\t0.4000\n"
        "top-2 of ip\t0.8000\n"
        "top-3 of ip\t1.0000\n"
        "\n"
        "class\timages\tright\taccuracy\tprecision\tmostly taken for\n"
        "0\t1\t1\t1.0000\t0.3333\t\n"
        "1\t2\t0\t0.0000\t0.0000\t0 (2 of 2)\n"
        "2\t2\t1\t0.5000\t1.0000\t1 (1 of 2)\n"
    )


def test_json(classifier: Path, run: Any) -> None:
    plain = json.loads(_test(run, "--json").stdout)
    found = json.loads(_test(run, "--json", "--topk", 2, "--per-class").stdout)
    assert set(found) - set(plain) == {"scores", "topk", "classes"}
    assert (found["scores"], found["topk"]) == ("ip", {"2": 0.8})
    assert found["classes"][2] == {
        "label": 2, "images": 2, "right": 1, "accuracy": 0.5, "precision": 1.0, "taken_for": {"label": 1, "images": 1},
    }  # fmt: skip


def test_predictions(classifier: Path, run: Any) -> None:
    assert _test(run, "--predictions", "p.csv").exit_code == 0
    p = _probabilities()
    assert Path("p.csv").read_text() == (
        "item,label,predicted,probability,label_probability\n"
        f"00000000,0,0,{p[0, 0]:.6g},{p[0, 0]:.6g}\n"
        f"00000001,2,1,{p[1, 1]:.6g},{p[1, 2]:.6g}\n"
        f"00000002,1,0,{p[2, 0]:.6g},{p[2, 1]:.6g}\n"
        f"00000003,2,2,{p[3, 2]:.6g},{p[3, 2]:.6g}\n"
        f"00000004,1,0,{p[4, 0]:.6g},{p[4, 1]:.6g}\n"
    )


def test_items_that_are_skipped_are_not_predicted(classifier: Path, run: Any) -> None:
    with lmdb.open("set_lmdb", map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"00000001", b"\xff garbage")
    found = json.loads(_test(run, "--skip-bad", "--predictions", "p.csv", "--topk", 1, "--json").stdout)
    rows = Path("p.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["00000000", "00000002", "00000003", "00000004"]
    assert found["topk"] == {"1": 0.5}


def test_images_are_called_by_their_paths(classifier: Path, run: Any) -> None:
    cv2 = pytest.importorskip("cv2")
    lines = []
    for item, (scores, label) in enumerate(zip(SCORES, LABELS, strict=True)):
        cv2.imwrite(f"a, {item}.png", np.array(scores, np.uint8).reshape(1, 1, 3))
        lines.append(f"a, {item}.png {label}\n")
    Path("list.txt").write_text("".join(lines))
    net = Path("net.prototxt")
    text = net.read_text().replace('type: "Data"', 'type: "ImageData"')
    net.write_text(
        text.replace(
            'data_param { source: "set_lmdb" batch_size: 2 backend: LMDB }',
            'image_data_param { source: "list.txt" batch_size: 2 new_height: 1 new_width: 1 }',
        )
    )
    assert _test(run, "--predictions", "p.csv").exit_code == 0
    assert Path("p.csv").read_text().splitlines()[2].startswith('"a, 1.png",2,1,')


def test_images_of_any_size_one_of_them_broken(classifier: Path, run: Any) -> None:
    cv2 = pytest.importorskip("cv2")
    for item, scores in enumerate(SCORES):
        cv2.imwrite(f"{item}.png", np.broadcast_to(np.array(scores, np.uint8), (item + 1, 2, 3)))
    Path("1.png").write_bytes(b"broken")
    Path("list.txt").write_text("".join(f"{item}.png {label}\n" for item, label in enumerate(LABELS)))
    net = Path("net.prototxt")
    text = net.read_text().replace('type: "Data"', 'type: "ImageData"')
    text = text.replace(
        'data_param { source: "set_lmdb" batch_size: 2 backend: LMDB }', 'image_data_param { source: "list.txt" }'
    )
    pool = (
        'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { pool: AVE global_pooling: true } }\n'
    )
    net.write_text(
        text.replace('layer { name: "ip"', pool + 'layer { name: "ip"').replace(
            'bottom: "data" top: "ip"', 'bottom: "p" top: "ip"'
        )
    )
    result = _test(run, "--skip-bad", "--predictions", "p.csv", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["images"], found["skipped"], found["set_size"], found["iterations"]) == (4, 1, 5, 4)
    rows = [row.split(",")[:3] for row in Path("p.csv").read_text().splitlines()[1:]]
    assert rows == [["0.png", "0", "0"], ["2.png", "1", "0"], ["3.png", "2", "2"], ["4.png", "1", "0"]]


def test_confusion_as_json(classifier: Path, run: Any) -> None:
    assert _test(run, "--confusion", "c.json").exit_code == 0
    assert json.loads(Path("c.json").read_text()) == {
        "schema": 1, "classes": 3, "images": 5, "matrix": [[1, 0, 0], [2, 0, 0], [0, 1, 1]],
    }  # fmt: skip


def test_pictures_are_written(classifier: Path, run: Any) -> None:
    pytest.importorskip("matplotlib")
    assert _test(run, "--confusion", "c.png", "--worst", "w.svg").exit_code == 0
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")
    drawn = Path("w.svg").read_text()
    assert drawn.count("<image ") == 5
    for words in (
        "the 5 of 5 images with the least probability of their label",
        *("label 1: 0.7%", "taken for 0: 98.7%", "label 2: 24.5%", "label 0: 84.4%", "recognised"),
    ):
        assert f"<!-- {words} -->" in drawn
    order = sorted(range(5), key=lambda item: _probabilities()[item, LABELS[item]])
    assert re.findall(r"<!-- (0000\d{4}) -->", drawn) == [f"{item:08d}" for item in order]


def test_numbers_in_the_picture_of_the_confusion() -> None:
    pytest.importorskip("matplotlib")
    few = confusion_figure(np.array([[1, 0, 0], [2, 0, 0], [0, 1, 1]])).axes[0]
    assert sorted((*text.get_position(), text.get_text()) for text in few.texts) == [
        (0, 0, "1"), (0, 1, "2"), (1, 2, "1"), (2, 2, "1"),
    ]  # fmt: skip
    assert few.get_title(loc="left") == "2 of 5 right"
    assert not confusion_figure(np.eye(30, dtype=int)).axes[0].texts


def test_many_cells_and_long_words() -> None:
    pytest.importorskip("matplotlib")
    figure = contact_sheet([Cell(np.zeros((1, 2, 2), np.uint8), ("x" * 40,))] * 8, "title")
    assert [len(axes.images) for axes in figure.axes] == [1] * 8 + [0] * 4
    assert figure.axes[0].texts[0].get_text() == "…" + "x" * 21


def test_colours_come_in_the_order_of_opencv() -> None:
    pytest.importorskip("matplotlib")
    figure = contact_sheet([Cell(np.array([10, 20, 30], np.uint8).reshape(3, 1, 1), ())], "title")
    assert figure.axes[0].images[0].get_array().reshape(-1).tolist() == [30, 20, 10]


def test_classes_without_images_and_rows_without_errors() -> None:
    matrix = confusion_matrix(np.array([0, 0, 2, 2, 2]), np.array([0, 0, 0, 3, 3]), 4)
    rows = class_rows(matrix)
    assert [row["accuracy"] for row in rows] == [1, None, 0, None]
    assert [row["precision"] for row in rows] == [2 / 3, None, None, 0]
    assert [row["taken_for"] for row in rows] == [None, None, {"label": 3, "images": 2}, None]


def test_ignored_items_count_in_no_class(classifier: Path, run: Any) -> None:
    net = Path("net.prototxt")
    net.write_text(
        net.read_text()
        .replace('top: "accuracy"', 'top: "accuracy" accuracy_param { ignore_label: 1 }')
        .replace('top: "loss"', 'top: "loss" loss_param { ignore_label: 1 }')
    )
    found = json.loads(_test(run, "--per-class", "--topk", 1, "--predictions", "p.csv", "--json").stdout)
    assert [row["images"] for row in found["classes"]] == [1, 0, 2]
    assert found["topk"] == {"1": pytest.approx(2 / 3)}
    assert Path("p.csv").read_text().splitlines()[3].startswith("00000002,,0,")


def test_probabilities_stay_as_they_are(classifier: Path, run: Any) -> None:
    """The accuracy reads a Softmax: a softmax of that would be another distribution."""
    expected = _test(run, "--predictions", "p.csv") and Path("p.csv").read_text()
    net = Path("net.prototxt")
    softmax = 'layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }\n'
    accuracy = 'layer { name: "accuracy" type: "Accuracy" bottom: "prob"'
    net.write_text(
        net.read_text().replace('layer { name: "accuracy" type: "Accuracy" bottom: "ip"', softmax + accuracy)
    )
    assert json.loads(_test(run, "--predictions", "p.csv", "--json").stdout)["scores"] == "prob"
    own = [line.rsplit(",", 2)[0] for line in Path("p.csv").read_text().splitlines()]
    assert own == [line.rsplit(",", 2)[0] for line in expected.splitlines()]
    for line, other in zip(Path("p.csv").read_text().splitlines()[1:], expected.splitlines()[1:], strict=True):
        assert list(map(float, line.split(",")[3:])) == pytest.approx(list(map(float, other.split(",")[3:])), rel=1e-4)


def test_a_net_without_labels_predicts_all_the_same(classifier: Path, run: Any) -> None:
    Path("net.prototxt").write_text(
        'layer { name: "data" type: "Data" top: "data" \n'
        '  data_param { source: "set_lmdb" batch_size: 2 backend: LMDB } }\n'
        'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }\n'
        'layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }\n'
    )
    assert _test(run, "--predictions", "p.csv").exit_code == 0
    assert Path("p.csv").read_text().splitlines()[4] == f"00000003,,2,{_probabilities()[3, 2]:.6g},"
    assert _test(run, "--predictions", "p.csv", "--scores", "ip").exit_code == 0
    refused = _test(run, "--per-class")
    assert refused.exit_code == 1
    assert "label for each item to compare 'prob' with" in refused.stderr
    assert "[NC573]" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--per-class", "--scores", "iq"], 1, "the net has no blob 'iq'. hint: did you mean 'ip'? [NC572]"),
        (["--per-class", "--scores", "loss"], 1, "blob 'loss' holds no scores of classes, expected a shape of"),
        (["--topk", 4], 2, "4 is more than the 3 classes"),
        (["--confusion", "c.txt"], 1, "'c.txt' is not the name of a picture, nor of a JSON file"),
        (["--worst", "w.txt"], 1, "'w.txt' is not the name of a picture"),
        (["--predictions", "no/p.csv"], 1, "cannot write 'no/p.csv'"),
    ],
)
def test_refusals(classifier: Path, run: Any, arguments: list[object], code: int, said: str) -> None:
    if arguments[0] == "--worst":
        pytest.importorskip("matplotlib")
    result = _test(run, *arguments)
    assert result.exit_code == code
    assert said in result.stderr


def test_of_several_accuracies_the_last_one_tells() -> None:
    def dummy(name: str, *sizes: int) -> str:
        shape = " ".join(f"dim: {size}" for size in sizes)
        return (
            f'layer {{ name: "{name}" type: "DummyData" top: "{name}" dummy_data_param {{ shape {{ {shape} }} }} }}\n'
        )

    def reader(kind: str, name: str, scores: str) -> str:
        return f'layer {{ name: "{name}" type: "{kind}" bottom: "{scores}" bottom: "label" top: "{name}" }}\n'

    made = dummy("early", 2, 3) + dummy("late", 2, 4, 1, 1) + dummy("label", 2)
    text = made + reader("Accuracy", "a", "early") + reader("Accuracy", "b", "late")
    text += reader("SoftmaxWithLoss", "loss", "early")
    net = Net(NetSource.from_text(text), pb.TEST)
    assert (roles_of(net, None).name, roles_of(net, "early").name) == ("late", "early")
    assert roles_of(net, "early").labels is not None


def test_ties_count_against_the_label() -> None:
    nothing = np.zeros(3)
    found = Classified([""] * 3, 4, np.array([0, -1, 2]), nothing, nothing, nothing, np.array([1, 0, 2]))
    assert [found.top(k) for k in (1, 2, 3)] == [0, 0.5, 1]


def _layer(transform: str, kind: str = "Data") -> LayerFiles:
    text = f'layer {{ name: "d" type: "{kind}" top: "d" transform_param {{ {transform} }} }}'
    return LayerFiles(NetSource.from_text(text).param.layer[0], None)


def test_pixels_are_restored(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4)).astype(np.uint8)
    mean = np.random.default_rng(1).uniform(90, 150, (3, 6, 6)).astype(np.float32)
    write_mean(mean, tmp_path / "mean.binaryproto")
    inner = mean[:, 1:5, 1:5]
    for transform, values in (
        ("scale: 0.00390625", pixels / np.float32(256)),
        ("mean_value: 104 mean_value: 117 mean_value: 123", pixels - np.float32([104, 117, 123])[:, None, None]),
        (f'scale: 0.5 crop_size: 4 mean_file: "{tmp_path}/mean.binaryproto"', (pixels - inner) / 2),
    ):
        restored = restored_pixels(values.astype(np.float32), _layer(transform))
        assert restored.dtype == np.uint8
        np.testing.assert_array_equal(restored, pixels)


@pytest.mark.parametrize(
    ("transform", "kind"), [("", "Data"), ("scale: 0", "Data"), ('mean_file: "nowhere"', "Data"), ("", "HDF5Data")]
)
def test_values_that_are_no_pixels_stay(transform: str, kind: str) -> None:
    values = np.random.default_rng(0).standard_normal((3, 2, 2)).astype(np.float32)
    assert restored_pixels(values, _layer(transform, kind)) is values
