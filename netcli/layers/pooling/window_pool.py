"""One value for each window, by any of the methods: geometry, scratch memory, and calls of the kernels."""

from __future__ import annotations

import functools
from types import ModuleType

import numpy as np

from netcli.layers.pooling.geometry import average_sizes
from netcli.layers.windows import Table, Windows, inputs_by_vector, inputs_of_outputs, outputs_of_inputs
from netcli.layers.workspace import Workspace
from netcli.runtime.blob import aligned_zeros
from netcli.runtime.cpu import lane_count


class WindowPool:
    """A pooling of one geometry, in lanes: x (G, P, C, L) -> y (G, Q, C, L), or of rows: (R, P, 1, 1) -> (R, Q, 1, 1).

    A ``forward`` method is followed by the ``backward`` method of its kind.
    """

    def __init__(self, kernels: ModuleType, windows: Windows, dtype: np.dtype) -> None:
        self._kernels = kernels
        self._windows = windows
        self._dtype = dtype
        self._work = Workspace(dtype)
        self._lowest = dtype.type(np.finfo(dtype).min)
        self._sizes: np.ndarray | None = None
        self._chosen: np.ndarray | None = None

    def largest(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Writes the largest value of each window; returns its position, int32 like y."""
        chosen = self.choices(y)
        if _are_rows(x):
            self._kernels.max_of_rows(_rows(x), self._places(), self._lowest, _rows(y), _rows(chosen))
        else:
            self._kernels.max_forward(x, *self._inputs, self._lowest, y, chosen)
        return chosen

    def drawn(self, x: np.ndarray, key: np.uint64, y: np.ndarray) -> None:
        """Writes a value of each window, drawn with its share of the sum as probability."""
        unit = self._dtype.type(2.0**-24)
        self._kernels.stochastic_forward(x, *self._inputs, key, unit, y, self.choices(y))

    def of_chosen(self, dy: np.ndarray, dx: np.ndarray) -> None:
        """The backward pass of ``largest`` and ``drawn``."""
        assert self._chosen is not None, "backward before forward"
        if _are_rows(dx):
            self._kernels.spread_to_chosen(_rows(dy), _rows(self._chosen), _rows(dx))
        else:
            self._kernels.max_backward(dy, self._chosen, *self._outputs, dx)

    def average(self, x: np.ndarray, y: np.ndarray) -> None:
        """Writes the mean of each window."""
        sizes = self._window_sizes()
        if _are_rows(x):
            self._kernels.mean_of_rows(_rows(x), self._places(), sizes, _rows(y))
        else:
            self._kernels.average_forward(x, *self._inputs, sizes, y)

    def of_average(self, dy: np.ndarray, dx: np.ndarray) -> None:
        """The backward pass of ``average``."""
        sizes = self._window_sizes()
        if _are_rows(dx):
            self._kernels.spread_means(_rows(dy), *self._inputs, sizes, _rows(dx))
        else:
            self._kernels.average_backward(dy, *self._outputs, sizes, dx)

    def expected(self, x: np.ndarray, y: np.ndarray) -> None:
        """Writes what ``drawn`` gives on average."""
        smallest = self._dtype.type(np.finfo(np.float32).tiny)
        sums = self._work.kept("sums", *y.shape)
        self._kernels.expected_forward(x, *self._inputs, smallest, sums, y)

    def of_expected(self, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        """The backward pass of ``expected``."""
        sums = self._work.kept("sums", *y.shape)
        self._kernels.expected_backward(x, y, sums, dy, *self._outputs, dx)

    @functools.cached_property
    def _inputs(self) -> Table:
        return inputs_of_outputs(self._windows)

    @functools.cached_property
    def _outputs(self) -> Table:
        return outputs_of_inputs(self._windows)

    def _places(self) -> np.ndarray:
        return inputs_by_vector(self._windows, lane_count())

    def choices(self, y: np.ndarray) -> np.ndarray:
        """The positions of the last ``largest`` or ``drawn``, or room for them; int32, of the shape of y."""
        if self._chosen is None or self._chosen.shape != y.shape:
            self._chosen = aligned_zeros(y.shape, np.dtype(np.int32))
        return self._chosen

    def _window_sizes(self) -> np.ndarray:
        if self._sizes is None:
            self._sizes = average_sizes(self._windows, self._dtype)
        return self._sizes


def _are_rows(array: np.ndarray) -> bool:
    """Whether nothing stands beside a position's value, so that loops over what does would be idle."""
    return array.shape[2:] == (1, 1)


def _rows(array: np.ndarray) -> np.ndarray:
    return array.reshape(array.shape[:2])
