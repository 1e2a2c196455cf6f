"""Layers of type WindowData: from ``window_data_param`` to a feed over a window file."""

from __future__ import annotations

from netcli.data.image_list import ListedImage, find_root
from netcli.data.layer_files import LayerFiles
from netcli.data.stream_feed import StreamFeed
from netcli.data.window_file import read_window_file
from netcli.data.window_reader import CHANNELS, WindowReader
from netcli.layers.feeding import ItemShapes


def window_shapes(files: LayerFiles) -> ItemShapes:
    """Shapes of a window and its label; they need no data."""
    crop = int(files.layer.transform_param.crop_size)
    return (CHANNELS, crop, crop), ()


def open_window_feed(files: LayerFiles, phase: int) -> StreamFeed:
    """The feed of a layer with ``window_data_param`` and ``transform_param``; the phase makes no difference.

    Raises:
        ConfigError: NC001 no such window file, NC215 contradictory means.
        RunError: NC2xx, the window file cannot be read.
    """
    layer = files.layer
    settings = layer.window_data_param
    path = files.find(settings.source)
    windows = read_window_file(path)
    listed = [ListedImage(image, None, line) for image, line in windows.images]
    reader = WindowReader(
        layer,
        windows,
        root=find_root(settings.root_folder, listed, files.beside(path)),
        mean=files.mean(),
        draws=files.draws("windows"),
        skipped=files.skipped,
    )
    return StreamFeed(reader, batch_size=max(1, settings.batch_size), depth=files.depth)
