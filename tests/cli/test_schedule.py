"""``netcli schedule``: the numbers that training uses, what they mean, and what is doubtful about them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]

NET = """
net_param {
  layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 5 } } }
  layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 2 } } }
  layer { name: "fc6" type: "TYPE" bottom: "x" bottom: "label" top: "y"
          FIELD { num_output: 1000 SETTINGS weight_filler { type: "xavier" } } }
  layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "label" top: "loss" }
}
"""
STEPS = 'base_lr: 0.1 lr_policy: "multistep" gamma: 0.1 stepvalue: 700 stepvalue: 900 max_iter: 1000'
SPHEREFACE = "type: QUADRUPLE base: 1000 gamma: 0.15 power: 1 lambda_min: 5"


def _write(settings: str = SPHEREFACE, solver: str = STEPS, layer: str = "MarginInnerProduct") -> str:
    fields = {"MarginInnerProduct": "margin_inner_product_param", "AngularMargin": "angular_margin_param"}
    net = NET.replace("TYPE", layer).replace("FIELD", fields[layer]).replace("SETTINGS", settings)
    Path("schedule.prototxt").write_text(f"{solver}\n{net}")
    return "schedule.prototxt"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_lambda_has_the_recorded_values(run: Run) -> None:
    """As SphereFace's log has them, wy1iu/sphereface, issue 30; rows stand at the steps, which are placed there."""
    steps = 'base_lr: 0.1 lr_policy: "multistep" gamma: 0.1 stepvalue: [900, 1000, 1100, 1200] max_iter: 2000'
    shown = json.loads(run("schedule", _write(solver=steps), "--json").stdout)
    weights = dict(zip(shown["iterations"], shown["lambda"]["fc6"], strict=True))
    assert [weights[i] for i in (900, 1000, 1100, 1200)] == pytest.approx(
        [7.34484, 6.61594, 6.01866, 5.52029], abs=5e-6
    )
    assert shown["layers"]["fc6"]["floor_iteration"] == 1326


def test_rows_stand_where_something_changes(run: Run) -> None:
    shown = json.loads(run("schedule", _write("type: DOUBLE base: 100 gamma: 1 lambda_min: 4"), "--json").stdout)
    assert (shown["schema"], shown["max_iter"], shown["lr_policy"]) == (1, 1000, "multistep")
    floor = shown["layers"]["fc6"]["floor_iteration"]
    assert {0, 1, 2, 5, 10, floor, 699, 700, 899, 900, 999} <= set(shown["iterations"])
    rates = dict(zip(shown["iterations"], shown["lr"], strict=True))
    assert [rates[i] for i in (0, 699, 700, 899, 900, 999)] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    weights = dict(zip(shown["iterations"], shown["lambda"]["fc6"], strict=True))
    assert weights[floor] == 4 < weights[max(i for i in weights if i < floor)]


def test_the_end_of_a_warm_up_has_a_row(run: Run) -> None:
    shown = json.loads(run("schedule", _write(solver=STEPS + " warmup_iter: 42"), "--json").stdout)
    assert dict(zip(shown["iterations"], shown["lr"], strict=True))[42] == pytest.approx(0.1)


def test_what_the_numbers_mean(run: Run) -> None:
    result = run("schedule", _write(), "--set", "max_iter=2000")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split("\t") == ["iteration", "lr", "lambda of fc6"]
    assert "the loss begins near ln(1000) = 6.908" in result.stderr
    assert "lambda is at its floor 5 from iteration 1326 on" in result.stderr
    assert "expect a final loss below about 2" in result.stderr
    assert "a resumed run goes on with its lambda" in result.stderr


@pytest.mark.parametrize(
    ("settings", "layer", "codes"),
    [
        (SPHEREFACE, "MarginInnerProduct", []),
        ("type: QUADRUPLE", "MarginInnerProduct", ["NC310"]),
        ("type: QUADRUPLE base: 1000 gamma: 1 lambda_min: 5", "MarginInnerProduct", ["NC311"]),
        ("type: SINGLE", "MarginInnerProduct", []),
        ("type: ARCFACE margin: 0.5", "AngularMargin", []),
        ("type: ARCFACE margin: 0.5 base: 10", "AngularMargin", ["NC310"]),
        ("type: ARCFACE margin: 0.5 base: 10 gamma: 1 lambda_min: 1", "AngularMargin", ["NC311"]),
    ],
)
def test_warnings(run: Run, settings: str, layer: str, codes: list[str]) -> None:
    result = run("schedule", _write(settings, layer=layer), "--json")
    assert json.loads(result.stdout)["warnings"] == codes
    assert [code for code in ("NC310", "NC311") if code in result.stderr] == codes


def test_lambda_can_be_tried_out(run: Run) -> None:
    result = run("schedule", _write(), "--set", "lambda_min=10", "--set", "lambda_gamma=0.3", "--json")
    assert json.loads(result.stdout)["layers"]["fc6"]["lambda_min"] == 10
    assert json.loads(result.stdout)["lambda"]["fc6"][0] == pytest.approx(1000 / 1.3)


def test_a_solver_without_a_margin(run: Run) -> None:
    solver = 'base_lr: 0.1 lr_policy: "step" gamma: 0.5 stepsize: 10 max_iter: 400'
    Path("plain.prototxt").write_text(f'{solver} net_param {{ layer {{ name: "x" type: "Input" top: "x" }} }}')
    result = run("schedule", "plain.prototxt", "--json")
    shown = json.loads(result.stdout)
    assert (shown["lambda"], shown["layers"], result.stderr) == ({}, {}, "")
    assert {9, 10, 119, 120} <= set(shown["iterations"])
    assert 129 not in shown["iterations"], "of many steps the first ones are enough"


@pytest.mark.parametrize(("solver", "code"), [("max_iter: 10", "NC401"), ('base_lr: 1 lr_policy: "fixed"', "NC405")])
def test_a_solver_that_has_no_schedule(run: Run, solver: str, code: str) -> None:
    result = run("schedule", _write(solver=solver))
    assert result.exit_code == 3
    assert code in result.stderr


def test_an_annealing_out_of_range(run: Run) -> None:
    result = run("schedule", _write("type: DOUBLE gamma: -1"))
    assert (result.exit_code, "NC121" in result.stderr) == (3, True)


def test_a_plot(run: Run) -> None:
    pytest.importorskip("matplotlib")
    assert run("schedule", _write(), "--plot", "s.svg").exit_code == 0
    assert "<svg" in Path("s.svg").read_text()
    again = Path("s.svg").read_bytes()
    assert run("schedule", _write(), "--plot", "s.svg").exit_code == 0
    assert Path("s.svg").read_bytes() == again
    assert "NC553" in run("schedule", _write(), "--plot", "s.txt").stderr


def test_nothing_heavy_is_imported(run: Run) -> None:
    program = (
        "import sys\n"
        "from netcli.cli import main\n"
        f"try: main(['schedule', {_write()!r}])\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = ('numba', 'rich', 'cv2', 'h5py', 'matplotlib')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
