"""``netcli show``: JSON as promised, tables, phases and shapes without data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netcli.convert.caffemodel import write_weights
from netcli.layers.registry import layer_types
from netcli.net.graph import build_graph
from netcli.prototxt import load_net, load_solver
from netcli.report import net_memory, net_summary, units
from netcli.report.net_memory import MachineMemory
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob
from netcli.solver import Solver

ROOT = Path(__file__).resolve().parents[2]

SHARED_PARAMETERS = """
name: "Twins"
layer { name: "in" type: "Input" top: "a" top: "b" input_param { shape { dim: 2 dim: 4 } } }
layer {
  name: "left" type: "InnerProduct" bottom: "a" top: "left" param { name: "w" } param { name: "b" }
  inner_product_param { num_output: 3 }
}
layer {
  name: "right" type: "InnerProduct" bottom: "b" top: "right" param { name: "w" } param { name: "b" }
  inner_product_param { num_output: 3 }
}
layer { name: "relu" type: "ReLU" bottom: "left" top: "left" }
layer { name: "p" type: "Softmax" bottom: "left" top: "p" }
layer { name: "q" type: "Softmax" bottom: "left" top: "q" }
"""


def _show(run: Any, *arguments: object) -> dict[str, Any]:
    result = run("show", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _layer(
    name: str, kind: str, bottoms: dict[str, list[int]], tops: dict[str, list[int]], **more: Any
) -> dict[str, Any]:
    """An object of ``layers`` for a layer without parameters, and what differs from it."""
    return {
        "name": name, "type": kind, "bottoms": list(bottoms), "tops": list(tops), "macs": 0, "params": 0,
        "bottom_shapes": list(bottoms.values()), "top_shapes": list(tops.values()), "lr_mult": [], "decay_mult": [],
        "activation_bytes": 24, "gradient_bytes": 0, "param_bytes": 0, **more,
    }  # fmt: skip


def test_json_of_a_net_with_splits_shared_parameters_and_in_place_layers(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "twins.prototxt"
    file.write_text(SHARED_PARAMETERS)
    shown = _show(run, file)
    machine = shown.pop("machine")
    assert machine["memory_bytes"] is None or machine["memory_bytes"] > 2**28
    learned = {"macs": 24, "lr_mult": [1, 1], "decay_mult": [1, 1]}
    assert shown == {
        "schema": 1,
        "name": "Twins",
        "phase": "TEST",
        "blobs": {"a": [2, 4], "b": [2, 4], "left": [2, 3], "right": [2, 3], "p": [2, 3], "q": [2, 3]},
        "params": {"left": [[3, 4], [3]], "right": [[3, 4], [3]]},
        "layers": [
            _layer("in", "Input", {}, {"a": [2, 4], "b": [2, 4]}, activation_bytes=64),
            _layer("left", "InnerProduct", {"a": [2, 4]}, {"left": [2, 3]}, **learned, params=15, param_bytes=60),
            _layer("right", "InnerProduct", {"b": [2, 4]}, {"right": [2, 3]}, **learned),
            _layer("relu", "ReLU", {"left": [2, 3]}, {"left": [2, 3]}, activation_bytes=0),
            _layer("p", "Softmax", {"left": [2, 3]}, {"p": [2, 3]}),
            _layer("q", "Softmax", {"left": [2, 3]}, {"q": [2, 3]}),
        ],
        "totals": {
            "layers": 6,
            "params": 15,
            "macs": 48,
            "activation_bytes": 4 * (8 + 8 + 6 + 6 + 6 + 6),
            "param_bytes": 60,
            "gradient_bytes": 0,
            "kept_bytes": 0,
            "layout_bytes": 0,
            "scratch_bytes": 0,
            "param_gradient_bytes": 0,
            "history_bytes": 0,
            "test_bytes": 0,
            "program_bytes": net_memory.PROGRAM_BYTES,
            "total_bytes": 4 * 40 + 60 + net_memory.PROGRAM_BYTES,
        },
    }


def test_table_is_tab_separated_when_piped(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "twins.prototxt"
    file.write_text(SHARED_PARAMETERS)
    lines = run("show", file).stdout.splitlines()
    assert lines[0] == "layer\ttype\tbottoms\tin\ttops\tout\tparams\tlr/decay\tMACs\tactivations"
    assert lines[1] == "in\tInput\t\t\ta b\t2x4 2x4\t\t\t\t64 B"
    assert lines[2] == "left\tInnerProduct\ta\t2x4\tleft\t2x3\t15\t1/1 1/1\t24\t24 B"
    assert lines[3] == "right\tInnerProduct\tb\t2x4\tright\t2x3\t0\t1/1 1/1\t24\t24 B"
    assert lines[4] == "relu\tReLU\tleft\t2x3\tleft\t2x3\t\t\t\t0 B"
    assert len(lines) == 7


TRAINED = """
net_param {
  layer { name: "in" type: "Input" top: "x" top: "label" input_param { shape { dim: 16 dim: 8 } shape { dim: 16 } } }
  layer { name: "one" type: "InnerProduct" bottom: "x" top: "one" inner_product_param { num_output: 4 } }
  layer { name: "relu" type: "ReLU" bottom: "one" top: "one" }
  layer { name: "two" type: "InnerProduct" bottom: "one" top: "two" inner_product_param { num_output: 4 } }
  layer { name: "sum" type: "Eltwise" bottom: "one" bottom: "two" top: "sum" }
  layer { name: "accuracy" type: "Accuracy" bottom: "sum" bottom: "label" top: "accuracy" }
  layer { name: "loss" type: "SoftmaxWithLoss" bottom: "sum" bottom: "label" top: "loss" }
}
base_lr: 0.1 lr_policy: "fixed" max_iter: 1 type: "Adam" momentum: 0.9
"""


def test_verbose_tells_how_layers_are_computed(run: Any) -> None:
    """The same on every machine: at these batches all lanes are full, or all but one empty."""
    lines = run("show", ROOT / "configs" / "lenet.prototxt", "-v").stdout.splitlines()
    assert lines[0].split("\t")[-1] == "method"
    methods = {line.split("\t")[0]: line.split("\t")[-1] for line in lines[1:]}
    direct = "direct, images in lanes"
    assert {name: method for name, method in methods.items() if method} == dict.fromkeys(
        ("conv1", "conv2", "ip1", "ip2"), direct
    )
    deploy = run("show", ROOT / "configs" / "sphereface" / "sphereface20_deploy.prototxt", "-v").stdout
    assert "\tWinograd, tiles of 4x4 in lanes\n" in deploy
    assert "\tfew items, each weight read once\n" in deploy
    layers = json.loads(run("show", ROOT / "configs" / "lenet.prototxt", "-v", "--json").stdout)["layers"]
    assert [layer["method"] for layer in layers if layer["type"] == "Convolution"] == [direct, direct]


def test_memory_by_kind_is_what_a_solver_allocates(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "solver.prototxt"
    file.write_text(TRAINED)
    totals = _show(run, file)["totals"]
    solver = Solver(load_solver(file), seed=1, keep_gradients=False)
    solver.net.blobs["x"].values.write(PLAIN)[...] = 1
    solver.step(1)
    params = [item.blob for item in solver.net.learnable]
    assert totals["param_bytes"] == totals["param_gradient_bytes"] == 4 * sum(blob.count for blob in params)
    assert totals["history_bytes"] == 2 * totals["param_bytes"]
    values = {id(blob.values): blob.count for blob in solver.net.blobs.values() if blob.values.allocated_bytes}
    assert totals["activation_bytes"] == 4 * sum(values.values())
    assert totals["gradient_bytes"] < sum(blob.gradients.allocated_bytes for blob in solver.net.blobs.values())
    assert totals["total_bytes"] == sum(size for kind, size in totals.items() if kind.endswith("_bytes")) / 2
    test = _show(run, file, "--phase", "TEST")["totals"]
    assert not any(test[f"{kind}_bytes"] for kind in ("gradient", "param_gradient", "history"))


def test_nets_of_the_tests_have_blobs_of_their_own(tmp_path: Path, run: Any) -> None:
    trained = TRAINED.replace("max_iter: 1", "max_iter: 1 test_iter: 1 test_interval: 1")
    file = tmp_path / "solver.prototxt"
    file.write_text(trained)
    totals = _show(run, file)["totals"]
    own = _show(run, file, "--phase", "TEST")["totals"]
    assert own["test_bytes"] == 0
    assert totals["test_bytes"] == own["activation_bytes"] + own["kept_bytes"] + own["layout_bytes"]
    file.write_text(trained.replace("test_interval: 1", ""))
    assert _show(run, file)["totals"]["test_bytes"] == 0  # NC021: for check to say


def test_memory_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "solver.prototxt"
    file.write_text(TRAINED)
    graph = build_graph(load_solver(file).train_net())
    for available, verdict in ((2**31, ""), (100, "  MORE THAN IS FREE")):
        monkeypatch.setattr(net_summary, "machine_memory", lambda free=available: MachineMemory(2**32, free))
        assert net_summary.memory_table(net_memory.net_memory(graph, 2), "Adam").splitlines() == [
            "memory                         at most",
            "---------------------------  ---------",
            "activations                    1.3 KiB",
            "gradients of activations       1.0 KiB",
            "kept by layers for backward      256 B",
            "the kernels' layout              512 B",
            "parameters                       224 B",
            "gradients of parameters          224 B",
            "history of Adam                  448 B",
            "netcli itself, about         170.0 MiB",
            "---------------------------  ---------",
            f"total                        170.0 MiB  of {units.size(available)} free, 4.0 GiB in all{verdict}",
        ]


def test_limits_of_a_container_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(net_memory, "_MEMINFO", tmp_path / "meminfo")
    (tmp_path / "meminfo").write_text("MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n")
    assert net_memory.machine_memory().available == 8000000 * 1024
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert net_memory.machine_memory() == MachineMemory(1000000, 600000)
    (tmp_path / "memory.max").write_text("max\n")
    assert net_memory.machine_memory().available == 8000000 * 1024
    (tmp_path / "meminfo").unlink()
    assert net_memory.machine_memory().available is None


def _stored(**blobs: list[Any]) -> pb.NetParameter:
    net = pb.NetParameter()
    for name, arrays in blobs.items():
        net.layer.add(name=name, type="InnerProduct", blobs=[array_to_blob(np.float32(array)) for array in arrays])
    return net


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A net and a file of weights that fits in part."""
    (tmp_path / "twins.prototxt").write_text(SHARED_PARAMETERS)
    left = np.zeros((3, 4))
    left[0] = [3, -4, np.nan, 0]
    write_weights(_stored(left=[left, [2, 2, 2, 2]], other=[[[1, 2], [3, 4]]]), tmp_path / "w.caffemodel")
    return tmp_path


