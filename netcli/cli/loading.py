"""From the FILE argument to the net of a phase, be FILE a solver or a net."""

from __future__ import annotations

from netcli.prototxt import NetSource, SolverSource, load
from netcli.schema import caffe_pb2 as pb


def load_net_of(file: str, phase: str | None) -> tuple[NetSource, int | None]:
    """The net in ``file`` and the phase to plan it for; None leaves the phase to the net's own state.

    Of a solver it is the training net by default, the first test net for phase TEST.

    Raises:
        ConfigError: with all findings.
    """
    source = load(file)
    wanted = None if phase is None else pb.Phase.Value(phase)
    if isinstance(source, NetSource):
        return source, wanted
    return net_of_solver(source, wanted), wanted


def net_of_solver(solver: SolverSource, phase: int | None) -> NetSource:
    """The training net, or for phase TEST the first test net. Raises ConfigError."""
    if phase == pb.TEST:
        test_nets = solver.test_nets()
        if test_nets:
            return test_nets[0]
    return solver.train_net()
