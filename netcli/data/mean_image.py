"""The mean image of a data set, as Caffe's compute_image_mean writes it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from netcli.convert.atomic_file import write_atomically
from netcli.data.datum import by
from netcli.data.image_reader import Images
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb


def mean_image(images: Images, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
    """The mean of all items, pixel by pixel.

    Returns:
        (C, H, W) float32: the sum, rounded to float32, divided by the count, which is what Caffe gives too as long as
        float32 holds its running sums exactly (65,793 images of bytes).

    Raises:
        RunError: NC204 items of unequal shapes, NC203 or NC221 an item that cannot be read.
    """
    read = images.item_reader()
    total = np.zeros(images.shape, np.float64)
    for index in range(len(images)):
        name, item = read(index)
        if item.pixels.shape != total.shape:
            raise RunError.of(
                "NC204",
                f"an item of another shape than the first, {name}",
                expected=by(total.shape),
                actual=by(item.pixels.shape),
                hint="a mean image needs items of one size: make the set with --resize",
            )
        total += item.pixels
        if progress is not None and (index % 100 == 99 or index + 1 == len(images)):
            progress(index + 1, len(images))
    return total.astype(np.float32) / np.float32(len(images))


def write_mean(mean: np.ndarray, path: Path) -> None:
    """Writes (C, H, W) float32 to ``path``: a .npy array, or else a binaryproto. All or nothing.

    Raises:
        RunError: NC459, the file cannot be written.
    """
    if path.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, mean)
        content = buffer.getvalue()
    else:
        channels, height, width = mean.shape
        blob = pb.BlobProto(num=1, channels=channels, height=height, width=width, data=mean.ravel().tolist())
        content = blob.SerializeToString()
    write_atomically(path, content)
