"""Kernels that carry a blob between the plain layout and the lanes layout.

plain: ``[N][C][P]``, C-ordered, P the product of the spatial dimensions.
lanes: ``[G][P][C][LANES]`` with images side by side and G = ceil(N / LANES) groups; missing images are zero.

They go by squares, of as many positions as images. With one position channels take the place of positions: what has
one of either stands in memory alike.
"""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import LANES, parallel_kernel
from netcli.runtime.tiles import transpose_block


@parallel_kernel
def plain_to_lanes(plain, lanes):
    """plain (N, C, P) -> lanes (G, P, C, LANES); the lanes beyond N become zero."""
    images, channels, positions = plain.shape
    if positions == 1:
        channels, positions = 1, channels
    step, row_step = channels * positions, channels * LANES
    blocks = (positions + LANES - 1) // LANES
    source, target = plain.reshape(-1), lanes.reshape(-1)
    for task in prange(len(lanes) * blocks):
        group, first = task // blocks, task % blocks * LANES
        count, length = min(LANES, images - group * LANES), min(LANES, positions - first)
        for channel in range(channels):
            start = group * LANES * step + channel * positions + first
            row = (group * positions + first) * row_step + channel * LANES
            if count == LANES and start + (LANES - 1) * step + LANES <= source.size:
                transpose_block(source, start, step, LANES, target, row, row_step, length)
                continue
            for j in range(length):
                for lane in range(count):
                    target[row + j * row_step + lane] = source[start + lane * step + j]
                for lane in range(count, LANES):
                    target[row + j * row_step + lane] = 0


@parallel_kernel
def lanes_to_plain(lanes, plain):
    """lanes (G, P, C, LANES) -> plain (N, C, P)."""
    images, channels, positions = plain.shape
    if positions == 1:
        channels, positions = 1, channels
    step, row_step = channels * positions, channels * LANES
    blocks = (positions + LANES - 1) // LANES
    source, target = lanes.reshape(-1), plain.reshape(-1)
    for task in prange(len(lanes) * blocks):
        group, first = task // blocks, task % blocks * LANES
        count, length = min(LANES, images - group * LANES), min(LANES, positions - first)
        for channel in range(channels):
            start = group * LANES * step + channel * positions + first
            row = (group * positions + first) * row_step + channel * LANES
            if length == LANES:
                transpose_block(source, row, row_step, LANES, target, start, step, count)
                continue
            for lane in range(count):
                for j in range(length):
                    target[start + lane * step + j] = source[row + j * row_step + lane]
