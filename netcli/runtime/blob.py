"""Blobs: named N-d arrays with values and gradients, each in the places where they are needed.

The logical order is Caffe's (N, C, H, W). Behind it stand replicas, converted lazily, of which at least
one is fresh:

- ``PLAIN``: the C-ordered array that users see;
- ``LANES``: ``[N/L][H*W][C][L]``, L images side by side, padded with zeros, 64-byte aligned: what the fast
  CPU kernels work on, because every loop over the images of a group vectorises whatever C, H and W are;
- ``CUDA``: the plain order, flat, in the memory of the GPU that this process uses.

The contract of the padding lanes: they are finite in values and zero in gradients, so that a reduction over
a whole lane group needs no mask. Conversion and every kernel keep it.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, overload

import numpy as np

if TYPE_CHECKING:
    from netcli.runtime.cuda.memory import DeviceArray

Shape = tuple[int, ...]
ALIGNMENT = 64

_versions = itertools.count()


class Place(enum.Enum):
    """Where a replica stands and how it is laid out."""

    # Enum's own is written in Python, and blobs look places up some hundred times an iteration.
    __hash__ = object.__hash__

    PLAIN = "plain"
    LANES = "lanes"
    CUDA = "cuda"


PLAIN: Final = Place.PLAIN
LANES: Final = Place.LANES
CUDA: Final = Place.CUDA


def aligned_zeros(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """A zeroed C-ordered array whose first element lies on a 64-byte boundary."""
    size = math.prod(shape) * dtype.itemsize
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    offset = -raw.ctypes.data % ALIGNMENT
    return raw[offset : offset + size].view(dtype).reshape(shape)


def lanes_shape(shape: Shape, width: int) -> Shape:
    """``(G, P, C, L)`` for a blob of ``shape``; missing axes count as 1."""
    images, channels, *spatial = (*shape, 1, 1)[: max(2, len(shape))]
    return (-(-images // width), math.prod(spatial), channels, width)


class Room(Protocol):
    """Memory that arrays take turns to stand in."""

    def array(self, place: Place, shape: Shape) -> np.ndarray:
        """Room for a blob of ``shape`` at ``place``, of any content."""


class Replicas:
    """One array (the values or the gradients of a blob) in up to three places.

    ``read`` converts if the place is stale; ``write`` promises to overwrite everything, so nothing is
    converted; ``update`` reads and then writes. ``expose`` hands the plain array to a user, who may keep
    and change it at any time: from then on each read elsewhere converts again until a kernel writes.

    Attributes:
        reshapes: how often any of all arrays has taken another shape: while it stays, all shapes do.
    """

    reshapes: ClassVar[int] = 0

    __slots__ = (
        "_arrays",
        "_exposed",
        "_fresh",
        "_make",
        "_room",
        "_version",
        "conversions",
        "dtype",
        "handed_out",
        "shape",
    )

    def __init__(self, shape: Shape, dtype: np.dtype) -> None:
        self.shape = shape
        self.dtype = dtype
        self.handed_out = False
        self.conversions = 0
        self._version = next(_versions)
        self._arrays: dict[Place, Any] = {}
        self._fresh: set[Place] = set()
        self._exposed = False
        self._room: Room | None = None
        self._make: Callable[[], object] | None = None

    @property
    def takes_turns(self) -> bool:
        """Whether others stand in the same memory in between: then only who comes next in a pass may read."""
        return self._room is not None

    @property
    def stamp(self) -> int | None:
        """A number that no other content has, of this or another blob; None while a user may change it at any time."""
        return None if self._exposed else self._version

    @property
    def allocated_bytes(self) -> int:
        """Memory held by all places, the device's included."""
        return sum(array.nbytes for array in self._arrays.values())

    def prefers(self, place: Place) -> bool:
        """True if reading at ``place`` costs no conversion."""
        return not self._fresh or (place in self._fresh and not (self._exposed and place is not PLAIN))

    def home(self) -> Place:
        """Where a CPU kernel that takes any layout should work: lanes where the array is fresh there, else plain."""
        return LANES if LANES in self._fresh and self.prefers(LANES) else PLAIN

    @property
    def on_device(self) -> DeviceArray | None:
        """The array on the device, if it is fresh there."""
        return self._arrays[CUDA] if CUDA in self._fresh and not self._exposed else None

    @overload
    def read(self, place: Literal[Place.CUDA]) -> DeviceArray: ...  # type: ignore[overload-overlap]
    @overload
    def read(self, place: Place) -> np.ndarray: ...
    def read(self, place: Place) -> Any:
        """The array at ``place``, fresh. Its content must not be changed."""
        if place in self._fresh and not self._exposed:
            return self._arrays[place]
        if self._make is not None:
            make, self._make = self._make, None
            make()
            return self.read(place)
        array = self._array(place)
        if not self.prefers(place):
            self._convert(place, array)
        self._fresh.add(place)
        return array

    @overload
    def write(self, place: Literal[Place.CUDA]) -> DeviceArray: ...  # type: ignore[overload-overlap]
    @overload
    def write(self, place: Place) -> np.ndarray: ...
    def write(self, place: Place) -> Any:
        """The array at ``place``, of any content, to be overwritten wholly; other places become stale."""
        array = self._arrays.get(place)
        if array is None:
            array = self._array(place)
        if len(self._fresh) != 1 or place not in self._fresh:
            self._fresh = {place}
        self._exposed = False
        self._make = None
        self._version = next(_versions)
        return array

    @overload
    def update(self, place: Literal[Place.CUDA]) -> DeviceArray: ...  # type: ignore[overload-overlap]
    @overload
    def update(self, place: Place) -> np.ndarray: ...
    def update(self, place: Place) -> Any:
        """The array at ``place``, fresh, to be changed in place; other places become stale."""
        if place in self._fresh and len(self._fresh) == 1 and not self._exposed:
            self._version = next(_versions)
            return self._arrays[place]
        self.read(place)
        return self.write(place)

    def expose(self) -> np.ndarray:
        """The plain array for a user: taking it counts as writing it, now and for as long as it is kept."""
        array = self.update(PLAIN)
        self._exposed = True
        self.handed_out = True
        return array

    def defer(self, make: Callable[[], object]) -> None:
        """Leaves the content to ``make``, which writes it once somebody reads it and must find what it needs then.

        An array that a user holds is written at once. A new shape, or whoever writes before, makes it void.
        """
        self._fresh = set()
        self._version = next(_versions)
        self._make = make
        if self.handed_out:
            self.expose()

    def hand_over(self, place: Place, other: Replicas) -> None:
        """Gives what stands at ``place`` to ``other``, of this shape, and takes its array there, to be overwritten.

        For places that no user holds: ``PLAIN`` may have been exposed.
        """
        array = self.read(place)
        self._arrays[place] = other.write(place)
        other._arrays[place] = array

    def reshape(self, shape: Shape) -> None:
        """Takes a new shape. Memory is kept where the number of elements stays; else it is let go."""
        if shape == self.shape:
            return
        Replicas.reshapes += 1
        self._make = None
        keeps = math.prod(shape) == math.prod(self.shape) and bool(self._arrays)
        # The device's array is flat, whatever the shape.
        device_array = self._arrays[CUDA] if keeps and CUDA in self._fresh and not self._exposed else None
        plain = self.read(PLAIN) if keeps and device_array is None else None
        self.shape = shape
        self._arrays.clear()
        self._fresh.clear()
        self._exposed = False
        self._room = None
        self._version = next(_versions)
        if device_array is not None:
            self._arrays[CUDA] = device_array
            self._fresh.add(CUDA)
        if plain is not None:
            self._arrays[PLAIN] = plain.reshape(shape)
            self._fresh.add(PLAIN)

    def view_of(self, other: Replicas) -> None:
        """Shares the plain memory of ``other``, which has as many elements (parameters with share_mode)."""
        self._arrays = {PLAIN: other.expose().reshape(self.shape)}
        self._fresh = {PLAIN}
        self._exposed = True

    def move_to(self, memory: np.ndarray) -> None:
        """Moves its plain place to ``memory``, of its shape; not for arrays that users hold."""
        if PLAIN in self._fresh:
            memory[...] = self._arrays[PLAIN]
        self._arrays[PLAIN] = memory

    def stand_on(self, memory: DeviceArray) -> None:
        """Moves its place on the device to ``memory``, which has as many elements."""
        array = self.read(PLAIN) if self._fresh else None
        self._arrays[CUDA] = memory
        self._fresh.discard(CUDA)
        if array is not None:
            self.read(CUDA)

    def stand_in(self, room: Room) -> None:
        """Takes its memory on the CPU from ``room``, until the shape changes; before anything has been written."""
        assert not self._arrays
        self._room = room

    def _array(self, place: Place) -> Any:
        array = self._arrays.get(place)
        if array is None:
            if self._room is not None and place is not CUDA:
                array = self._arrays[place] = self._room.array(place, self.shape)
                return array
            if place is CUDA:
                from netcli.runtime.cuda.memory import device_zeros

                array = self._arrays[CUDA] = device_zeros(math.prod(self.shape), self.dtype)
                return array
            shape = self.shape
            if place is LANES:
                from netcli.runtime.jit import LANES as width

                shape = lanes_shape(self.shape, width)
            array = self._arrays[place] = aligned_zeros(shape, self.dtype)
        return array

    def _convert(self, place: Place, target: Any) -> None:
        from netcli.runtime.lane_kernels import lanes_to_plain, plain_to_lanes

        self.conversions += 1
        if place is CUDA:
            target.copy_from_host(self.read(PLAIN))
            return
        if place is PLAIN and LANES not in self._fresh:
            self._arrays[CUDA].copy_to_host(target)
            return
        if place is LANES:
            self.read(PLAIN)
        lanes = self._array(LANES)
        logical = self._array(PLAIN).reshape(self.shape[0] if self.shape else 1, lanes.shape[2], lanes.shape[1])
        if place is LANES:
            plain_to_lanes(logical, target)
        else:
            lanes_to_plain(lanes, logical)


