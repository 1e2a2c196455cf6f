"""All processes that the launcher has started, and what they do together: a thin layer over mpi4py."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from netcli.errors import RunError
from netcli.runtime.threads import available_core_set

if TYPE_CHECKING:
    from mpi4py import MPI

T = TypeVar("T")

_give_way: Callable[[], object] = getattr(os, "sched_yield", lambda: time.sleep(0))


class World:
    """The processes of a run.

    Args:
        launched: how many the launcher says that it has started.
        comm: those that take part; all of them by default.

    Attributes:
        rank, size: which of how many this one is.
        local_rank, local_size: the same among those on this machine.
        machines: on how many machines they run.
        cores: of this machine that are this process's own, if they are shared out evenly.
        library: name and version of the MPI.
    """

    def __init__(self, launched: int, comm: MPI.Intracomm | None = None) -> None:
        """Raises RunError NC535 without mpi4py or without its MPI, NC534 if MPI knows of other processes."""
        mpi = _mpi()
        self._mpi = mpi
        self._comm = mpi.COMM_WORLD if comm is None else comm
        self.rank, self.size = self._comm.rank, self._comm.size
        self.library = mpi.Get_library_version().splitlines()[0].split(",")[0].rstrip("\0 ")
        check_launch(launched, self.size, self.library)
        local = self._comm.Split_type(mpi.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = local.rank, local.size
        sets = local.allgather(available_core_set())
        mine = sets[local.rank]
        rivals = sum(1 for cores in sets if cores & mine)
        self.cores = max(1, len(mine) // rivals)
        self.machines = self.add_number(1 if local.rank == 0 else 0)
        local.Free()

    def add(self, array: np.ndarray) -> None:
        """Adds up ``array`` over all processes, in place."""
        self.wait([self.start_adding(array)])

    def start_adding(self, array: np.ndarray) -> MPI.Request:
        """``add`` that goes on in the background: the array belongs to MPI until the request is done."""
        return self._comm.Iallreduce(self._mpi.IN_PLACE, array)

    def add_number(self, value: float) -> int:
        """The sum of a whole number over all processes."""
        return int(self._comm.allreduce(value))

    def test(self, requests: list[MPI.Request]) -> None:
        """Lets MPI get on with ``requests``."""
        self._mpi.Request.Testall(requests)

    def wait(self, requests: list[MPI.Request]) -> None:
        """Waits for all of them, and lets others have the core: with more processes than cores they are awaited."""
        while not self._mpi.Request.Testall(requests):
            _give_way()

    def spread(self, array: np.ndarray) -> None:
        """Overwrites ``array`` with that of rank 0."""
        self._comm.Bcast(array)

    def from_leader(self, value: T | None) -> T:
        """The value of rank 0; anything that can be pickled."""
        received: T = self._comm.bcast(value)
        return received

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in the order of the ranks."""
        gathered: list[T] = self._comm.allgather(value)
        return gathered

    def abort(self, code: int) -> None:
        """Ends all processes with the exit code ``code``, without their consent."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._comm.Abort(code)


def check_launch(launched: int, size: int, library: str) -> None:
    """Raises RunError NC534 if MPI knows of ``size`` processes, and the launcher has started another number."""
    if size != launched:
        raise RunError.of(
            "NC534", "the launcher and MPI do not belong together",
            expected=f"{launched} processes, as the launcher says", actual=f"{size}, as {library} says",
            hint="start with the mpiexec of the MPI that mpi4py finds, "
            "or build mpi4py for the launcher's: pip install --no-binary mpi4py mpi4py",
        )  # fmt: skip


def no_mpi(error: Exception) -> RunError:
    """NC535 for what importing mpi4py has raised: it is not there, or finds no MPI."""
    reason = str(error).partition("\n")[0]
    return RunError.of(
        "NC535", f"a launcher has started several processes, and there is no MPI for them: {reason}",
        hint="pip install 'netcli[mpi]', or load the MPI module of the cluster",
    )  # fmt: skip


def _mpi() -> Any:
    """mpi4py's module; importing it starts MPI."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise no_mpi(error) from error
    return MPI
