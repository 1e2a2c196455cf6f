"""Layers written in Python: pycaffe's interface, when code is loaded and from where, and what its errors say."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pycaffe_nets import write

import netcli.pycaffe as caffe
from netcli.cli import main
from netcli.errors import NetcliError, RunError
from netcli.layers.python.caffe_name import provide_caffe
from netcli.net import Net, build_graph
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb

LIBRARY = Path(__file__).resolve().parents[1] / "data" / "python_layers"

X = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }\n'
Y = 'layer { name: "y" type: "Input" top: "y" input_param { shape { dim: 4 dim: 3 } } }\n'

GAIN = """
layer {
  name: "gain" type: "Python" bottom: "x" top: "gain" param { lr_mult: 1 }
  python_param { module: "pylearn" layer: "GainLayer" param_str: '{"gain": 2}' }
}
"""
LOSS = """
layer {
  name: "loss" type: "Python" bottom: "gain" bottom: "y" top: "loss" loss_weight: 3
  python_param { module: "pyloss" layer: "EuclideanLossLayer" }
}
"""
NET = X + Y + GAIN + LOSS


@pytest.fixture(autouse=True)
def modules_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a net loads, and where from, stays for the process; here it lasts for one test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def user_net(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a net of one Python layer and its module; gives the net's path."""

    def make(body: str, layer: str = 'bottom: "x" top: "t"') -> str:
        write(tmp_path, "mine.py", "import caffe\nimport numpy as np\n" + body)
        param = 'python_param { module: "mine" layer: "Mine" param_str: "text" }'
        return write(tmp_path, "net.prototxt", X + f'layer {{ name: "mine" type: "Python" {layer} {param} }}\n')

    return make


def layer_of(forward: str = "pass", setup: str = "pass", reshape: str = "top[0].reshape(*bottom[0].shape)") -> str:
    return f"""
class Mine(caffe.Layer):
    def setup(self, bottom, top):
        {setup}

    def reshape(self, bottom, top):
        {reshape}

    def forward(self, bottom, top):
        {forward}

    def backward(self, top, propagate_down, bottom):
        pass
"""


