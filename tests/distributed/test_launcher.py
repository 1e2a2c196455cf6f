"""What launchers leave in the environment."""

from __future__ import annotations

import pytest

from netcli.distributed.launcher import launched_rank, launched_ranks
from netcli.distributed.world import check_launch
from netcli.errors import RunError


@pytest.mark.parametrize(
    ("environment", "ranks", "rank"),
    [
        ({}, 1, 0),
        ({"PMI_SIZE": "4", "PMI_RANK": "3"}, 4, 3),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, 2, 1),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5"}, 8, 5),
        ({"SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, 1, 0),
        ({"PMI_SIZE": "1", "PMI_RANK": "0"}, 1, 0),
        ({"PMI_SIZE": "many"}, 1, 0),
    ],
)
def test_launchers_tell_how_many_processes_there_are(environment: dict[str, str], ranks: int, rank: int) -> None:
    assert launched_ranks(environment) == ranks
    assert launched_rank(environment) == rank


def test_an_mpi_that_knows_of_other_processes_is_refused() -> None:
    check_launch(4, 4, "an MPI")
    with pytest.raises(RunError, match="NC534"):
        check_launch(4, 1, "an MPI")
