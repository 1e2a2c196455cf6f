"""Feeds and files for the layers of one net. Implements ``netcli.layers.feeding.FeedSource``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from netcli.data.hdf5_feed import hdf5_shapes, open_hdf5_feed
from netcli.data.hdf5_sink import Hdf5Sink
from netcli.data.image_feed import image_shapes, open_image_feed
from netcli.data.item_feed import ItemFeed
from netcli.data.layer_files import LayerFiles
from netcli.data.lmdb_feed import lmdb_shapes, open_lmdb_feed
from netcli.data.skipped import SkippedItems
from netcli.data.stream_feed import StreamFeed
from netcli.data.window_feed import open_window_feed, window_shapes
from netcli.layers.feeding import ItemShapes
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import blob_to_array
from netcli.schema.binary import read_file, read_message

_SHAPES: dict[str, Callable[[LayerFiles], ItemShapes | None]] = {
    "Data": lmdb_shapes,
    "HDF5Data": hdf5_shapes,
    "ImageData": image_shapes,
    "WindowData": window_shapes,
}

_OPEN: dict[str, Callable[[LayerFiles, int], StreamFeed | ItemFeed]] = {
    "Data": open_lmdb_feed,
    "HDF5Data": open_hdf5_feed,
    "ImageData": open_image_feed,
    "WindowData": open_window_feed,
}


class Feeds:
    """Opens what the layers of one net read and write.

    Args:
        anchor: the prototxt, against whose folder relative paths are tried too; None for none.
        seed: of everything random: crops, mirrorings, skips, orders.
        skipped: told about items that cannot be read, in whose places the next readable ones are given; None to
            make errors of them.
        needed: nothing can go on without the data, so that their absence is an error where their shapes are asked for.
    """

    def __init__(
        self, anchor: str | None = None, seed: int = 0, *, skipped: SkippedItems | None = None, needed: bool = False
    ) -> None:
        self._anchor = anchor
        self._seed = seed
        self._skipped = skipped
        self._needed = needed

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        """Shapes of an item for each top of ``layer`` after the transform, None where only absent data could tell.

        Raises:
            ConfigError, RunError: the data are there, but broken or contradicted by the settings; or they are needed
                and not there, as in ``open``.
        """
        files = self._files(layer)
        with files.named():
            shapes = _SHAPES[layer.type](files)
        if shapes is None and self._needed:
            self.open(layer, pb.TRAIN).close()
        return shapes

    def open(self, layer: pb.LayerParameter, phase: int) -> StreamFeed | ItemFeed:
        """What ``layer`` reads in ``phase`` (pb.TRAIN or pb.TEST).

        Raises:
            ConfigError: NC001 no such path, NC215 contradictory transform, ...
            RunError: NC2xx, the data cannot be read.
        """
        files = self._files(layer)
        with files.named():
            return _OPEN[layer.type](files, phase)

    def open_sink(self, layer: pb.LayerParameter) -> Hdf5Sink:
        """The file of an HDF5Output layer. Raises RunError NC457 where h5py is not installed."""
        with self._files(layer).named():
            return Hdf5Sink(Path(layer.hdf5_output_param.file_name))

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        """The array in the binaryproto file ``path``, which a field of ``layer`` names.

        Returns:
            The stored shape, float32, or float64 where it was stored so.

        Raises:
            ConfigError: NC001 no such path.
            RunError: NC451 a damaged blob, NC461 to NC464 unreadable or no blob.
        """
        files = self._files(layer)
        with files.named():
            found = files.find(path)
            return blob_to_array(read_message(read_file(found), pb.BlobProto, str(found)))

    def _files(self, layer: pb.LayerParameter) -> LayerFiles:
        return LayerFiles(layer, self._anchor, self._seed, self._skipped)