@pytest.fixture
def net_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The net of a gain and a loss; its modules are on ``sys.path``."""
    monkeypatch.syspath_prepend(str(LIBRARY))
    return write(tmp_path, "net.prototxt", NET)


def test_values_and_gradients_are_the_users(net_file):
    net = caffe.Net(net_file, caffe.TRAIN)
    x, y = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
    net.blobs["x"].data[...], net.blobs["y"].data[...] = x, y
    output = net.forward()
    diff = 2 * x - y
    assert output["loss"].shape == (1,)
    np.testing.assert_allclose(output["loss"], (diff**2).sum() / 8, rtol=1e-5)
    net.clear_param_diffs()
    net.backward()
    np.testing.assert_allclose(net.params["gain"][0].diff, 3 / 4 * (diff * x).sum(axis=0), rtol=1e-4)
    np.testing.assert_allclose(net.blobs["gain"].diff, 3 / 4 * diff, rtol=1e-5)


def test_a_layer_is_the_users_own_object_and_keeps_its_state(net_file):
    net = caffe.Net(net_file, caffe.TEST)
    layer = net.layer_dict["gain"]
    assert type(layer).__name__ == "GainLayer"
    assert isinstance(layer, caffe.Layer)
    assert isinstance(net.layers[0], caffe.Layer)
    assert (layer.name, layer.type, layer.phase) == ("gain", "Python", caffe.TEST)
    assert json.loads(layer.param_str) == json.loads(layer.param_str_) == {"gain": 2}
    assert layer.blobs[0] is net.params["gain"][0]
    for _ in range(3):
        net.forward()
    assert layer.passes == 3


def test_parameters_are_saved_and_loaded(net_file, tmp_path):
    net = caffe.Net(net_file, caffe.TRAIN)
    net.params["gain"][0].data[...] = [5, 6, 7]
    net.save(str(tmp_path / "w.caffemodel"))
    again = caffe.Net(net_file, str(tmp_path / "w.caffemodel"), caffe.TEST)
    assert again.layer_dict["gain"].blobs[0].data.tolist() == [5, 6, 7]
    np.testing.assert_array_equal(again.forward(x=np.ones((4, 3)), y=np.zeros((4, 3)))["loss"], [(25 + 36 + 49) / 2])


def test_a_solver_trains_its_parameters_and_shares_them_with_the_test_net(net_file, tmp_path):
    solver_file = write(
        tmp_path,
        "solver.prototxt",
        f'net: "{net_file}" test_iter: 1 test_interval: 1000 test_initialization: false\n'
        'base_lr: 0.2 lr_policy: "fixed" max_iter: 100 random_seed: 1\n',
    )
    solver = caffe.SGDSolver(solver_file)
    for net in (solver.net, solver.test_nets[0]):
        x = np.random.default_rng(1).standard_normal((4, 3))
        net.blobs["x"].data[...], net.blobs["y"].data[...] = x, x * [1, -2, 0.5]
    solver.step(100)
    np.testing.assert_allclose(solver.net.params["gain"][0].data, [1, -2, 0.5], atol=1e-3)
    assert solver.test_nets[0].forward()["loss"] < 1e-4
    assert solver.test_nets[0].layer_dict["gain"] is not solver.net.layer_dict["gain"]


def test_a_reshaped_input_reaches_the_users_reshape(net_file):
    net = caffe.Net(net_file, caffe.TEST)
    net.forward()
    for name in ("x", "y"):
        net.blobs[name].reshape(2, 3)
    net.reshape()
    assert net.blobs["gain"].shape == (2, 3)
    np.testing.assert_array_equal(net.forward(x=np.ones((2, 3)), y=np.zeros((2, 3)))["loss"], [6])


def test_float64_nets_give_float64_arrays(monkeypatch):
    monkeypatch.syspath_prepend(str(LIBRARY))
    net = Net(NetSource.from_text(NET), pb.TRAIN, dtype=np.float64)
    net.forward()
    assert net.blobs["gain"].data.dtype == net.params["gain"][0].data.dtype == np.float64


def test_a_layer_in_place(user_net):
    file = user_net(layer_of("top[0].data[...] = bottom[0].data + 1"), 'bottom: "x" top: "x"')
    net = caffe.Net(file, caffe.TEST)
    assert (net.forward(x=np.ones((4, 3)))["x"] == 2).all()


def test_a_layer_without_bottoms_may_change_its_shape_at_every_pass(tmp_path):
    write(
        tmp_path,
        "growing_data.py",
        """
import caffe

class Growing(caffe.Layer):
    def setup(self, bottom, top):
        self.size = 1
        top[1].reshape(2)
        top[1].data[...] = 7

    def reshape(self, bottom, top):
        top[0].reshape(self.size, 3)

    def forward(self, bottom, top):
        top[0].data[...] = self.size
        self.size += 1

    def backward(self, top, propagate_down, bottom):
        pass
