"""The CPU kernel of a convolution and the max pooling behind it, in lanes; arrays as in ``convolution.cpu``."""

from __future__ import annotations

from numba import get_thread_id, prange

from netcli.layers.convolution.cpu import multiply_pairs
from netcli.layers.pooling.cpu import largest_of_window
from netcli.runtime.jit import LANES, parallel_kernel


@parallel_kernel
def multiply_and_pool(
    x, pairs, pair_ends, starts, runs, weights, bias, slopes, outputs, bands, pool_starts, positions, lowest, room, y,
    chosen
):  # fmt: skip
    """y, chosen (G, Q', K, L): the largest values of the windows of a convolution's result, and their positions.

    The result is made band by band: of the band i, ``bands`` (n, 3) has the first position, the first window of the
    pooling and the end of its windows; its pairs are ``pair_ends[i]`` to ``pair_ends[i + 1]``. Pairs, starts, runs,
    weights, bias, slopes: as of ``multiply_windows``. pool_starts, positions: the table of the pooling's windows.
    room (threads, positions of the largest band * K * L).
    """
    images, inputs, channels, _ = x.shape
    width = outputs * LANES
    values, made = x.reshape(-1), room.reshape(-1)
    for task in prange(images * len(bands)):
        image, band = task // len(bands), task % len(bands)
        first, thread = bands[band, 0], get_thread_id()
        multiply_pairs(
            values,
            image * inputs * channels * LANES,
            channels // len(weights) * LANES,
            LANES,
            pairs,
            pair_ends[band],
            pair_ends[band + 1],
            starts,
            runs,
            weights,
            0,
            len(weights) * weights.shape[1],
            bias,
            slopes,
            outputs,
            made[:0],
            made,
            thread * room.shape[1] - first * width,
            LANES,
            width,
        )
        rows = room[thread].reshape(-1, width)
        for window in range(bands[band, 1], bands[band, 2]):
            best, where = y[image, window].reshape(width), chosen[image, window].reshape(width)
            begin, end = pool_starts[window], pool_starts[window + 1]
            largest_of_window(rows, first, positions, begin, end, lowest, best, where)
