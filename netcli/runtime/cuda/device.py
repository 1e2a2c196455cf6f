"""The device in use: one stream, one pool of memory, and copies on that stream.

Everything that computes goes through the one stream in order, so that nothing has to be waited for but a copy to the
host. A process uses one device: the first one that is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from netcli.errors import RunError
from netcli.runtime.cuda import toolkit

_in_use: list[Device] = []


class Device:
    """An NVIDIA GPU by its number.

    Attributes:
        number: as the driver counts, from 0.
        multiprocessors: of the device.
        capability: e.g. (9, 0).
        stream: cuda.core's, on which everything runs.

    Raises:
        RunError: NC510 if there is no driver or no such device.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.multiprocessors = 2
        self.capability = (0, 0)
        self.name = "simulator"
        if toolkit.SIMULATED:
            return
        try:
            device = toolkit.core.Device(number)
            device.set_current()
            self.stream = device.create_stream()
        except Exception as error:
            raise RunError.of(
                "NC510",
                f"device 'cuda:{number}' cannot be used: {_first_line(error)}",
                hint="'netcli doctor' shows the driver and its devices; leave --device out to compute on the CPU",
            ) from error
        self._device = device
        self.name = str(device.name)
        self.multiprocessors = int(device.properties.multiprocessor_count)
        major, minor = device.compute_capability
        self.capability = (int(major), int(minor))
        self._stream_handle = int(self.stream.handle)

    @property
    def stream_handle(self) -> int:
        """The driver's stream, for libraries."""
        return self._stream_handle

    def allocate(self, size: int) -> Any:
        """A buffer of ``size`` bytes from the pool; it goes back when nobody holds it. Raises RunError NC516."""
        try:
            return self._device.allocate(size, stream=self.stream)
        except Exception as error:
            raise RunError.of(
                "NC516",
                f"{self.name} has no {size / 2**20:,.0f} MiB of memory left: {_first_line(error)}",
                hint="a smaller batch_size with a larger iter_size needs less",
            ) from error

    def copy_in(self, pointer: int, source: np.ndarray) -> None:
        """From the host to the device. ``source`` may be changed once this returns."""
        check(toolkit.driver.cuMemcpyHtoDAsync(pointer, source.ctypes.data, source.nbytes, self._stream_handle))

    def copy_out(self, target: np.ndarray, pointer: int) -> None:
        """From the device to the host; waits for all that was asked for before."""
        check(toolkit.driver.cuMemcpyDtoHAsync(target.ctypes.data, pointer, target.nbytes, self._stream_handle))
        self.synchronize()

    def copy(self, target: int, source: int, size: int) -> None:
        """``size`` bytes from device to device."""
        check(toolkit.driver.cuMemcpyDtoDAsync(target, source, size, self._stream_handle))

    def fill(self, pointer: int, word: int, count: int) -> None:
        """``count`` words of 32 bits."""
        check(toolkit.driver.cuMemsetD32Async(pointer, word, count, self._stream_handle))

    def seconds(self, call: Callable[[], object]) -> float:
        """How long the device takes for what ``call`` asks of it, by its own clock, waiting for the host included."""
        if toolkit.SIMULATED:
            begin = time.perf_counter()
            call()
            return time.perf_counter() - begin
        begin_event, end_event = (check(toolkit.driver.cuEventCreate(0)) for _ in range(2))
        try:
            check(toolkit.driver.cuEventRecord(begin_event, self._stream_handle))
            call()
            check(toolkit.driver.cuEventRecord(end_event, self._stream_handle))
            check(toolkit.driver.cuEventSynchronize(end_event))
            return float(check(toolkit.driver.cuEventElapsedTime(begin_event, end_event))) / 1000
        finally:
            for event in (begin_event, end_event):
                check(toolkit.driver.cuEventDestroy(event))

    def synchronize(self) -> None:
        """Waits until the stream has done all that it was asked for. Raises RunError NC516 if some of it failed."""
        if not toolkit.SIMULATED:
            check(toolkit.driver.cuStreamSynchronize(self._stream_handle))


def driver_version() -> str:
    """The newest CUDA that the driver can run, e.g. "13.0". Raises RunError NC510 if there is no driver."""
    _start_driver()
    version = int(check(toolkit.driver.cuDriverGetVersion()))
    return f"{version // 1000}.{version % 1000 // 10}"


def devices() -> list[dict[str, Any]]:
    """Number, name, memory in bytes and capability of each device. Raises RunError NC510 if there is no driver."""
    _start_driver()
    found = []
    for number in range(int(check(toolkit.driver.cuDeviceGetCount()))):
        device = toolkit.core.Device(number)
        major, minor = device.compute_capability
        memory = int(check(toolkit.driver.cuDeviceTotalMem(number)))
        found.append({"number": number, "name": str(device.name), "memory": memory, "capability": f"{major}{minor}"})
    return found


def _start_driver() -> None:
    if toolkit.SIMULATED:
        raise RunError.of("NC510", "numba's simulator runs in place of a driver", hint="unset NUMBA_ENABLE_CUDASIM")
    try:
        check(toolkit.driver.cuInit(0))
    except (RuntimeError, RunError) as error:
        raise RunError.of(
            "NC510",
            f"there is no driver that works: {_first_line(error)}",
            hint="install NVIDIA's driver, or leave --device out",
        ) from error


def current() -> Device:
    """The device in use; device 0 if none was asked for."""
    return _in_use[0] if _in_use else use(0)


def use(number: int) -> Device:
    """Takes device ``number``. Raises RunError NC510 if it is not there or another one is in use."""
    if not _in_use:
        _in_use.append(Device(number))
    if _in_use[0].number != number:
        raise RunError.of(
            "NC510",
            f"device 'cuda:{number}' cannot be used: this process computes on 'cuda:{_in_use[0].number}'",
            hint="a process has one device",
        )
    return _in_use[0]


def check(result: tuple[Any, ...]) -> Any:
    """What the driver answered besides its status. Raises RunError NC516 with its message if it failed."""
    status, *values = result
    if status != toolkit.driver.CUresult.CUDA_SUCCESS:
        _, text = toolkit.driver.cuGetErrorString(status)
        raise RunError.of(
            "NC516",
            f"the GPU reports: {text.decode() if text else status.name}",
            hint="'netcli doctor' shows driver and packages; the same run on the CPU tells whether the net is at fault",
        )
    return values[0] if len(values) == 1 else values


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
