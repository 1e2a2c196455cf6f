"""Which nets a solver trains and tests, and in which state, by Caffe's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcli.errors import ConfigError
from netcli.prototxt import NetSource, SolverSource, load_solver
from netcli.schema import caffe_pb2 as pb

NET = 'name: "%s" layer { name: "a" type: "Input" top: "a" }'


def solver(text: str) -> SolverSource:
    return SolverSource.from_text(text, "solver.prototxt")


def described(net: NetSource) -> tuple[str, str, int, list[str]]:
    state = net.param.state
    return net.param.name, pb.Phase.Name(state.phase), state.level, list(state.stage)


def refusal(source: SolverSource, nets: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        getattr(source, nets)()
    return caught.value


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Net files one, two and three."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "three"):
        (tmp_path / name).write_text(NET % name)
    return tmp_path


@pytest.mark.parametrize("field", ["net", "train_net"])
def test_train_net_in_a_file(field: str, files: Path) -> None:
    net = solver(f'{field}: "one"').train_net()
    assert described(net) == ("one", "TRAIN", 0, [])
    assert net.file == "one"


@pytest.mark.parametrize("field", ["net_param", "train_net_param"])
def test_train_net_in_place(field: str) -> None:
    net = solver(f"base_lr: 1\n{field} {{ {NET % 'x'} }}").train_net()
    assert described(net) == ("x", "TRAIN", 0, [])
    assert net.file == "solver.prototxt"
    place = net.layers()[0].place("name")
    assert place is not None
    assert place.line == 2


def test_no_net_and_two_nets() -> None:
    none = refusal(solver("base_lr: 1"), "train_net")
    two = refusal(solver('net: "one"\ntrain_net: "two"'), "train_net")
    assert (none.code, two.code) == ("NC020", "NC020")
    assert none.findings[0].expected == "exactly one of net_param, train_net_param, net, train_net"
    assert two.findings[0].actual == "net, train_net"
    assert str(two.findings[0].place) == "solver.prototxt:2:12"


def test_train_state_goes_over_the_nets_own() -> None:
    text = 'net_param { state { level: 1 stage: "n" } } train_state { level: 2 stage: "t" }'
    assert described(solver(text).train_net()) == ("", "TRAIN", 2, ["n", "t"])


def test_a_state_may_even_change_the_phase() -> None:
    assert described(solver("net_param { state { phase: TEST } }").train_net())[1] == "TEST"


def test_the_solver_keeps_its_own_message() -> None:
    source = solver(f"net_param {{ {NET % 'x'} }}")
    source.train_net().param.layer[0].name = "changed"
    assert source.param.net_param.layer[0].name == "a"
    assert not source.param.net_param.HasField("state")


def test_the_net_is_also_tested() -> None:
    nets = solver(f"net_param {{ {NET % 'x'} }} test_iter: 10 test_iter: 5 test_interval: 100").test_nets()
    assert [described(net) for net in nets] == [("x", "TEST", 0, [])] * 2
    nets[0].param.name = "changed"
    assert nets[1].param.name == "x"


def test_the_order_of_test_nets(files: Path) -> None:
    text = (
        'net: "one" test_net: ["two", "three"] test_net_param { name: "p" } '
        "test_iter: [1, 2, 3, 4, 5] test_interval: 1 "
        'test_state [{ stage: "a" }, { stage: "b" }, { stage: "c" }, { stage: "d" }, { stage: "e" }]'
    )
    assert [described(net) for net in solver(text).test_nets()] == [
        ("p", "TEST", 0, ["a"]),
        ("two", "TEST", 0, ["b"]),
        ("three", "TEST", 0, ["c"]),
        ("one", "TEST", 0, ["d"]),
        ("one", "TEST", 0, ["e"]),
    ]


def test_no_test_nets() -> None:
    assert solver("net_param { }").test_nets() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train_net_param { } test_iter: 1 test_interval: 1", "test_iter"),
        ("net_param { } test_net_param { } test_interval: 1", "test_iter"),
        ("test_net_param { } test_net_param { } test_iter: 1 test_interval: 1", "test_iter"),
        ("net_param { } test_iter: 1 test_interval: 1 test_state { } test_state { }", "test_state"),
        ("net_param { } test_state { }", "test_state"),
        ("net_param { } test_iter: 1", "test_interval"),
        ("net_param { } test_iter: 1 test_interval: -1", "test_interval"),
    ],
)
def test_counts_that_disagree(text: str, words: str) -> None:
    error = refusal(solver(text), "test_nets")
    assert error.code == "NC021"
    assert words in error.findings[0].message


def test_net_and_net_param_together() -> None:
    assert refusal(solver('net: "one" net_param { } test_iter: 1'), "test_nets").code == "NC020"


def test_a_missing_net_file_is_told_where_it_is_named(files: Path) -> None:
    error = refusal(solver('base_lr: 1\nnet: "four"'), "train_net")
    assert error.code == "NC001"
    assert str(error.findings[0].place) == "solver.prototxt:2:6"


def test_a_solver_as_a_net_is_refused(files: Path) -> None:
    (files / "four").write_text('net: "one"')
    assert refusal(solver('net: "four"'), "train_net").code == "NC019"


def test_the_nets_path_is_found_beside_the_solver(tmp_path: Path) -> None:
    folder = tmp_path / "examples" / "mnist"
    folder.mkdir(parents=True)
    (folder / "net.prototxt").write_text(NET % "found")
    (folder / "solver.prototxt").write_text('net: "examples/mnist/net.prototxt"')
    net = load_solver(folder / "solver.prototxt").train_net()
    assert (net.param.name, net.file) == ("found", str(folder / "net.prototxt"))


def test_old_nets_inside_a_solver_are_upgraded(files: Path) -> None:
    text = (
        'net_param {\n  layers { name: "fc" type: INNER_PRODUCT\n    blobs_lr: 7 }\n}\n'
        'test_net_param { input: "x" input_shape { dim: 1 } } test_net_param { name: "new" }\n'
        "test_iter: [1, 1] test_interval: 5 solver_type: ADAM"
    )
    source = solver(text)
    assert (source.param.type, source.param.HasField("solver_type")) == ("Adam", False)
    assert [notice.code for notice in source.notices] == ["NC055", "NC051", "NC053"]
    layer = source.train_net().layers()[0]
    assert (layer.param.type, layer.param.param[0].lr_mult) == ("InnerProduct", 7)
    assert str(layer.place("param", 0, "lr_mult")) == "solver.prototxt:3:15"
    assert str(source.place("type")) == "solver.prototxt:6:49"
    first, second = source.test_nets()
    assert (first.param.layer[0].type, second.param.name) == ("Input", "new")
    assert str(first.layers()[0].place("top", 0)) == "solver.prototxt:5:25"


def test_a_solver_from_a_message() -> None:
    message = pb.SolverParameter(base_lr=0.5, solver_type=pb.SolverParameter.NESTEROV)
    message.net_param.layers.add(name="r", type=pb.V1LayerParameter.RELU)
    source = SolverSource.from_message(message, "made.prototxt")
    assert source.param.type == "Nesterov"
    assert source.train_net().layers()[0].param.type == "ReLU"
    assert source.place("base_lr") is not None
    assert SolverSource.from_message(message).place("base_lr") is None
    assert message.HasField("solver_type")
