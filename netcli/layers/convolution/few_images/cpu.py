"""CPU kernels that carry patches of plain blobs to lanes and back: see ``tiling``.

plain: flat, of (images, channels, positions); lanes: (G, P, channels, L); offsets (G, P, L), in_a_row (G, P): see
``tiling.Places``. Tasks are groups times parts of the channels.
"""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import LANES, parallel_kernel

_CHANNELS_AT_ONCE = 8


@parallel_kernel
def gather_patches(plain, offsets, in_a_row, plane, lanes):
    """lanes = what stands at the offsets, 0 outside."""
    groups, positions, channels, _ = lanes.shape
    parts = (channels + _CHANNELS_AT_ONCE - 1) // _CHANNELS_AT_ONCE
    for task in prange(groups * parts):
        group, part = task // parts, task % parts
        first, last = channels * part // parts, channels * (part + 1) // parts
        for position in range(positions):
            places, target = offsets[group, position], lanes[group, position]
            if in_a_row[group, position]:
                for channel in range(first, last):
                    start = places[0] + channel * plane
                    for lane in range(LANES):
                        target[channel, lane] = plain[start + lane]
            else:
                for channel in range(first, last):
                    for lane in range(LANES):
                        place = places[lane]
                        target[channel, lane] = plain[place + channel * plane] if place >= 0 else 0


@parallel_kernel
def scatter_patches(lanes, offsets, in_a_row, plane, plain):
    """plain = lanes where there is an offset; patches do not overlap."""
    groups, positions, channels, _ = lanes.shape
    parts = (channels + _CHANNELS_AT_ONCE - 1) // _CHANNELS_AT_ONCE
    for task in prange(groups * parts):
        group, part = task // parts, task % parts
        first, last = channels * part // parts, channels * (part + 1) // parts
        for position in range(positions):
            places, source = offsets[group, position], lanes[group, position]
            if in_a_row[group, position]:
                for channel in range(first, last):
                    start = places[0] + channel * plane
                    for lane in range(LANES):
                        plain[start + lane] = source[channel, lane]
            else:
                for channel in range(first, last):
                    for lane in range(LANES):
                        if places[lane] >= 0:
                            plain[places[lane] + channel * plane] = source[channel, lane]


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
