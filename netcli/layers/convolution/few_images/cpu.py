"""CPU kernels that carry patches of plain blobs to lanes and back: see ``tiling``.

plain: flat, of (images, channels, positions); lanes: (G, P, channels, L); offsets (G, P, L): see ``tiling.Places``.
Tasks are groups times parts of the channels.
"""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import LANES, parallel_kernel
from netcli.runtime.patches import gather_rows, scatter_rows

_CHANNELS_AT_ONCE = 8


@parallel_kernel
def gather_patches(plain, offsets, plane, lanes):
    """lanes = what stands at the offsets, 0 outside."""
    groups, positions, channels, _ = lanes.shape
    parts = (channels + _CHANNELS_AT_ONCE - 1) // _CHANNELS_AT_ONCE
    places, rows = offsets.reshape(-1), lanes.reshape(-1)
    for task in prange(groups * parts):
        group, part = task // parts, task % parts
        first, last = channels * part // parts, channels * (part + 1) // parts
        for position in range(group * positions, (group + 1) * positions):
            row = (position * channels + first) * LANES
            gather_rows(plain, first * plane, plane, places, position * LANES, last - first, rows, row)


@parallel_kernel
def scatter_patches(lanes, offsets, plane, plain):
    """plain = lanes where there is an offset; patches do not overlap."""
    groups, positions, channels, _ = lanes.shape
    parts = (channels + _CHANNELS_AT_ONCE - 1) // _CHANNELS_AT_ONCE
    places, rows = offsets.reshape(-1), lanes.reshape(-1)
    for task in prange(groups * parts):
        group, part = task // parts, task % parts
        first, last = channels * part // parts, channels * (part + 1) // parts
        for position in range(group * positions, (group + 1) * positions):
            row = (position * channels + first) * LANES
            scatter_rows(rows, row, last - first, plain, first * plane, plane, places, position * LANES)


@parallel_kernel
def add_patches(lanes, offsets, plane, plain):
    """plain = the sum of the lanes that belong to it; patches may overlap, but not those of different channels."""
    groups, positions, channels, _ = lanes.shape
    plain[:] = 0
    for channel in prange(channels):
        for group in range(groups):
            for position in range(positions):
                places, source = offsets[group, position], lanes[group, position, channel]
                for lane in range(LANES):
                    if places[lane] >= 0:
                        plain[places[lane] + channel * plane] += source[lane]


@parallel_kernel
def add_plane_sums(dy, gradient):
    """gradient (K,) += the sum of dy (N, K, Q) over images and positions."""
    for k in prange(dy.shape[1]):
        total = gradient[k]
        for image in range(dy.shape[0]):
            row = dy[image, k]
            for position in range(row.size):
                total += row[position]
        gradient[k] = total
