"""What can be said of a layer's data at a glance, for ``check``: without OpenCV, and without reading a large set."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from google.protobuf.message import DecodeError

from netcli.data.builtin import builtin_shape, is_builtin
from netcli.data.datum import CorruptDatum, parse_datum
from netcli.data.digits import SPLIT_SIZES
from netcli.data.hdf5_feed import listed_files
from netcli.data.image_feed import resized
from netcli.data.image_list import find_root, read_image_list
from netcli.data.layer_files import LayerFiles
from netcli.data.lmdb_feed import locate_database
from netcli.data.lmdb_source import stored_values
from netcli.data.window_file import read_window_file
from netcli.errors import NetcliError
from netcli.schema import caffe_pb2 as pb

MOST_ITEMS = 10_000
"""Items that are looked at; of a longer set these are the first ones."""

DATA_TYPES = ("Data", "HDF5Data", "ImageData", "WindowData")


@dataclass(frozen=True)
class SourceFacts:
    """What a layer reads.

    Attributes:
        path: what was found.
        items: in the set; None where it has no end or counting would need every file.
        shape: (C, H, W) of a stored item before the transform; None where only decoding an image would tell.
        channels: C alone, which is known more often.
        labels: (least, largest) label; None where there are none.
        complete: whether every item was looked at for ``labels``.
        mean_shape: (C, H, W) of the mean file; None without one.
        missing: files that the source names and that do not exist, the first few.
        missing_count: how many of those looked at do not.
    """

    path: Path
    items: int | None = None
    shape: tuple[int, int, int] | None = None
    channels: int | None = None
    labels: tuple[int, int] | None = None
    complete: bool = True
    mean_shape: tuple[int, ...] | None = None
    missing: list[str] = field(default_factory=list)
    missing_count: int = 0


def inspect_source(layer: pb.LayerParameter, anchor: str | None) -> SourceFacts | None:
    """Looks at what ``layer`` reads.

    Args:
        layer: of any type.
        anchor: the prototxt, against whose folder relative paths are tried too.

    Returns:
        None where the layer reads no files, or where its source is not there: the data may well be elsewhere.

    Raises:
        ConfigError, RunError: the source or the mean file is there but cannot be used; the layer is named.
    """
    if layer.type not in DATA_TYPES:
        return None
    files = LayerFiles(layer, anchor)
    inspect = {"Data": _database, "HDF5Data": _hdf5, "ImageData": _list, "WindowData": _windows}[layer.type]
    with files.named():
        return inspect(files)


def _there(files: LayerFiles, source: str) -> Path | None:
    try:
        return files.find(source)
    except NetcliError:
        return None


def _mean_shape(files: LayerFiles) -> tuple[int, ...] | None:
    if _there(files, files.layer.transform_param.mean_file) is None:
        return None
    mean = files.mean()
    return None if mean is None else mean.shape


def _database(files: LayerFiles) -> SourceFacts | None:
    source = files.layer.data_param.source
    if is_builtin(source):
        made = builtin_shape(source)
        items = SPLIT_SIZES[source.rpartition("/")[2]]
        return SourceFacts(Path(source), items, made, made[0], (0, 9), mean_shape=_mean_shape(files))
    if _there(files, source) is None:
        return None
    path = locate_database(files)
    shape, items, labels = _read_database(path)
    return SourceFacts(
        path, items, shape, shape and shape[0], labels, items <= MOST_ITEMS, mean_shape=_mean_shape(files)
    )


def _read_database(path: Path) -> tuple[tuple[int, int, int] | None, int, tuple[int, int] | None]:
    """Shape of the first item unless it is compressed, number of items, range of the labels."""
    shape: tuple[int, int, int] | None = None
    labels: set[int] = set()
    with stored_values(path) as (items, values):
        for index, value in enumerate(islice(values, MOST_ITEMS)):
            try:
                datum = pb.Datum.FromString(value)
                if index == 0 and not datum.encoded:
                    shape = parse_datum(value).pixels.shape
            except (DecodeError, CorruptDatum):
                continue
            if datum.HasField("label"):
                labels.add(datum.label)
        return shape, items, (min(labels), max(labels)) if labels else None


def _list(files: LayerFiles) -> SourceFacts | None:
    layer = files.layer
    path = _there(files, layer.image_data_param.source)
    if path is None:
        return None
    listed = read_image_list(path, labelled=len(layer.top) > 1)
    root = find_root(layer.image_data_param.root_folder, listed, files.beside(path))
    channels, size = 3 if layer.image_data_param.is_color else 1, resized(layer)
    missing = [image.path for image in listed[:MOST_ITEMS] if not os.path.exists(root + image.path)]
    labels = [image.label for image in listed if image.label is not None]
    return SourceFacts(
        path,
        len(listed),
        None if size is None else (channels, *size),
        channels,
        (min(labels), max(labels)) if labels else None,
        mean_shape=_mean_shape(files),
        missing=missing[:3],
        missing_count=len(missing),
    )


def _hdf5(files: LayerFiles) -> SourceFacts | None:
    path = _there(files, files.layer.hdf5_data_param.source)
    if path is None:
        return None
    listed_files(path)
    return SourceFacts(path)


def _windows(files: LayerFiles) -> SourceFacts | None:
    settings = files.layer.window_data_param
    path = _there(files, settings.source)
    if path is None:
        return None
    labels = [window.label for window in read_window_file(path).windows if window.overlap >= settings.fg_threshold]
    largest = max(labels, default=0)
    return SourceFacts(path, None, None, 3, (0, largest), mean_shape=_mean_shape(files))
