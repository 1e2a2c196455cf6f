"""The windowed product of a small batch, on plain arrays: tiles go through the lanes of another product."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from netcli.layers.convolution.few_images.tiling import Places, Tiling, patch_places, seen_from, tile_counts
from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.convolution.winograd.product import WinogradProduct
from netcli.layers.windows import Windows
from netcli.runtime.blob import Shape
from netcli.runtime.scratch import scratch


class TiledProduct:
    """One geometry for one number of images.

    ``channels`` and ``outputs`` are those of all groups together. Arrays: x (N, channels, P), y (N, outputs, Q);
    weights (outputs, channels / groups, taps). ``stamp``: gives a number that stands for the weights of a forward pass,
    so that they are packed once only, or None.

    Attributes:
        adds: whether ``forward`` takes ``added``.
    """

    adds: ClassVar[bool] = False

    def __init__(
        self,
        windows: Windows,
        channels: int,
        outputs: int,
        groups: int,
        dtype: np.dtype,
        images: int,
        tiling: Tiling,
        stamp: Callable[[], int | None],
    ) -> None:
        from netcli.layers.convolution.few_images import cpu
        from netcli.runtime.jit import LANES

        self._kernels = cpu
        self._lanes = LANES
        self._dtype = dtype
        self._windows = windows
        self._images, self._channels, self._outputs = images, channels, outputs
        self._tile = tiling.windows
        product = WinogradProduct if tiling.by_winograd else LaneProduct
        self._product = product(tiling.windows, channels, outputs, groups, dtype)
        counts = tile_counts(windows.outputs, tiling.side)
        reach = tuple(side * stride for side, stride in zip(tiling.side, windows.stride, strict=True))
        before = tuple(-pad for pad in windows.pad)
        self._x = self._places(channels, windows.inputs, counts, reach, before, tiling.windows.inputs)
        self._y = self._places(outputs, windows.outputs, counts, tiling.side, (0,) * len(counts), tiling.side)
        self._turned = _Turned(self, tiling.side, groups, product) if set(windows.stride) == {1} else None
        self._stamp = stamp
        self._kept: tuple[int, np.ndarray] | None = None

    def forward(
        self,
        x: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray | None,
        y: np.ndarray,
        slopes: np.ndarray | None = None,
        added: np.ndarray | None = None,
    ) -> None:
        """Writes y; ``bias`` (outputs,) or None; ``slopes`` (outputs,) of what is not above 0, or None."""
        assert added is None, "sums are not made here"
        patches = self.gathered("patches", x, self._x, self._channels)
        results = self.room("results", self._y, self._outputs)
        self._product.multiply(patches, self.packed(weights), bias, results, False, slopes)
        self.scattered(results, self._y, y)

    def backward_data(self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray) -> None:
        """Writes dx."""
        if self._turned is not None:
            self._turned.backward_data(dy, weights, dx)
            return
        gradients = self.gathered("results", dy, self._y, self._outputs)
        patches = self.room("patches", self._x, self._channels)
        self._product.backward_data(gradients, weights, patches)
        self._kernels.add_patches(patches, self._x.offsets, self._x.plane, dx.reshape(-1))

    def backward_weights(
        self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray, bias_gradient: np.ndarray | None = None
    ) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias_gradient`` if there is one."""
        patches = self.gathered("patches", x, self._x, self._channels)
        gradients = self.gathered("results", dy, self._y, self._outputs)
        self._product.backward_weights(patches, gradients, gradient)
        if bias_gradient is not None:
            self.backward_bias(dy, bias_gradient)

    def backward_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient`` (outputs,)."""
        self._kernels.add_plane_sums(dy, gradient)

    def room(self, name: str, places: Places, channels: int) -> np.ndarray:
        """(groups, patch positions, channels, lanes) of any content."""
        groups, positions, _ = places.offsets.shape
        return scratch(name, (groups, positions, channels, self._lanes), self._dtype)

    def gathered(self, name: str, plain: np.ndarray, places: Places, channels: int) -> np.ndarray:
        """The patches of ``plain``, 0 outside."""
        lanes = self.room(name, places, channels)
        self._kernels.gather_patches(plain.reshape(-1), places.offsets, places.plane, lanes)
        return lanes

    def scattered(self, lanes: np.ndarray, places: Places, plain: np.ndarray) -> None:
        """Carries patches that do not overlap to ``plain``."""
        self._kernels.scatter_patches(lanes, places.offsets, places.plane, plain.reshape(-1))

    def packed(self, weights: np.ndarray) -> np.ndarray:
        """The weights of a forward pass, packed once for as long as they stay the same."""
        stamp = self._stamp()
        if stamp is None:
            return self._product.packed(weights, False)
        if self._kept is None or self._kept[0] != stamp:
            self._kept = (stamp, self._product.packed(weights, False).copy())
        return self._kept[1]

    def _places(self, channels: int, sizes: Shape, counts: Shape, step: Shape, first: Shape, patch: Shape) -> Places:
        return patch_places(self._images, channels, sizes, counts, step, first, patch, self._lanes)


class _Turned:
    """The data gradient at stride 1 with tiles of x: nothing overlaps where it is written."""

    def __init__(self, tiled: TiledProduct, side: Shape, groups: int, product: type[LaneProduct]) -> None:
        windows = tiled._windows
        axes = len(side)
        sides = tuple(min(length, size) for length, size in zip(side, windows.inputs, strict=True))
        reach = tuple((kernel - 1) * d for kernel, d in zip(windows.kernel, windows.dilation, strict=True))
        seen = seen_from(sides, windows)
        tile = Windows(sides, seen, windows.kernel, (1,) * axes, reach, windows.dilation)
        counts = tile_counts(windows.inputs, sides)
        first = tuple(pad - r for pad, r in zip(windows.pad, reach, strict=True))
        self._tiled = tiled
        self._product = product(tile, tiled._channels, tiled._outputs, groups, tiled._dtype)
        self._dx = tiled._places(tiled._channels, windows.inputs, counts, sides, (0,) * axes, sides)
        self._dy = tiled._places(tiled._outputs, windows.outputs, counts, sides, first, seen)

    def backward_data(self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray) -> None:
        tiled = self._tiled
        gradients = tiled.gathered("results", dy, self._dy, tiled._outputs)
        patches = tiled.room("patches", self._dx, tiled._channels)
        self._product.backward_data(gradients, weights, patches)
        tiled.scattered(patches, self._dx, dx)
