"""What the ranks of the tests run: ``mpiexec -n 4 python rank_programs.py NAME``. Rank 0 prints its results as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from mpi4py import MPI

from netcli.data.feed import Feeds
from netcli.distributed.ranks import MpiRanks
from netcli.distributed.world import World
from netcli.errors import RunError
from netcli.prototxt import SolverSource, load_solver
from netcli.runtime.blob import PLAIN
from netcli.runtime.threads import set_threads
from netcli.solver import Solver, events
from netcli.solver.ranks import ALONE, OneRank

ITERATIONS = 50
COUNTS = (2, 3, 4)


def on_first(count: int) -> MPI.Intracomm | None:
    """A communicator of the first ``count`` ranks; None on the others."""
    world = MPI.COMM_WORLD
    comm = world.Split(0 if world.rank < count else MPI.UNDEFINED)
    return None if comm == MPI.COMM_NULL else comm


def losses(source: SolverSource, ranks: OneRank) -> dict[str, Any]:
    """Of every iteration and every test."""
    told: list[events.Event] = []
    solver = Solver(source, feeds=lambda net: Feeds(net.file, 1), seed=1, listeners=[told.append], ranks=ranks)
    solver.step(source.param.max_iter)
    solver.test_all()
    solver.close()
    return {
        "train": [event.loss for event in told if isinstance(event, events.Train)],
        "test": [event.outputs for event in told if isinstance(event, events.Test)],
        "images": sum(event.images for event in told if isinstance(event, events.Train)),
        "waited": [event.comm_wait for event in told if isinstance(event, events.Train)],
    }


def lenet(kind: str) -> SolverSource:
    """LeNet with batches that no number of ranks but 3 divides; at this rate rounding is not blown up."""
    source = load_solver(sys.argv[2])
    param = source.param
    param.type, param.base_lr, param.max_iter, param.display = kind, 0.001, ITERATIONS, 1
    param.test_interval, param.test_iter[0] = 20, 5
    if kind == "Adam":
        param.momentum2, param.base_lr = 0.999, 0.0001
    for layer in param.net_param.layer:
        if layer.type == "Data":
            layer.data_param.batch_size = 15
    return source


def train_lenet() -> dict[str, Any]:
    """LeNet on one, two, three and four ranks."""
    results: dict[str, Any] = {}
    for kind in ("SGD", "Adam"):
        if MPI.COMM_WORLD.rank == 0:
            results[f"{kind} 1"] = losses(lenet(kind), ALONE)
        for count in COUNTS:
            comm = on_first(count)
            if comm is not None:
                results[f"{kind} {count}"] = losses(lenet(kind), MpiRanks(World(count, comm)))
    return results


def weak() -> dict[str, Any]:
    """Two ranks with a batch each, and one with a batch of both."""
    results: dict[str, Any] = {}
    comm = on_first(2)
    source = load_solver(sys.argv[2])
    if comm is not None:
        results["2"] = losses(source, MpiRanks(World(2, comm), "weak"))
    for layer in source.param.net_param.layer:
        if layer.type == "Data" and layer.include[0].phase == 0:
            layer.data_param.batch_size *= 2
    results["1"] = losses(source, ALONE)
    return results


def drift() -> dict[str, Any]:
    """One rank's weights change behind the others' backs."""
    ranks = MpiRanks(World(MPI.COMM_WORLD.size))
    solver = Solver(load_solver(sys.argv[2]), feeds=lambda net: Feeds(net.file, 1), seed=1, ranks=ranks)
    solver.step(1)
    if ranks.rank == 2:
        solver.net.learnable[0].blob.values.update(PLAIN)[0, 0] += np.float32(1e-6)
    try:
        solver.step(1)
    except RunError as error:
        return {"message": str(error)}
    finally:
        solver.close()
    return {"message": ""}


def stop() -> dict[str, Any]:
    """One rank is asked to stop; all end after the same iteration."""
    ranks = MpiRanks(World(MPI.COMM_WORLD.size))
    solver = Solver(load_solver(sys.argv[2]), feeds=lambda net: Feeds(net.file, 1), seed=1, ranks=ranks)

    def ask(event: events.Event) -> None:
        if isinstance(event, events.Progress) and event.iteration == 5 and ranks.rank == 1:
            solver.request(events.Request.STOP)

    solver.listeners.append(ask)
    solver.step(50)
    solver.close()
    return {"iterations": MPI.COMM_WORLD.gather(solver.iteration)}


def on_device() -> dict[str, Any]:
    """The losses of all ranks on GPUs, and of one on the CPU."""

    def told(device: str, ranks: OneRank) -> list[float]:
        found: list[events.Event] = []
        solver = Solver(load_solver(sys.argv[2]), seed=1, listeners=[found.append], ranks=ranks, device=device)
        solver.step(solver.param.max_iter)
        solver.close()
        return [event.loss for event in found if isinstance(event, events.Train)]

    ranks = MpiRanks(World(MPI.COMM_WORLD.size))
    return {"cuda": told("cuda", ranks), "cpu": told("cpu", ALONE)}


PROGRAMS: dict[str, Callable[[], dict[str, Any]]] = {
    program.__name__: program for program in (train_lenet, weak, drift, stop, on_device)
}

if __name__ == "__main__":
    set_threads(1)
    result = PROGRAMS[sys.argv[1]]()
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(result), flush=True)