class Blob:
    """A named array with values (``data``) and gradients (``diff``), as layers exchange them.

    Kernels go through ``values`` and ``gradients``; ``data`` and ``diff`` are the plain arrays for users.
    ``dtype`` is float32, or float64 in gradient checks.
    """

    __slots__ = ("gradients", "name", "values")

    def __init__(self, shape: Shape, dtype: np.dtype | type = np.float32, name: str = "") -> None:
        self.name = name
        self.values = Replicas(tuple(shape), np.dtype(dtype))
        self.gradients = Replicas(tuple(shape), np.dtype(dtype))

    @property
    def shape(self) -> Shape:
        """Caffe's logical shape, e.g. (N, C, H, W)."""
        return self.values.shape

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def data(self) -> np.ndarray:
        """The values as a plain array of ``shape``; it may be written."""
        return self.values.expose()

    @property
    def diff(self) -> np.ndarray:
        """The gradients as a plain array of ``shape``; it may be written."""
        return self.gradients.expose()

    def reshape(self, shape: Sequence[int]) -> None:
        """Takes a new shape; the content survives if the number of elements stays the same."""
        self.values.reshape(tuple(shape))
        self.gradients.reshape(tuple(shape))

    def __repr__(self) -> str:
        return f"Blob({self.name!r}, {self.shape})"
