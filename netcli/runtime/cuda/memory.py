"""Flat arrays in the device's memory, and their twins in numpy for the simulator."""

from __future__ import annotations

from typing import Any

import numpy as np

from netcli.errors import RunError
from netcli.runtime.cuda import device, recording, toolkit

MOST_ELEMENTS = 2**31
"""Of an array: steps beyond its end must not come round to its beginning."""


class DeviceArray:
    """``size`` elements of ``dtype`` in the device's memory, or in part of another's.

    Attributes:
        pointer: the address on the device; 0 in the simulator.
        simulated: the memory as a flat numpy array, in the simulator only.
    """

    __slots__ = ("_owner", "dtype", "pointer", "simulated", "size")

    def __init__(self, size: int, dtype: np.dtype, pointer: int, owner: Any, simulated: np.ndarray | None) -> None:
        self.size = size
        self.dtype = dtype
        self.pointer = pointer
        self.simulated = simulated
        self._owner = owner

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return self.size * self.dtype.itemsize

    def at(self, offset: int, size: int | None = None) -> DeviceArray:
        """The elements from ``offset`` on, ``size`` of them or all: the same memory."""
        size = self.size - offset if size is None else size
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ValueError(f"elements {offset} to {offset + size} of an array of {self.size}")
        simulated = None if self.simulated is None else self.simulated[offset : offset + size]
        pointer = self.pointer + offset * self.dtype.itemsize
        return DeviceArray(size, self.dtype, pointer, self._owner, simulated)

    def fill(self, value: float | np.floating) -> None:
        """Sets all elements."""
        if recording.takes(self.fill, value):
            return
        if self.simulated is not None:
            self.simulated.fill(value)
        elif self.size:
            word = int(np.array(value, self.dtype).view(np.uint32))
            device.current().fill(self.pointer, word, self.size)

    def copy_from(self, other: DeviceArray) -> None:
        """Takes the elements of ``other``, which has as many."""
        self._check_size(other.size)
        if recording.takes(self.copy_from, other):
            return
        if self.simulated is not None and other.simulated is not None:
            np.copyto(self.simulated, other.simulated)
        elif self.size:
            device.current().copy(self.pointer, other.pointer, self.nbytes)

    def copy_from_host(self, array: np.ndarray) -> None:
        """Takes the elements of ``array`` in C order. It must not be called while a graph is captured."""
        self._check_size(array.size)
        recording.refuse("a copy from the host")
        flat = np.ascontiguousarray(array, self.dtype).reshape(-1)
        if self.simulated is not None:
            np.copyto(self.simulated, flat)
        elif self.size:
            device.current().copy_in(self.pointer, flat)

    def copy_to_host(self, array: np.ndarray) -> None:
        """Writes the elements to ``array``, contiguous and of this type; waits for what computes them."""
        self._check_size(array.size)
        recording.refuse("a copy to the host")
        flat = array.reshape(-1)
        if self.simulated is not None:
            np.copyto(flat, self.simulated)
        elif self.size:
            device.current().copy_out(flat, self.pointer)

    def to_host(self) -> np.ndarray:
        """A new array of the elements."""
        array = np.empty(self.size, self.dtype)
        self.copy_to_host(array)
        return array

    def _check_size(self, size: int) -> None:
        if size != self.size:
            raise ValueError(f"{size} elements for {self.size}")


def device_zeros(size: int, dtype: np.dtype | type = np.float32) -> DeviceArray:
    """New memory, all zero. Raises RunError NC516 if there is none left, or for more than kernels can count."""
    recording.refuse("an allocation")
    if size > MOST_ELEMENTS:
        raise RunError.of(
            "NC516",
            "an array is too large for kernels, which count elements in 32 bits",
            expected=f"at most {MOST_ELEMENTS:,} elements",
            actual=f"{size:,}",
            hint="a smaller batch_size with a larger iter_size needs less",
        )
    dtype = np.dtype(dtype)
    if toolkit.SIMULATED:
        return DeviceArray(size, dtype, 0, None, np.zeros(size, dtype))
    # A buffer of no bytes has no address; nobody reads it, but kernels may be given it.
    buffer = device.current().allocate(max(1, size) * dtype.itemsize)
    array = DeviceArray(size, dtype, int(buffer.handle), buffer, None)
    array.fill(0)
    return array


def device_array(values: np.ndarray) -> DeviceArray:
    """A flat copy of ``values`` on the device."""
    array = device_zeros(values.size, values.dtype)
    array.copy_from_host(values)
    return array
