"""Small LMDBs and Data layers for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import lmdb
import numpy as np
from google.protobuf import text_format

from netcli.data.lmdb_writer import LmdbWriter
from netcli.schema import caffe_pb2 as pb


def counting_images(count: int, shape: tuple[int, int, int] = (1, 4, 5)) -> np.ndarray:
    """(count, C, H, W) uint8 in which every image, and nearly every pixel, is told apart by its value."""
    size = int(np.prod(shape))
    flat = (np.arange(count)[:, None] * 7 + np.arange(size)[None] * 3) % 251
    return flat.astype(np.uint8).reshape(count, *shape)


def write_images(
    path: Path, images: Iterable[np.ndarray], labels: list[int] | None = None, *, force: bool = False
) -> Path:
    """An LMDB of ``images`` (C, H, W) each; labels 0, 1, 2, ... by default."""
    with LmdbWriter(path, force=force) as writer:
        for i, image in enumerate(images):
            writer.add(image, labels[i] if labels is not None else i)
    return path


def write_values(path: Path, values: list[bytes]) -> Path:
    """An LMDB of any values, under the keys 00000000, 00000001, ..."""
    path.mkdir(parents=True)
    with lmdb.open(str(path), lock=False) as environment, environment.begin(write=True) as transaction:
        for i, value in enumerate(values):
            transaction.put(f"{i:08d}".encode(), value)
    return path


def data_layer(
    source: Path | str, data: str = "", transform: str = "", tops: str = 'top: "data" top: "label"'
) -> pb.LayerParameter:
    """A Data layer of batch size 3 unless ``data`` says otherwise."""
    size = "" if "batch_size" in data else "batch_size: 3"
    backend = "" if "backend" in data else "backend: LMDB"
    text = f"""
        name: "images" type: "Data" {tops}
        transform_param {{ {transform} }}
        data_param {{ source: "{source}" {backend} {size} {data} }}
    """
    return text_format.Parse(text, pb.LayerParameter())
