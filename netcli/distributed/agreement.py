"""What must be the same in all processes, from what each of them has told."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.errors import RunError
from netcli.runtime.blob import Shape

Parameters = list[tuple[str, int, Shape]]
"""Layer, index there and shape of each parameter."""


def check_same_parameters(told: Sequence[Parameters]) -> None:
    """Raises RunError NC538 if the parameters of the ranks differ; ``told`` has those of each."""
    for rank, parameters in enumerate(told):
        if parameters == told[0]:
            continue
        differing = [(own, other) for own, other in zip(told[0], parameters, strict=False) if own != other]
        first, other = differing[0] if differing else (f"{len(told[0])} parameters", f"{len(parameters)}")
        raise RunError.of(
            "NC538", "the ranks do not train the same net", expected=f"{first}, as on rank 0",
            actual=f"{other} on rank {rank}",
            hint="all of them must read the same prototxt, and no parameter may depend on the batch size",
        )  # fmt: skip


def check_same_checksum(iteration: int, checksums: Sequence[int]) -> None:
    """Raises RunError NC536 if the ranks' checksums over their parameters differ."""
    for rank, checksum in enumerate(checksums):
        if checksum != checksums[0]:
            raise RunError.of(
                "NC536", f"the ranks have drifted apart: at iteration {iteration} their parameters differ",
                expected=f"checksum {checksums[0]:08x}, as on rank 0", actual=f"{checksum:08x} on rank {rank}",
                hint="are all machines of one kind, with one version of netcli? The last snapshot is as it was: "
                "--resume auto goes on from it",
            )  # fmt: skip
