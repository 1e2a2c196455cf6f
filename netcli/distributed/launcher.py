"""Whether a launcher (mpiexec, srun) has started this process as one of several. MPI itself is not asked."""

from __future__ import annotations

import os
from collections.abc import Mapping

_RANKS_IN = (
    "PMI_SIZE",  # MPICH, Intel MPI, Cray MPICH, srun --mpi=pmi2
    "OMPI_COMM_WORLD_SIZE",  # Open MPI
    "MV2_COMM_WORLD_SIZE",  # MVAPICH
    "SLURM_STEP_NUM_TASKS",  # srun; a batch script itself is a step of one task
)
"""Variables in which launchers say how many processes they have started."""

_RANK_IN = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")


def launched_ranks(environment: Mapping[str, str] = os.environ) -> int:
    """How many processes the launcher says that it has started; 1 without a launcher."""
    for name in _RANKS_IN:
        value = environment.get(name, "")
        if value.isdecimal() and int(value) > 1:
            return int(value)
    return 1


def launched_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Which of the processes this one is, as the launcher says; 0 without a launcher."""
    for name in _RANK_IN:
        value = environment.get(name, "")
        if value.isdecimal():
            return int(value)
    return 0
