"""What pycaffe has for training on several GPUs, of which netcli does one thing: it trains with one solver."""

from __future__ import annotations

from netcli.errors import RunError


def solver_count() -> int:
    """How many solvers train together: one."""
    return 1


def set_solver_count(count: int) -> None:
    """Raises RunError NC580 unless ``count`` is 1."""
    if count != 1:
        raise _one_solver("set_solver_count", "1", count)


def solver_rank() -> int:
    """Which of the solvers this is: the first."""
    return 0


def set_solver_rank(rank: int) -> None:
    """Raises RunError NC580 unless ``rank`` is 0."""
    if rank != 0:
        raise _one_solver("set_solver_rank", "0", rank)


def set_multiprocess(multiprocess: bool) -> None:
    """Whether each solver has a process of its own; with one solver it makes no difference."""


def has_nccl() -> bool:
    """False: there is no communication between GPUs."""
    return False


class NCCL:
    """Not there: making one raises RunError NC580, as does ``new_uid``."""

    def __init__(self, solver: object, uid: str) -> None:
        raise _one_solver("NCCL", "caffe.has_nccl() to be asked first")

    @staticmethod
    def new_uid() -> str:
        """Raises RunError NC580."""
        raise _one_solver("NCCL.new_uid", "caffe.has_nccl() to be asked first")


def _one_solver(call: str, expected: str, actual: int | None = None) -> RunError:
    return RunError.of(
        "NC580", f"{call}: netcli.pycaffe trains with one solver, on one device", expected=expected, actual=actual
    )
