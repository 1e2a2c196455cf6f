"""Sums over all but the channels on a GPU: deterministic, in two stages, with no atomics.

Arrays are seen as (outer, channels, inner), as ``channel_form`` sees a plain blob. A block of threads sums a chunk of
a channel: each thread some items in order, then their sums. Another block adds up the
chunks of a channel, if there are several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netcli.layers import cuda_sum_kernels as kernels
from netcli.runtime.blob import Shape
from netcli.runtime.cuda.rows import ROW_BLOCK

if TYPE_CHECKING:
    from netcli.layers.cuda_form import CudaForm
    from netcli.runtime.cuda.memory import DeviceArray

_ITEMS_A_THREAD = 8
_BLOCKS_WANTED = 2048


@dataclass(frozen=True)
class ChannelForm:
    """A flat array seen as (outer, channels, inner)."""

    outer: int
    channels: int
    inner: int

    @classmethod
    def along(cls, shape: Shape, first: int, axes: int = 1) -> ChannelForm:
        """With the ``axes`` axes of ``shape`` from ``first`` on for channels."""
        end = first + axes
        return cls(math.prod(shape[:first]), math.prod(shape[first:end]), math.prod(shape[end:]))

    @classmethod
    def rows(cls, rows: int, length: int) -> ChannelForm:
        """With each row for a channel."""
        return cls(1, rows, length)

    @property
    def count(self) -> int:
        """All elements."""
        return self.outer * self.channels * self.inner

    @property
    def items(self) -> int:
        """Elements of a channel."""
        return self.outer * self.inner

    @property
    def sizes(self) -> tuple[int, int, int]:
        """What kernels take."""
        return self.outer, self.channels, self.inner

    @property
    def grid(self) -> tuple[int, int]:
        """(channels, chunks): as many blocks as fill a GPU, each with some items for every thread."""
        most = -(-self.items // (ROW_BLOCK * _ITEMS_A_THREAD))
        return self.channels, max(1, min(most, _BLOCKS_WANTED // max(1, self.channels)))


def chunk_room(form: CudaForm, shape: ChannelForm, sums: DeviceArray, name: str = "partial sums") -> DeviceArray:
    """Where the sums of the chunks go, (channels, chunks): right to ``sums`` if there is one chunk a channel."""
    channels, chunks = shape.grid
    return sums if chunks == 1 else form.scratch(name, channels * chunks)


def add_chunks(
    partial: DeviceArray, shape: ChannelForm, sums: DeviceArray, *, factor: float = 1, adds: bool = False
) -> None:
    """sums (channels,) = factor times the sums of what stands in ``chunk_room``; added to what is there if it ``adds``.

    There is nothing to do if that is ``sums`` itself.
    """
    channels, chunks = shape.grid
    if partial is not sums:
        kernels.add_chunks(channels, partial, sums, chunks, factor, int(adds))


def channel_sums(
    form: CudaForm,
    kind: int,
    a: DeviceArray,
    shape: ChannelForm,
    sums: DeviceArray,
    *,
    b: DeviceArray | None = None,
    centres: DeviceArray | None = None,
    factor: float = 1,
    adds: bool = False,
) -> None:
    """sums (channels,) = factor times what ``kind``, one of the kernels', names; added to what is there if it ``adds``.

    It is summed over a less its channel's centre, if there are ``centres``, and b.
    """
    partial = chunk_room(form, shape, sums)
    is_final = partial is sums
    kernels.partial_sums(
        shape.grid,
        kind,
        a,
        a if b is None else b,
        a if centres is None else centres,
        int(centres is not None),
        partial,
        factor if is_final else 1,
        int(adds and is_final),
        *shape.sizes,
    )
    add_chunks(partial, shape, sums, factor=factor, adds=adds)


def gradient_sums(
    form: CudaForm,
    x: DeviceArray,
    dy: DeviceArray,
    shape: ChannelForm,
    sums: DeviceArray,
    products: DeviceArray,
    *,
    centres: DeviceArray | None = None,
    factor: float = 1,
    adds: tuple[bool, bool] = (False, False),
) -> None:
    """``channel_sums`` of dy to ``sums`` and of dy times (x less its channel's centre) to ``products``, read once."""
    partial, more = chunk_room(form, shape, sums), chunk_room(form, shape, products, "partial products")
    is_final = partial is sums
    kernels.partial_gradients(
        shape.grid,
        x,
        dy,
        x if centres is None else centres,
        int(centres is not None),
        partial,
        more,
        factor if is_final else 1,
        int(adds[0] and is_final),
        int(adds[1] and is_final),
        *shape.sizes,
    )
    add_chunks(partial, shape, sums, factor=factor, adds=adds[0])
    add_chunks(more, shape, products, factor=factor, adds=adds[1])
