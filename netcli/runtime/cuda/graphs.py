"""Graphs: what is asked of the device, captured once and asked for again in one call.

In the simulator a graph is the list of these calls, made again one by one, so that all that surrounds a graph is
tested without a device. In either case nothing is computed during the capture.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from netcli.errors import RunError
from netcli.runtime.cuda import device, recording, toolkit
from netcli.runtime.cuda.recording import NotCapturable


class Graph:
    """All that ``run`` asks of the device.

    Raises:
        NotCapturable: ``run`` copies from or to the host, takes memory, or the driver refuses something.
    """

    def __init__(self, run: Callable[[], object]) -> None:
        recording.begin()
        try:
            if toolkit.SIMULATED:
                run()
            else:
                self._executable = _captured(run)
        finally:
            self._calls = recording.end()

    def launch(self) -> None:
        """Asks for all of it again."""
        if toolkit.SIMULATED:
            for call, arguments in self._calls:
                call(*arguments)
        else:
            device.check(toolkit.driver.cuGraphLaunch(self._executable, device.current().stream_handle))


def _captured(run: Callable[[], object]) -> Any:
    driver, stream = toolkit.driver, device.current().stream_handle
    mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    try:
        device.check(driver.cuStreamBeginCapture(stream, mode))
        try:
            run()
        except BaseException:
            # The stream must leave the capture; what the driver says of its half is of no interest.
            with suppress(RunError):
                device.check(driver.cuStreamEndCapture(stream))
            raise
        graph = device.check(driver.cuStreamEndCapture(stream))
        try:
            return device.check(driver.cuGraphInstantiate(graph, 0))
        finally:
            device.check(driver.cuGraphDestroy(graph))
    except RunError as error:
        raise NotCapturable(error.findings[0].message) from error
