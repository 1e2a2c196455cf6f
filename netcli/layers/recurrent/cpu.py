"""CPU kernels of one time step of the recurrent layers, for (streams, units) arrays."""

from __future__ import annotations

import math

from numba import prange

from netcli.runtime.jit import kernel, parallel_kernel


@kernel
def _sigmoid(x, one):
    return one / (one + math.exp(-x))


@parallel_kernel
def continue_streams(x, cont, y):
    """y[n, d] = cont[n] x[n, d]."""
    for n in prange(x.shape[0]):
        for d in range(x.shape[1]):
            y[n, d] = cont[n] * x[n, d]


@parallel_kernel
def add_rows(x, added):
    """x += added, whose rows (1, or one a stream) repeat over the steps. x: (steps * streams, width)."""
    for row in prange(x.shape[0]):
        more = added[row % added.shape[0]]
        for d in range(x.shape[1]):
            x[row, d] += more[d]


@parallel_kernel
def add_and_squash(x, added, y):
    """y = tanh(x + added), added with one value a unit or of x's shape. y may be x."""
    for n in prange(x.shape[0]):
        more = added[n % added.shape[0]]
        for d in range(x.shape[1]):
            y[n, d] = math.tanh(x[n, d] + more[d])


@parallel_kernel
def squash_backward(y, dy, more, dx):
    """dx = (dy + more) (1 - y^2) for y = tanh(x), more with one value a unit or of y's shape."""
    for n in prange(y.shape[0]):
        added = more[n % more.shape[0]]
        for d in range(y.shape[1]):
            gradient = dy[n, d] + added[d]
            dx[n, d] = gradient - gradient * y[n, d] * y[n, d]


@parallel_kernel
def lstm_unit_forward(before, x, cont, gates, c, h):
    """c = f before + i g, h = o tanh(c), with the gates i, f, o, g side by side in x (streams, 4 units).

    ``gates`` takes them squashed, f with ``cont`` (streams,) in it, and may be x.
    """
    streams, units = before.shape
    one = x.dtype.type(1)
    for n in prange(streams):
        for d in range(units):
            i = _sigmoid(x[n, d], one)
            f = cont[n] * _sigmoid(x[n, units + d], one)
            o = _sigmoid(x[n, 2 * units + d], one)
            g = math.tanh(x[n, 3 * units + d])
            c[n, d] = f * before[n, d] + i * g
            h[n, d] = o * math.tanh(c[n, d])
            gates[n, d] = i
            gates[n, units + d] = f
            gates[n, 2 * units + d] = o
            gates[n, 3 * units + d] = g


@parallel_kernel
def lstm_unit_backward(before, gates, c, dc, dh, dbefore, dx):
    """dbefore and dx (streams, 4 units) of ``lstm_unit_forward``. dbefore may be dc."""
    streams, units = before.shape
    one = before.dtype.type(1)
    for n in prange(streams):
        for d in range(units):
            i = gates[n, d]
            f = gates[n, units + d]
            o = gates[n, 2 * units + d]
            g = gates[n, 3 * units + d]
            squashed = math.tanh(c[n, d])
            dcell = dc[n, d] + dh[n, d] * o * (one - squashed * squashed)
            dbefore[n, d] = dcell * f
            dx[n, d] = dcell * g * i * (one - i)
            dx[n, units + d] = dcell * before[n, d] * f * (one - f)
            dx[n, 2 * units + d] = dh[n, d] * squashed * o * (one - o)
            dx[n, 3 * units + d] = dcell * i * (one - g * g)