""",
    )
    text = (
        'layer { name: "d" type: "Python" top: "d" top: "constant"'
        ' python_param { module: "growing_data" layer: "Growing" } }\n'
        'layer { name: "ip" type: "InnerProduct" bottom: "d" top: "ip" inner_product_param { num_output: 2 } }\n'
        'layer { name: "s" type: "Softmax" bottom: "d" top: "s" }\n'
    )
    net = caffe.Net(write(tmp_path, "net.prototxt", text), caffe.TRAIN)
    assert net.blobs["constant"].data.tolist() == [7, 7]
    for size in (1, 2, 3):
        net.forward()
        assert (net.blobs["d"].data == size).all()
        assert net.blobs["ip"].shape == (size, 2)
        assert net.blobs["s"].shape == (size, 3)
    assert net.blobs["constant"].data.tolist() == [7, 7]


def test_arrays_that_the_layer_keeps_stay_up_to_date(user_net):
    body = layer_of(
        setup="self.kept = bottom[0]; self.array = None",
        forward="""
        if self.array is None:
            self.array = bottom[0].data
        top[0].data[...] = self.array + self.kept.data""",
    )
    net = caffe.Net(user_net(body), caffe.TEST)
    for value in (1, 5):
        assert (net.forward(x=np.full((4, 3), value))["t"] == 2 * value).all()


def test_the_module_is_found_beside_the_prototxt_and_in_the_working_directory(tmp_path, monkeypatch):
    for folder, module in (("nets", "beside"), ("work", "working")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, f"{module}.py", "import caffe\nimport neighbour_of_" + module + layer_of())
        write(tmp_path / folder, f"neighbour_of_{module}.py", "")
    monkeypatch.chdir(tmp_path / "work")
    for module in ("beside", "working"):
        text = (
            X + f'layer {{ type: "Python" bottom: "x" top: "t" python_param {{ module: "{module}" layer: "Mine" }} }}'
        )
        assert caffe.Net(write(tmp_path / "nets", "net.prototxt", text), caffe.TEST).blobs["t"].shape == (4, 3)


def test_import_caffe_means_the_same_modules():
    provide_caffe()
    provide_caffe()
    for name in ("", ".io", ".net_spec", ".proto", ".proto.caffe_pb2", ".pycaffe", ".coord_map", ".draw"):
        assert importlib.import_module("caffe" + name) is importlib.import_module("netcli.pycaffe" + name)
    assert caffe.io.__spec__.name == "netcli.pycaffe.io"
    assert importlib.import_module("caffe").__spec__.name == "netcli.pycaffe"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("caffe.absent")


CANARY = "import pathlib\npathlib.Path(__file__).with_name('loaded').touch()\n"


def test_check_and_show_load_no_code(user_net, tmp_path):
    file = user_net(CANARY + layer_of())
    behind = (
        'layer { name: "ip" type: "InnerProduct" bottom: "t" top: "ip" inner_product_param { num_output: 2 } }\n'
        'layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }\n'
        'layer { name: "apart" type: "TanH" bottom: "x" top: "apart" }\n'
    )
    Path(file).write_text(Path(file).read_text() + behind)
    checked = CliRunner().invoke(main, ["check", file])
    assert checked.exit_code == 0
    assert checked.stdout.count("NC135") == 1
    assert "note: " in checked.stdout
    assert "net.prototxt:2:1: layer 'mine' (Python): the shapes of its tops" in checked.stdout
    shown = CliRunner().invoke(main, ["show", file, "--json"])
    assert shown.exit_code == 0
    assert "NC135" in shown.stderr
    assert [layer["name"] for layer in json.loads(shown.stdout)["layers"]] == ["x", "apart"]
    assert not (tmp_path / "loaded").exists()
    caffe.Net(file, caffe.TEST)
    assert (tmp_path / "loaded").exists()


def test_check_finds_what_is_wrong_behind_a_python_layer(user_net):
    file = user_net(layer_of())
    Path(file).write_text(Path(file).read_text() + 'layer { name: "r" type: "ReLU" bottom: "tt" top: "r" }\n')
    checked = CliRunner().invoke(main, ["check", file])
    assert checked.exit_code == 3
    assert "unknown bottom 'tt'" in checked.stdout


@pytest.mark.parametrize("missing", ["module", "layer"])
def test_module_and_layer_must_be_named(missing):
    given = {"module": 'layer: "A"', "layer": 'module: "a"'}[missing]
    text = X + f'layer {{ name: "p" type: "Python" bottom: "x" top: "t" python_param {{ {given} }} }}'
    with pytest.raises(NetcliError, match=rf"<string>:2:\d+: layer 'p' \(Python\): {missing} is missing \[NC120\]"):
        build_graph(NetSource.from_text(text), pb.TEST)


def failure(file: str) -> str:
    with pytest.raises(RunError) as caught:
        caffe.Net(file, caffe.TRAIN).forward()
    return str(caught.value)


def test_a_missing_module_is_named_with_the_nearest(user_net, tmp_path):
    file = user_net(layer_of())
    (tmp_path / "mine.py").rename(tmp_path / "mime.py")
    message = failure(file)
    assert "net.prototxt:2:1: layer 'mine' (Python): no module 'mine'. hint: did you mean 'mime'? [NC540]" in message
    (tmp_path / "mime.py").unlink()
    assert f"looked on sys.path (see PYTHONPATH), in {Path.cwd()}, {tmp_path}" in failure(file)


def test_a_missing_class_is_named_with_the_nearest(user_net):
    message = failure(user_net("class Mime(caffe.Layer): pass\n"))
    assert "mine.py) has no class 'Mine'. hint: did you mean 'Mime'? [NC540]" in message


def test_a_missing_method_is_named(user_net):
    assert "mine.Mine has no method 'setup' [NC540]" in failure(user_net("class Mine(caffe.Layer): pass\n"))


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        ("x = 1 +\n", 3, r"loading mine.Mine failed at .*: SyntaxError"),
        ("import no_such_dependency\n", 3, r"ModuleNotFoundError: No module named 'no_such_dependency'"),
        (layer_of(setup="1 / 0"), 6, r"setup\(\) of mine.Mine failed at .*: ZeroDivisionError: division by zero"),
        (layer_of(reshape="top[0].reshape(-1)"), 9, r"reshape\(\) of mine.Mine failed .*NC582"),
        (layer_of("np.ones(3) @ np.ones(4)"), 12, r"forward\(\) of mine.Mine failed .*ValueError"),
        (layer_of("top[3].data[...] = 1"), 12, r"IndexError"),
    ],
)
def test_what_the_users_code_raises_is_told_with_its_line(user_net, tmp_path, body, line, what):
    with pytest.raises(RunError, match=what) as caught:
        caffe.Net(user_net(body), caffe.TRAIN).forward()
    assert "layer 'mine' (Python)" in str(caught.value)
    assert f"{tmp_path / 'mine.py'}:{line}: " in str(caught.value)
    assert caught.value.code == "NC541"
    assert caught.value.__cause__ is not None


def test_backward_fails_like_the_others(user_net):
    file = user_net(layer_of() + "        raise KeyError('k')\n", 'bottom: "x" top: "t" loss_weight: 1')
    Path(file).write_text("force_backward: true\n" + Path(file).read_text())
    net = caffe.Net(file, caffe.TRAIN)
    net.forward()
    with pytest.raises(RunError, match=r"backward\(\) of mine.Mine failed at .*mine.py:16: KeyError: 'k'"):
        net.backward()


def test_netcli_test_averages_what_is_behind_a_python_layer(net_file, tmp_path):
    """A loss of shape (1,), and an output with one value for each item, which the plan alone cannot tell."""
    fixed = """
