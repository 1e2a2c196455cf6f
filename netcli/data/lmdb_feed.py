"""Layers of type Data: from ``data_param`` to a feed over an LMDB or a built-in set."""

from __future__ import annotations

from pathlib import Path

from netcli.data.builtin import builtin_shape, builtin_source, is_builtin
from netcli.data.image_decoding import Colour
from netcli.data.image_reader import ImageReader
from netcli.data.item_order import ItemOrder
from netcli.data.layer_files import LayerFiles
from netcli.data.lmdb_images import LmdbImages
from netcli.data.lmdb_source import LmdbSource, looks_like_lmdb
from netcli.data.stream_feed import StreamFeed
from netcli.data.transform import Transform, transformed_shape
from netcli.errors import ConfigError, NetcliError
from netcli.layers.feeding import ItemShapes
from netcli.schema import caffe_pb2 as pb


def lmdb_shapes(files: LayerFiles) -> ItemShapes | None:
    """Shapes of an item, or None where only absent data could tell.

    Built-in data are not made for it, and of an LMDB one item is read at most.

    Raises:
        ConfigError: NC207 LevelDB, NC208 unknown built-in source, NC215 a crop larger than the items.
        RunError: NC2xx, the source is there but broken.
    """
    source = files.layer.data_param.source
    if is_builtin(source):
        stored = builtin_shape(source)
    else:
        try:
            files.find(source)
        except NetcliError:
            return None
        path = locate_database(files)
        with LmdbSource(path, stored_colour(files.layer), tolerant=files.skipped is not None) as lmdb_source:
            stored = lmdb_source.shape
    shape = transformed_shape(files.layer.transform_param, stored)
    return (shape, ()) if len(files.layer.top) > 1 else (shape,)


def open_lmdb_feed(files: LayerFiles, phase: int) -> StreamFeed:
    """The feed of a layer with ``data_param`` and, perhaps, ``transform_param``.

    Raises:
        ConfigError: NC001 no such path, NC207 LevelDB, NC208 unknown built-in source, NC215 contradictory transform.
        RunError: NC2xx, the data cannot be read.
    """
    layer = files.layer
    source = LmdbSource(locate_database(files), stored_colour(layer), tolerant=files.skipped is not None)
    try:
        transform = Transform(layer.transform_param, phase, source.shape, files.mean(), files.draws("transform"))
    except BaseException:
        source.close()
        raise
    order = ItemOrder(len(source), files.seed, "", shuffle=False)
    reader = ImageReader(LmdbImages(source), transform, order, labelled=len(layer.top) > 1, skipped=files.skipped)
    first = files.first(layer.data_param.rand_skip)
    return StreamFeed(reader, batch_size=max(1, layer.data_param.batch_size), depth=files.depth, first=first)


def locate_database(files: LayerFiles) -> Path:
    """The folder that a Data layer reads; built-in data are made where they are missing.

    Raises:
        ConfigError: NC001, NC207, NC208.
    """
    data = files.layer.data_param
    if is_builtin(data.source):
        return builtin_source(data.source)
    path = files.find(data.source)
    lmdb_there = looks_like_lmdb(path)
    if data.backend == pb.DataParameter.LEVELDB and (data.HasField("backend") or not lmdb_there):
        hint = (
            "it is an LMDB: write `backend: LMDB`" if lmdb_there else "convert it to an LMDB and write `backend: LMDB`"
        )
        raise ConfigError.of(
            "NC207",
            f"LevelDB is not supported (source '{path}')",
            expected="backend: LMDB",
            actual="LEVELDB",
            hint=hint,
        )
    return path


def stored_colour(layer: pb.LayerParameter) -> Colour:
    """How a Data layer wants encoded images."""
    if layer.transform_param.force_gray:
        return Colour.GRAY
    return Colour.COLOUR if layer.transform_param.force_color or layer.data_param.force_encoded_color else Colour.STORED