def test_weights_table(stored: Path, run: Any) -> None:
    result = run("show", stored / "twins.prototxt", "--weights", stored / "w.caffemodel")
    assert result.exit_code == 0, result.output
    _, _, table = result.stdout.partition("\n\n")
    assert table.splitlines() == [
        "layer\tblob\tshape\tL2 norm\tmean\tstd\tmin\tmax\tzero\thistogram\tremark",
        "left\t0\t3x4\t5\t-0.09091\t1.505\t-4\t3\t81.8%\t▁          █       ▁\t1 not finite",
        "left\t1\t4\t4\t2\t0\t2\t2\t\t          █         \tthe net wants 3, all the same",
        "right\t0\t3x4\t\t\t\t\t\t\t\tnot in the file",
        "right\t1\t3\t\t\t\t\t\t\t\tnot in the file",
        "other\t0\t2x2\t5.477\t2.5\t1.118\t1\t4\t\t█     █      █     █\tnot in the net",
    ]


def test_weights_json(stored: Path, run: Any) -> None:
    weights = _show(run, stored / "twins.prototxt", "--weights", stored / "w.caffemodel")["weights"]
    assert [(blob["layer"], blob["blob"], blob["shape"], blob["expected"]) for blob in weights] == [
        ("left", 0, [3, 4], [3, 4]), ("left", 1, [4], [3]), ("right", 0, None, [3, 4]), ("right", 1, None, [3]),
        ("other", 0, [2, 2], None),
    ]  # fmt: skip
    first = weights[0]
    assert (first["norm"], first["zeros"], first["not_finite"]) == (5, 9, 1)
    assert sum(first["histogram"]["counts"]) == 11
    assert first["histogram"]["edges"][::20] == [-4, 3]
    assert weights[2]["histogram"] == {"counts": [], "edges": []}


