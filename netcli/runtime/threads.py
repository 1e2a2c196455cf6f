"""One number of threads for everything that computes.

numba's loops get the threads; BLAS gets one, since two pools that spin beside each other make both slow.
"""

from __future__ import annotations

import os

from threadpoolctl import threadpool_limits

from netcli.errors import UsageError

_blas_limit: threadpool_limits | None = None


def available_cores() -> int:
    """How many cores this process may use."""
    return len(available_core_set())


def available_core_set() -> frozenset[int]:
    """Which cores this process may use."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return frozenset(cores)


def pool_size() -> int:
    """Threads that numba starts with, told without it: as many as cores unless the environment says otherwise."""
    asked = os.environ.get("NUMBA_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() else available_cores()


def set_threads(count: int | None) -> int:
    """Use ``count`` threads (None: all cores of this process) from now on; returns the count in force.

    Raises:
        UsageError: NC502 if ``count`` is not between 1 and the number of threads that numba was started with.
    """
    global _blas_limit
    import numba

    from netcli.runtime import jit  # noqa: F401  (sets the threading layer before the first parallel loop)

    most = numba.config.NUMBA_NUM_THREADS
    wanted = min(available_cores(), most) if count is None else count
    if not 1 <= wanted <= most:
        raise UsageError.of(
            "NC502",
            "thread count out of range",
            expected=f"1 to {most}",
            actual=wanted,
            hint="set NUMBA_NUM_THREADS to use more threads than cores",
        )
    numba.set_num_threads(wanted)
    if _blas_limit is None:
        _blas_limit = threadpool_limits(limits=1, user_api="blas")
    return wanted
