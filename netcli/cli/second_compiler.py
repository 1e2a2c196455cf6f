"""A second process that compiles kernels, from the last one that a command needs to the first.

The command itself compiles each kernel when it comes to it, from the first one on; the two meet in the middle, and what
the other has compiled is taken from the cache. The second process is started when the command finds the first kernel
that is not in the cache: where all of them are, never.

A kernel is compiled for the types of its arguments, which are known when it is called. So the second process goes
through the same net as the command, with kernels whose calls it only writes down (``netcli.runtime.recorded_calls``).
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from netcli.errors import NetcliError
from netcli.runtime.locked_cache import at_first_miss
from netcli.runtime.threads import available_cores

if TYPE_CHECKING:
    from netcli.cli.recorded_pass import PassOfNet

SETTING = "NETCLI_COMPILERS"
# The input is read before anything is imported, so that whoever writes it need not wait for that.
_START = "import sys; given = sys.stdin.buffer.read(); from {} import compile_all; compile_all(given, {})"


class SecondCompiler:
    """Compiles kernels in a second process from the first one that is missing here until ``close``.

    Where there is one core, or NETCLI_COMPILERS is 1, no process is started; nor for a GPU.

    Args:
        passes: tells what this process is about to do on ``device``; called when a kernel is missing.
    """

    def __init__(self, passes: Callable[[], Sequence[PassOfNet]], device: str) -> None:
        self._passes = passes
        self._process: subprocess.Popen[bytes] | None = None
        if device == "cpu" and available_cores() > 1 and os.environ.get(SETTING) != "1":
            at_first_miss(self._start)

    def close(self) -> None:
        """Ends the second process, be it done or not; to be called once nothing is left to compile."""
        at_first_miss(None)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        from netcli.cli.recorded_pass import calls_kernels_only

        # Without the second process everything is compiled here: that one fails is no reason to.
        with contextlib.suppress(OSError, NetcliError):
            passes = [each for each in self._passes() if calls_kernels_only(each)]
            if not passes:
                return
            program = _START.format(__name__, os.getpid())
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            assert self._process.stdin is not None
            with self._process.stdin as pipe:
                pickle.dump(passes, pipe)


def compile_all(given: bytes, first_process: int) -> None:
    """What the second process does with its input, pickled passes, for as long as the first one is there."""
    from netcli.runtime import jit

    recorded = jit.record_calls()
    passes: list[PassOfNet] = pickle.loads(given)
    try:
        for each in passes:
            each.run()
    finally:
        # What was written down before a failure has to be compiled, too.
        for compile_it in reversed(recorded.compiles):
            if os.getppid() != first_process:
                break
            compile_it()