def test_of_several_files_the_last_counts(stored: Path, run: Any) -> None:
    write_weights(_stored(other=[[1, 1]]), stored / "more.caffemodel")
    files = f"{stored / 'w.caffemodel'},{stored / 'more.caffemodel'}"
    weights = _show(run, stored / "twins.prototxt", "--weights", files)["weights"]
    assert weights[-1]["shape"] == [2]
    missing = run("show", stored / "twins.prototxt", "--weights", stored / "none.caffemodel")
    assert (missing.exit_code, "[NC460]" in missing.stderr) == (1, True)


def test_phases_of_a_solver(run: Any) -> None:
    train = _show(run, ROOT / "configs" / "lenet.prototxt")
    test = _show(run, ROOT / "configs" / "lenet.prototxt", "--phase", "TEST")
    assert (train["phase"], train["blobs"]["data"]) == ("TRAIN", [64, 1, 28, 28])
    assert (test["phase"], test["blobs"]["data"]) == ("TEST", [100, 1, 28, 28])
    assert "accuracy" not in train["blobs"]
    assert test["blobs"]["accuracy"] == []
    assert train["totals"]["params"] == test["totals"]["params"] == 431080


def test_a_net_says_its_own_phase(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "net.prototxt"
    file.write_text(
        'state { phase: TRAIN } layer { name: "in" type: "Input" top: "a" input_param { shape { dim: 1 } } }'
    )
    assert _show(run, file)["phase"] == "TRAIN"
    assert _show(run, file, "--phase", "test")["phase"] == "TEST"


def test_stages_and_levels(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "net.prototxt"
    file.write_text(
        'layer { name: "a" type: "Input" top: "a" input_param { shape { dim: 1 } } }\n'
        'layer { name: "b" type: "Input" top: "b" input_param { shape { dim: 1 } } include { stage: "deploy" } }\n'
        'layer { name: "c" type: "Input" top: "c" input_param { shape { dim: 1 } } include { min_level: 2 } }\n'
    )
    assert list(_show(run, file)["blobs"]) == ["a"]
    assert list(_show(run, file, "--stage", "deploy")["blobs"]) == ["a", "b"]
    assert list(_show(run, file, "--level", 2)["blobs"]) == ["a", "c"]


def test_data_that_are_elsewhere_need_a_shape(run: Any) -> None:
    file = ROOT / "configs" / "softmax_regression.prototxt"
    assert _show(run, file)["blobs"]["data"] == [64, 1, 28, 28]


def test_input_shape(tiny: Path, run: Any) -> None:
    net = Path("net.prototxt").read_text().replace("train_lmdb", "nowhere")
    Path("away.prototxt").write_text(net)
    refused = run("show", "away.prototxt", "--phase", "TRAIN")
    assert refused.exit_code == 3
    assert "--input-shape C,H,W" in refused.stderr
    assert "[NC130]" in refused.stderr
    shown = _show(run, "away.prototxt", "--phase", "TRAIN", "--input-shape", "3,8,8")
    assert shown["blobs"]["data"] == [4, 3, 8, 8]
    assert shown["params"]["ip"] == [[3, 192], [3]]


@pytest.mark.parametrize("wrong", ["3,8", "3,8,0", "a,b,c"])
def test_input_shape_must_be_three_sizes(run: Any, wrong: str) -> None:
    result = run("show", "x.prototxt", "--input-shape", wrong)
    assert result.exit_code == 2
    assert "C,H,W" in result.stderr


def test_a_crop_implies_the_shape(tiny: Path, run: Any) -> None:
    net = Path("net.prototxt").read_text().replace("train_lmdb", "nowhere").replace("scale: 0.00390625", "crop_size: 6")
    Path("crop.prototxt").write_text(net)
    assert _show(run, "crop.prototxt", "--phase", "TRAIN")["blobs"]["data"] == [4, 3, 6, 6]


def test_shapes_are_those_of_caffe(shared: Path, run: Any) -> None:
    """Every net of the corpus whose layers exist."""
    expected = json.loads((shared / "corpus" / "shapes.json").read_text())
    compared = 0
    for name, shapes in expected.items():
        file = shared / "corpus" / name
        if not {layer.type for layer in load_net(file).param.layer} <= set(layer_types()):
            continue
        shown = _show(run, file, "--phase", "TEST")
        blobs = {blob: shape for blob, shape in shapes["blobs"].items() if "_split_" not in blob}
        assert list(shown["blobs"].items()) == list(blobs.items()), name
        assert list(shown["params"].items()) == list(shapes["params"].items()), name
        compared += 1
    assert compared >= 3
