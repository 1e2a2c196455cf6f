"""From the pixels of one item, bytes or floats, to its place in the float32 batch.

Crop, mirror, mean and scale at once, with x' = x, or width - 1 - x where mirrored:

    out[c, y, x] = (pixels[c, top + y, left + x'] - mean) * scale
"""

import numpy as np

from netcli.runtime.jit import kernel


@kernel
def transform_by_values(pixels, top, left, mirrored, means, scale, out):
    """pixels (C, H, W), means (C,), out (C, height, width)."""
    channels, height, width = out.shape
    for c in range(channels):
        mean = means[c]
        for y in range(height):
            if mirrored:
                last = left + width - 1
                for x in range(width):
                    out[c, y, x] = (np.float32(pixels[c, top + y, last - x]) - mean) * scale
            else:
                for x in range(width):
                    out[c, y, x] = (np.float32(pixels[c, top + y, left + x]) - mean) * scale


@kernel
def transform_by_image(pixels, top, left, mirrored, means, scale, out):
    """pixels and means (C, H, W), out (C, height, width): each pixel with the mean of its own place in the image."""
    channels, height, width = out.shape
    for c in range(channels):
        for y in range(height):
            if mirrored:
                last = left + width - 1
                for x in range(width):
                    pixel = np.float32(pixels[c, top + y, last - x])
                    out[c, y, x] = (pixel - means[c, top + y, last - x]) * scale
            else:
                for x in range(width):
                    pixel = np.float32(pixels[c, top + y, left + x])
                    out[c, y, x] = (pixel - means[c, top + y, left + x]) * scale
