"""An LMDB as a set of images: several threads may read it, each with a cursor of its own."""

from __future__ import annotations

from netcli.data.datum import Item
from netcli.data.image_reader import ReadItem
from netcli.data.lmdb_source import LmdbSource
from netcli.data.stream_feed import decoding_threads
from netcli.layers.feeding import ItemName


class LmdbImages:
    """The items of ``source``, which is closed with this. A ``netcli.data.image_reader.Images``."""

    def __init__(self, source: LmdbSource) -> None:
        self.shape = source.shape
        # Plain pixels are read faster by one thread than by several that wait for each other.
        self.threads = decoding_threads() if source.encoded else 1
        self._source = source
        self._cursors: list[LmdbSource] = []

    def __len__(self) -> int:
        return len(self._source)

    def item_reader(self) -> ReadItem:
        """Items by their index in the order of the keys; consecutive ones are read fastest."""
        cursor = LmdbSource(self._source.path, self._source.colour, tolerant=True)
        self._cursors.append(cursor)

        def read(index: int) -> tuple[ItemName, Item]:
            key, item = cursor.datum(index)
            return ItemName(key, f"key {key} of '{cursor.path}'"), item

        return read

    def close(self) -> None:
        """Closes the cursors and the source. May be called again."""
        for cursor in self._cursors:
            cursor.close()
        self._cursors = []
        self._source.close()
