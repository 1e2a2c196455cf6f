"""The nets of configs/sphereface: made by their generator, with the layers and shapes of the paper."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from netcli.cli import main
from netcli.prototxt import filtered, load_net, load_solver
from netcli.schema import caffe_pb2 as pb

FOLDER = Path(__file__).resolve().parents[1] / "configs" / "sphereface"
GENERATED = dict(runpy.run_path(str(FOLDER / "generate.py"))["files"]())


def test_the_generator_makes_all_of_them() -> None:
    assert {path.name for path in FOLDER.glob("*.prototxt")} == set(GENERATED)


@pytest.mark.parametrize("name", GENERATED)
def test_the_file_is_what_the_generator_makes(name: str) -> None:
    made = GENERATED[name]
    assert (FOLDER / name).read_text() == made, "run python configs/sphereface/generate.py"


@pytest.mark.parametrize("depth", [4, 20, 36, 64])
def test_a_net_has_as_many_convolutions_as_its_name_says(depth: int) -> None:
    layers = load_net(FOLDER / f"sphereface{depth}_model.prototxt").param.layer
    assert sum(layer.type == "Convolution" for layer in layers) == depth
    assert [layer.type for layer in layers].count("PReLU") == depth
    deploy = load_net(FOLDER / f"sphereface{depth}_deploy.prototxt").param.layer
    assert list(deploy)[1:] == list(layers)[1:-2], "data and loss are the only difference"


@pytest.mark.parametrize("depth", [4, 20, 36, 64])
def test_training_is_that_of_the_paper(depth: int) -> None:
    solver = load_solver(FOLDER / f"sphereface{depth}_solver.prototxt")
    assert list(solver.param.stepvalue) == [16000, 24000]
    assert (solver.param.max_iter, solver.param.base_lr) == (28000, pytest.approx(0.1))
    data, margin = (
        layer for layer in solver.train_net().param.layer if layer.type in ("ImageData", "MarginInnerProduct")
    )
    assert list(data.transform_param.mean_value) == [127.5] * 3
    assert data.transform_param.scale == 1 / 128
    assert data.transform_param.mirror
    assert (data.image_data_param.new_height, data.image_data_param.new_width) == (112, 96)
    assert margin.margin_inner_product_param.type == pb.MarginInnerProductParameter.QUADRUPLE


def test_sphereface20_has_the_shapes_of_the_authors(shared: Path) -> None:
    expected = json.loads((shared / "corpus" / "shapes.json").read_text())["sphereface20__deploy.prototxt"]
    shown = CliRunner().invoke(main, ["show", str(FOLDER / "sphereface20_deploy.prototxt"), "--json"])
    found = json.loads(shown.stdout)
    assert found["params"] == expected["params"]
    assert {name: found["blobs"][name] for name in expected["blobs"] if "split" not in name} == {
        name: shape for name, shape in expected["blobs"].items() if "split" not in name
    }


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_the_nets_for_the_digits_differ_in_their_margin_alone(margin: int) -> None:
    solver = load_solver(FOLDER.parent / "digits_margin" / f"m{margin}_solver.prototxt")
    for source in (solver.train_net(), *solver.test_nets()):
        layers = filtered(source, source.param.state).param.layer
        (head,) = (layer for layer in layers if layer.type == "MarginInnerProduct")
        assert head.margin_inner_product_param.type == margin - 1
        assert list(head.top) == ["scores", "lambda", "accuracy_no_margin"]
        (features,) = (layer for layer in layers if layer.name == "features")
        assert features.inner_product_param.num_output == 2
    first = load_solver(FOLDER.parent / "digits_margin" / "m1_solver.prototxt").param
    for field in ("train_state", "test_state"):
        solver.param.ClearField(field)
    assert solver.param == first
