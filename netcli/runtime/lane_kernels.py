"""Kernels that carry a blob between the plain layout and the lanes layout.

plain: ``[N][C][P]``, C-ordered, P the product of the spatial dimensions.
lanes: ``[G][P][C][L]`` with L images side by side and G = ceil(N / L) groups; missing images are zero.
"""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import parallel_kernel


@parallel_kernel
def plain_to_lanes(plain, lanes):
    """plain (N, C, P) -> lanes (G, P, C, L); the lanes beyond N become zero."""
    images, channels, positions = plain.shape
    groups, _, _, width = lanes.shape
    for task in prange(groups * positions):
        group = task // positions
        position = task % positions
        first = group * width
        count = min(width, images - first)
        for channel in range(channels):
            row = lanes[group, position, channel]
            for lane in range(count):
                row[lane] = plain[first + lane, channel, position]
            for lane in range(count, width):
                row[lane] = 0


@parallel_kernel
def lanes_to_plain(lanes, plain):
    """lanes (G, P, C, L) -> plain (N, C, P)."""
    images, channels, positions = plain.shape
    width = lanes.shape[3]
    for image in prange(images):
        group = image // width
        lane = image % width
        for channel in range(channels):
            for position in range(positions):
                plain[image, channel, position] = lanes[group, position, channel, lane]


@parallel_kernel
def clear(values):
    """values (count,) = 0."""
    for i in prange(values.size):
        values[i] = 0
