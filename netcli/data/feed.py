"""Feeds: what a Data layer draws its batches from. Implements the protocol of ``netcli.layers.feeding``."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np

from netcli.data.builtin import builtin_shape, builtin_source, is_builtin
from netcli.data.datum import Colour
from netcli.data.lmdb_source import LmdbSource, looks_like_lmdb
from netcli.data.prefetch import Batch, Prefetcher
from netcli.data.random_draws import Draws
from netcli.data.transform import Transform, read_mean, transformed_shape
from netcli.errors import ConfigError, NetcliError, RunError
from netcli.prototxt import resolve_path
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import blob_to_array
from netcli.schema.binary import read_file, read_message

LARGEST_LABEL = 1 << 24
"""Integers up to this are exact in the float32 of a label blob."""


class LmdbFeed:
    """The transformed items of an LMDB, in order and round again, prefetched by a thread.

    Args:
        source: where the items come from; closed with the feed.
        transform: what happens to them.
        batch_size: items that the thread makes at a time; ``next_batch`` may ask for any number.
        depth: batches that the thread keeps ready.
        labelled: whether labels are wanted; without, items need none.
        first: index of the item that the stream begins with.

    Attributes:
        shape: (C, H, W) of one item after the transform.
        size: items in the set.
    """

    def __init__(
        self,
        source: LmdbSource,
        transform: Transform,
        *,
        batch_size: int,
        depth: int = 4,
        labelled: bool = True,
        first: int = 0,
    ) -> None:
        self.shape = transform.shape
        self.size: int | None = len(source)
        self._source = source
        self._fill = _Filler(source, transform, labelled)
        self._batch_size = batch_size
        self._depth = depth
        self._first = first
        self._position = first
        self._prefetcher: Prefetcher | None = None
        self._batch: Batch | None = None
        self._used = 0
        self._keys: list[str] = []
        self._stop_when_collected: weakref.finalize | None = None

    @property
    def position(self) -> int:
        """Items delivered or skipped since the start."""
        return self._position - self._first

    def next_batch(self, data: np.ndarray, labels: np.ndarray | None) -> None:
        """Fills ``data`` (N, C, H, W) and ``labels`` (N,), both float32 and C-ordered, with the next N items.

        ``labels`` is set to 0 when the feed was opened without labels.

        Raises:
            RunError: NC203 corrupt datum, NC204 datum of another shape, NC205 label missing, ...
        """
        self._keys = []
        done = 0
        while done < len(data):
            batch = self._current()
            count = min(len(data) - done, len(batch.data) - self._used)
            data[done : done + count] = batch.data[self._used : self._used + count]
            if labels is not None:
                labels[done : done + count] = batch.labels[self._used : self._used + count]
            self._keys += batch.keys[self._used : self._used + count]
            self._used += count
            self._position += count
            done += count

    def skip(self, items: int) -> None:
        """Moves on by ``items`` without decoding them."""
        self._move_to(self._position + items)

    def rewind(self) -> None:
        """Goes back to the start: the same items with the same random crops follow as after opening."""
        self._move_to(self._first)

    def item_name(self, index: int) -> str:
        """Key and file of item ``index`` of the last batch, for messages."""
        return f"key {self._keys[index]} of {self._source.path}"

    def close(self) -> None:
        """Ends the thread and closes the source. May be called again."""
        self._stop()
        self._source.close()

    def _current(self) -> Batch:
        """A batch with items left in it, waiting for the thread where there is none."""
        if self._batch is not None and self._used < len(self._batch.data):
            return self._batch
        if self._prefetcher is None:
            self._prefetcher = Prefetcher(self._fill, (self._batch_size, *self.shape), self._position, self._depth)
            self._stop_when_collected = weakref.finalize(self, self._prefetcher.stop)
        if self._batch is not None:
            self._prefetcher.give_back(self._batch)
            self._batch = None
        self._batch = self._prefetcher.get()
        self._used = 0
        return self._batch

    def _move_to(self, position: int) -> None:
        if position != self._position:
            self._stop()
            self._position = position

    def _stop(self) -> None:
        if self._stop_when_collected is not None:
            self._stop_when_collected()
        self._prefetcher = self._batch = self._stop_when_collected = None


class _Filler:
    """Fills batches for the thread; holds no reference to the feed, so that a forgotten feed can be collected."""

    def __init__(self, source: LmdbSource, transform: Transform, labelled: bool) -> None:
        self._source = source
        self._transform = transform
        self._labelled = labelled

    def __call__(self, batch: Batch, position: int) -> None:
        source, transform, size = self._source, self._transform, len(self._source)
        source.seek(position)
        batch.keys = []
        for i in range(len(batch.data)):
            key, item = source.next_item()
            if not transform.crop:
                source.check_shape(key, item, source.shape)
            epoch, index = divmod(position + i, size)
            try:
                transform.apply(item.pixels, epoch, index, batch.data[i])
            except NetcliError as error:
                raise _at(error, key, source.path) from error
            if self._labelled:
                batch.labels[i] = _exact(source.label_of(key, item), key, source.path)
            batch.keys.append(key)
        transform.finish(batch.data)


class Feeds:
    """Opens the feeds of one net: a ``netcli.layers.feeding.FeedSource``.

    Args:
        anchor: the prototxt, against whose folder relative paths are tried too; None for none.
        seed: of all random crops, mirrorings and skips.
    """

    def __init__(self, anchor: str | None = None, seed: int = 0) -> None:
        self._anchor = anchor
        self._seed = seed

    def shape(self, layer: pb.LayerParameter) -> tuple[int, int, int] | None:
        """See ``item_shape``."""
        return item_shape(layer, self._anchor)

    def open(self, layer: pb.LayerParameter, phase: int) -> LmdbFeed:
        """See ``open_feed``."""
        return open_feed(layer, phase, self._anchor, self._seed)

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        """See ``read_blob``."""
        return read_blob(layer, path, self._anchor)


def open_feed(layer: pb.LayerParameter, phase: int, anchor: str | None, seed: int) -> LmdbFeed:
    """Opens what a layer of type Data reads.

    Args:
        layer: with ``data_param`` and, perhaps, ``transform_param``.
        phase: pb.TRAIN or pb.TEST.
        anchor: the prototxt, against whose folder relative paths are tried too.
        seed: of random crops, mirroring and ``rand_skip``; two layers of different names draw independently.

    Raises:
        ConfigError: NC001 no such path, NC207 LevelDB, NC208 unknown built-in source, NC215 contradictory transform.
        RunError: NC2xx, the data cannot be read.
    """
    data, param = layer.data_param, layer.transform_param
    try:
        source = LmdbSource(_locate(layer, anchor), _colour(layer))
        try:
            mean = read_mean(Path(resolve_path(param.mean_file, anchor))) if param.HasField("mean_file") else None
            transform = Transform(param, phase, source.shape, mean, Draws(seed, f"transform of {layer.name}"))
        except BaseException:
            source.close()
            raise
    except NetcliError as error:
        raise _in_layer(error, layer) from error
    first = Draws(seed, f"rand_skip of {layer.name}").below(data.rand_skip, 0, 0) if data.rand_skip else 0
    return LmdbFeed(
        source,
        transform,
        batch_size=max(1, data.batch_size),
        depth=max(1, data.prefetch),
        labelled=len(layer.top) > 1,
        first=first,
    )


def read_blob(layer: pb.LayerParameter, path: str, anchor: str | None) -> np.ndarray:
    """The array in the binaryproto file ``path``, which a field of ``layer`` names.

    Returns:
        The stored shape, float32, or float64 where it was stored so.

    Raises:
        ConfigError: NC001 no such path.
        RunError: NC451 a damaged blob, NC461 to NC464 unreadable or no blob.
    """
    try:
        found = resolve_path(path, anchor)
        return blob_to_array(read_message(read_file(found), pb.BlobProto, str(found)))
    except NetcliError as error:
        raise _in_layer(error, layer) from error


def item_shape(layer: pb.LayerParameter, anchor: str | None) -> tuple[int, int, int] | None:
    """(C, H, W) of a Data layer's items after the transform, or None where only absent data could tell.

    Built-in data are not made for it, and of an LMDB one item is read at most.

    Raises:
        ConfigError: NC208 unknown built-in source, NC215 a crop larger than the items.
        RunError: NC2xx, the source is there but broken.
    """
    source = layer.data_param.source
    try:
        if is_builtin(source):
            return transformed_shape(layer.transform_param, builtin_shape(source))
        try:
            path = _locate(layer, anchor)
        except NetcliError:
            return None
        if not looks_like_lmdb(path):
            return None
        with LmdbSource(path, _colour(layer)) as lmdb_source:
            return transformed_shape(layer.transform_param, lmdb_source.shape)
    except NetcliError as error:
        raise _in_layer(error, layer) from error


def _locate(layer: pb.LayerParameter, anchor: str | None) -> Path:
    """The folder that a Data layer reads; built-in data are made where they are missing."""
    data = layer.data_param
    if is_builtin(data.source):
        return builtin_source(data.source)
    path = Path(resolve_path(data.source, anchor))
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


def _colour(layer: pb.LayerParameter) -> Colour:
    if layer.transform_param.force_gray:
        return Colour.GRAY
    return Colour.COLOUR if layer.transform_param.force_color or layer.data_param.force_encoded_color else Colour.STORED


def _exact(label: int, key: str, path: Path) -> int:
    if abs(label) > LARGEST_LABEL:
        raise RunError.of(
            "NC214",
            f"label too large for a float32 blob, key {key} of '{path}'",
            expected=f"at most {LARGEST_LABEL}",
            actual=label,
            hint="the data set is damaged, or its labels must be renumbered from 0",
        )
    return label


def _at(error: NetcliError, key: str, path: Path) -> NetcliError:
    """``error`` with the item that it is about."""
    return type(error)([replace(f, message=f"{f.message}, key {key} of '{path}'") for f in error.findings])


def _in_layer(error: NetcliError, layer: pb.LayerParameter) -> NetcliError:
    """``error`` with the layer that it is about, where it does not know it yet."""
    named = [replace(f, layer=f.layer or layer.name, layer_type=f.layer_type or layer.type) for f in error.findings]
    return type(error)(named)
