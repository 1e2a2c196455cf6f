"""Layers of type HDF5Data: from ``hdf5_data_param`` to a feed over the files that a list names."""

from __future__ import annotations

from pathlib import Path

from netcli.data.hdf5_reader import Hdf5Reader, inspect_hdf5
from netcli.data.image_list import read_lines
from netcli.data.layer_files import LayerFiles
from netcli.data.stream_feed import StreamFeed
from netcli.errors import NetcliError, Place
from netcli.layers.feeding import ItemShapes
from netcli.prototxt import resolve_path


def hdf5_shapes(files: LayerFiles) -> ItemShapes | None:
    """Shapes of a row of each dataset, from the first file, or None where there is none.

    Raises:
        RunError: NC2xx, the list or its first file is there but broken; NC457 h5py is not installed.
    """
    try:
        path = files.find(files.layer.hdf5_data_param.source)
        first = listed_files(path)[0]
    except NetcliError as error:
        if error.code == "NC001":
            return None
        raise
    return inspect_hdf5(first, list(files.layer.top)).shapes


def open_hdf5_feed(files: LayerFiles, phase: int) -> StreamFeed:
    """The feed of a layer with ``hdf5_data_param``; the phase makes no difference.

    Raises:
        ConfigError: NC001, the list or one of its files does not exist.
        RunError: NC2xx, a file cannot be read; NC457 h5py is not installed.
    """
    layer = files.layer
    settings = layer.hdf5_data_param
    paths = listed_files(files.find(settings.source))
    reader = Hdf5Reader(paths, list(layer.top), shuffle=settings.shuffle, seed=files.seed, purpose=layer.name)
    return StreamFeed(reader, batch_size=max(1, settings.batch_size), depth=files.depth)


def listed_files(path: Path) -> list[Path]:
    """The files that the list ``path`` names: in the working directory, else beside the list or above it.

    Raises:
        ConfigError: NC001, one does not exist.
        RunError: NC222, NC223, NC46x, the list cannot be read or is empty.
    """
    return [Path(resolve_path(line, str(path), Place(str(path), number, 1))) for number, line in read_lines(path)]
