"""pycaffe's solvers over ``netcli.solver.Solver``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from netcli import solver as core
from netcli.data.feed import Feeds
from netcli.prototxt import load_solver
from netcli.pycaffe.net import Net
from netcli.pycaffe.seeds import next_seed
from netcli.schema import caffe_pb2 as pb

PathName = str | os.PathLike[str]


class Solver:
    """A solver of the type that its prototxt names.

    Args:
        solver_file: the solver's prototxt.

    Attributes:
        net: the net that is trained.
        test_nets: the nets that it is tested with; they share its parameters.

    Raises:
        ConfigError: the file is not a solver (NC019 if it is a net), or a net of it cannot be planned.
    """

    type_name: ClassVar[str | None] = None

    def __init__(self, solver_file: PathName) -> None:
        source = load_solver(solver_file)
        if self.type_name is not None:
            source.param.type = self.type_name
        seed = source.param.random_seed if source.param.random_seed >= 0 else next_seed()
        prefix = str(Path(solver_file).with_suffix(""))
        self._solver = core.Solver(
            source, feeds=lambda net: Feeds(net.file, seed, needed=True), seed=seed, default_prefix=prefix
        )
        self.net = Net.over(self._solver.net)
        self.test_nets = [Net.over(net) for net in self._solver.test_nets]

    @property
    def iter(self) -> int:
        """Iterations done."""
        return self._solver.iteration

    @property
    def param(self) -> pb.SolverParameter:
        """The solver's settings."""
        return self._solver.param

    @property
    def max_iter(self) -> int:
        """Where ``solve`` ends."""
        return self.param.max_iter

    def step(self, iterations: int) -> None:
        """Trains for ``iterations``, with tests and snapshots where the settings ask for them."""
        try:
            self._solver.step(iterations)
        finally:
            self._keep_live()

    def solve(self, resume_file: PathName | None = None) -> None:
        """Trains up to ``max_iter``, from a .solverstate if one is given."""
        if resume_file is not None:
            self.restore(resume_file)
        try:
            self._solver.solve()
        finally:
            self._keep_live()

    def snapshot(self) -> None:
        """Writes weights and state as PREFIX_iter_N.caffemodel and .solverstate."""
        self._solver.snapshot()

    def restore(self, path: PathName) -> None:
        """Goes on from a .solverstate, weights included."""
        try:
            self._solver.restore(os.fspath(path))
        finally:
            self._keep_live()

    def share_weights(self, net: Net) -> None:
        """Trains the parameters of ``net`` from now on, wherever layer names agree."""
        self.net.share_with(net)

    def apply_update(self) -> None:
        """Updates the parameters by their gradients, at the learning rate of this iteration."""
        self._solver.apply_update()
        self._keep_live()

    def add_callback(self, on_start: Callable[[], object], on_gradients_ready: Callable[[], object]) -> None:
        """Calls ``on_start`` before each iteration and ``on_gradients_ready`` before each update."""
        self._solver.before_iteration.append(lambda: self._call(on_start))
        self._solver.before_update.append(lambda: self._call(on_gradients_ready))

    def _call(self, callback: Callable[[], object]) -> None:
        """Lets ``callback`` see the state of now in every array that it holds."""
        self._keep_live()
        callback()

    def _keep_live(self) -> None:
        for net in (self.net, *self.test_nets):
            net.keep_live()


class SGDSolver(Solver):
    """Stochastic gradient descent with momentum, whatever ``type`` the prototxt names."""

    type_name = "SGD"


class NesterovSolver(Solver):
    """Nesterov's accelerated gradient."""

    type_name = "Nesterov"


class AdaGradSolver(Solver):
    """AdaGrad."""

    type_name = "AdaGrad"


class RMSPropSolver(Solver):
    """RMSProp."""

    type_name = "RMSProp"


class AdaDeltaSolver(Solver):
    """AdaDelta."""

    type_name = "AdaDelta"


class AdamSolver(Solver):
    """Adam."""

    type_name = "Adam"


_BY_TYPE = {
    solver.type_name: solver
    for solver in (SGDSolver, NesterovSolver, AdaGradSolver, RMSPropSolver, AdaDeltaSolver, AdamSolver)
}


def get_solver(solver_file: PathName) -> Solver:
    """The solver of the type that the prototxt names. Raises ConfigError as ``Solver``."""
    named = load_solver(solver_file).param.type
    return _BY_TYPE.get(named, Solver)(solver_file)