layer {
  name: "x" type: "DummyData" top: "x" top: "y"
  dummy_data_param { shape { dim: 4 dim: 3 } data_filler { value: 1 } data_filler { value: 0 } }
}
"""
    by_item = 'layer { name: "item" type: "Reduction" bottom: "gain" top: "item" reduction_param { axis: 1 } }\n'
    file = write(tmp_path, "fixed.prototxt", fixed + GAIN + LOSS + by_item)
    caffe.Net(file, caffe.TEST).save(str(tmp_path / "w.caffemodel"))
    done = CliRunner().invoke(
        main, ["test", file, "--weights", str(tmp_path / "w.caffemodel"), "--iterations", "3", "--json"]
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == {"loss": 6.0, "item": 6.0}


def test_the_traceback_is_shown_with_debug_only(user_net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    user_net(layer_of("raise RuntimeError('no luck')"), 'bottom: "x" top: "t" loss_weight: 1')
    write(tmp_path, "solver.prototxt", 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 1')
    plain = CliRunner().invoke(main, ["train", "solver.prototxt"])
    assert plain.exit_code == 1
    assert "mine.py:12: RuntimeError: no luck" in plain.stderr
    assert "Traceback" not in plain.stderr
    debug = CliRunner().invoke(main, ["train", "solver.prototxt", "--debug"])
    assert "Traceback" in debug.stderr
    assert "raise RuntimeError('no luck')" in debug.stderr
