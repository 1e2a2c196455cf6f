"""A solver as it was read, and the nets that it names by Caffe's rules."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from netcli.errors import ConfigError, Finding, Place
from netcli.prototxt.annealing_override import override_annealing
from netcli.prototxt.files import read_text, resolve_path
from netcli.prototxt.kinds import is_solver_text, raise_errors
from netcli.prototxt.net_source import NetSource, load_net
from netcli.prototxt.nodes import Node
from netcli.prototxt.parser import parse_text
from netcli.prototxt.upgrade import upgrade_solver
from netcli.schema import caffe_pb2 as pb

_TRAIN_FIELDS = ("net_param", "train_net_param", "net", "train_net")


@dataclass
class SolverSource:
    """A solver in modern form; ``param.net_param`` and its kin are upgraded too. Attributes as in NetSource."""

    param: pb.SolverParameter
    node: Node | None
    file: str | None
    notices: list[Finding] = field(default_factory=list)

    def place(self, *path: str | int) -> Place | None:
        """Where the value at ``path`` stands, else the nearest thing around it; None for a bare message."""
        if self.node is not None:
            return self.node.find(*path).best_place
        return Place(self.file) if self.file else None

    def train_net(self) -> NetSource:
        """The net to train, ``param.state`` merged as in Caffe: TRAIN, the net's own state, ``train_state``.

        Rules are not applied yet: that is ``filtered(net, net.param.state)``.

        Raises:
            ConfigError: NC020 unless exactly one net is given; NC001 and parse errors of its file.
        """
        return _train_net(self)

    def test_nets(self) -> list[NetSource]:
        """The nets to test, one for each ``test_iter``, states merged as in Caffe.

        First each ``test_net_param``, then each ``test_net``, then ``net`` or ``net_param`` for the rest.

        Raises:
            ConfigError: NC021 if the counts of nets, ``test_iter`` and ``test_state`` disagree or
                ``test_interval`` is missing.
        """
        return _test_nets(self)

    @classmethod
    def from_message(cls, param: pb.SolverParameter, file: str | None = None) -> SolverSource:
        """A solver from a message, upgraded if it is old; ``param`` itself stays as it is."""
        param, node, notices = upgrade_solver(param, None, file)
        return cls(param, node, file, notices)

    @classmethod
    def from_text(cls, text: str, file: str = "<string>") -> SolverSource:
        """A solver from prototxt. Raises ConfigError with all findings."""
        param, node, findings = parse_text(text, pb.SolverParameter, file)
        raise_errors(findings)
        upgraded, new_node, notices = upgrade_solver(param, node, file)
        return cls(upgraded, new_node, file, findings + notices)


def load_solver(path: str | os.PathLike[str]) -> SolverSource:
    """Read a solver. Raises ConfigError as ``load`` does, and NC019 if the file is a net."""
    text = read_text(path)
    file = os.fspath(path)
    if not is_solver_text(text):
        raise ConfigError.of(
            "NC019", "the file is a net", place=Place(file), expected="a solver", hint="give the solver that trains it"
        )
    return SolverSource.from_text(text, file)


def _train_net(solver: SolverSource) -> NetSource:
    given = [name for name in _TRAIN_FIELDS if solver.param.HasField(name)]
    if len(given) != 1:
        raise ConfigError.of(
            "NC020",
            "the solver names no net to train" if not given else "the solver names more than one net to train",
            place=solver.place(given[1]) if given else solver.place(),
            expected="exactly one of " + ", ".join(_TRAIN_FIELDS),
            actual=", ".join(given) if given else None,
        )
    net = _net_of(solver, given[0])
    extra = solver.param.train_state if solver.param.HasField("train_state") else None
    _set_state(net, pb.TRAIN, extra)
    return net


def _test_nets(solver: SolverSource) -> list[NetSource]:
    param = solver.param
    given = [name for name in ("net_param", "net") if param.HasField(name)]
    if len(given) > 1:
        raise ConfigError.of(
            "NC020", "both net and net_param are given", place=solver.place("net"), hint="keep one of the two"
        )
    own: list[tuple[str, int]] = [("test_net_param", i) for i in range(len(param.test_net_param))]
    own += [("test_net", i) for i in range(len(param.test_net))]
    _check_counts(solver, len(own), bool(given))
    nets = [_net_of(solver, name, index) for name, index in own]
    shared = len(param.test_iter) - len(own)
    if shared:
        first = _net_of(solver, given[0])
        nets += [first, *(_copy(first) for _ in range(shared - 1))]
    for i, net in enumerate(nets):
        _set_state(net, pb.TEST, param.test_state[i] if param.test_state else None)
    return nets


def _check_counts(solver: SolverSource, own: int, has_shared: bool) -> None:
    param = solver.param
    iters = len(param.test_iter)
    if iters < own or (iters > own and not has_shared):
        raise ConfigError.of(
            "NC021",
            "test_iter must be given once for each test net",
            place=solver.place("test_iter"),
            expected=f"{own}" if not has_shared else f"at least {own}",
            actual=iters,
        )
    if param.test_state and len(param.test_state) != iters:
        raise ConfigError.of(
            "NC021",
            "test_state must be given once for each test net, or not at all",
            place=solver.place("test_state"),
            expected=iters,
            actual=len(param.test_state),
        )
    if iters and param.test_interval <= 0:
        raise ConfigError.of(
            "NC021",
            "test_interval must be positive when there is a test net",
            place=solver.place("test_interval"),
            expected="a positive number of iterations",
            actual=param.test_interval,
        )


def _net_of(solver: SolverSource, name: str, index: int = 0) -> NetSource:
    """The net that a field of the solver holds, or that stands in the file it names, with the solver's lambda."""
    value = getattr(solver.param, name)
    if name.startswith("test_"):
        value = value[index]
    if isinstance(value, str):
        net = load_net(resolve_path(value, solver.file, solver.place(name, index)))
        override_annealing(net.param, solver.param)
        return net
    param = pb.NetParameter()
    param.CopyFrom(value)
    override_annealing(param, solver.param)
    node: Node | None = None
    if solver.node is not None:
        node = solver.node.children[name][index]
    return NetSource(param, node, solver.file)


def _copy(net: NetSource) -> NetSource:
    param = pb.NetParameter()
    param.CopyFrom(net.param)
    return NetSource(param, net.node, net.file, list(net.notices))


def _set_state(net: NetSource, phase: pb.Phase, extra: pb.NetState | None) -> None:
    """The phase, then what the net says of its state, then what the solver says."""
    state = pb.NetState(phase=phase)
    if net.param.HasField("state"):
        state.MergeFrom(net.param.state)
    if extra is not None:
        state.MergeFrom(extra)
    net.param.state.CopyFrom(state)
