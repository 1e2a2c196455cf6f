"""Small image files, lists of them, and layers that read them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from google.protobuf import text_format

from netcli.schema import caffe_pb2 as pb


def colour_images(count: int, height: int = 6, width: int = 7) -> np.ndarray:
    """(count, 3, height, width) uint8 of random values."""
    return np.random.default_rng(count).integers(0, 256, (count, 3, height, width)).astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray) -> Path:
    """``pixels`` (C, H, W) in blue, green, red, exactly."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels.transpose(1, 2, 0))[1].tobytes())
    return path


def write_list(folder: Path, images: np.ndarray, names: list[str] | None = None) -> Path:
    """``folder/list.txt`` with image i under its name, by default ``i.png``, and the label i."""
    names = names or [f"{i}.png" for i in range(len(images))]
    for name, pixels in zip(names, images, strict=True):
        write_png(folder / name, pixels)
    path = folder / "list.txt"
    path.write_text("".join(f"{name} {label}\n" for label, name in enumerate(names)))
    return path


def image_layer(
    source: Path | str, settings: str = "", transform: str = "", tops: str = 'top: "data" top: "label"'
) -> pb.LayerParameter:
    """An ImageData layer of batch size 3 unless ``settings`` say otherwise."""
    size = "" if "batch_size" in settings else "batch_size: 3"
    text = f"""
        name: "images" type: "ImageData" {tops}
        transform_param {{ {transform} }}
        image_data_param {{ source: "{source}" {size} {settings} }}
    """
    return text_format.Parse(text, pb.LayerParameter())


def take(feed, sizes: list[int]) -> list[np.ndarray]:
    """The items of batches of the given sizes, in one row, for each top."""
    batches = []
    for size in sizes:
        batches.append([np.full((size, *shape), np.nan, np.float32) for shape in feed.shapes])
        feed.next_batch(batches[-1])
    return [np.concatenate(arrays) for arrays in zip(*batches, strict=True)]
