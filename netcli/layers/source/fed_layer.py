"""What layers have in common that read their tops from files: Data, ImageData, HDF5Data, WindowData.

Where the items come from is the feed's affair (``netcli.layers.feeding``); it is opened at the first forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from netcli.errors import NetcliError, Place
from netcli.layers.feeding import Feed, ItemShapes, VaryingFeed
from netcli.layers.layer import Layer
from netcli.runtime.blob import PLAIN, Blob, Shape


class FedLayer(Layer):
    """A layer whose tops hold the next items of a feed."""

    _feed: Feed | None = None

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """() -> (batch_size, *shape of an item) for each top; of a divided batch this process's part.

        Raises:
            ConfigError: NC120 without a batch_size that has no default, NC121 for a batch_size of 0, NC130 where
                the shapes of the items cannot be known.
            NetcliError: what is wrong with the data, where the feeds look at them.
        """
        assert self.param_field is not None
        settings = cast(Any, self.settings)
        has_default = settings.DESCRIPTOR.fields_by_name["batch_size"].has_default_value
        if not (settings.HasField("batch_size") or has_default):
            raise self.error("NC120", "batch_size is missing", self.param_field, expected="at least 1")
        if settings.batch_size < 1:
            raise self.error(
                "NC121",
                "batch_size is out of range",
                self.param_field,
                "batch_size",
                expected="at least 1",
                actual=settings.batch_size,
            )
        items = self._item_shapes()
        if items is None:
            raise self.error(
                "NC130",
                "the shape of the data is not known, since the source cannot be read",
                self.param_field,
                "source",
                actual=f"source '{settings.source}'",
                hint="pass --input-shape C,H,W, or make the data set first",
            )
        return [(self.context.share.part(settings.batch_size), *item) for item in items]

    def _item_shapes(self) -> ItemShapes | None:
        """Those of the feeds, whose errors know files of data at best: the layer's place is added to them."""
        try:
            return self.context.feeds.shapes(self.param)
        except NetcliError as error:
            here = self.source.place()
            if here is None:
                raise
            vague = (None, Place(here.file))
            raise type(error)([replace(f, place=here) if f.place in vague else f for f in error.findings]) from error

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC132 if the data have another shape than the net was built for, or the feed's own."""
        if self._feed is None:
            self._feed = self._open(tuple(top.shape[1:] for top in tops))
        if isinstance(self._feed, VaryingFeed):
            # As in Caffe, the tops take the shape of the item, and the layers behind follow.
            for top, array in zip(tops, self._feed.next_item(), strict=True):
                top.reshape(array.shape[: len(top.shape)])
                top.values.write(PLAIN)[...] = array.reshape(top.shape)
            return
        arrays = [top.values.write(PLAIN) for top in tops]
        if self.context.dtype == np.float32:
            self._feed.next_batch(arrays)
            return
        # Feeds speak float32 only. Nets of another type serve gradient checks, where a copy does not matter.
        buffers = [np.empty(array.shape, np.float32) for array in arrays]
        self._feed.next_batch(buffers)
        for array, buffer in zip(arrays, buffers, strict=True):
            array[...] = buffer

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Nothing to do: there are no bottoms."""

    def close(self) -> None:
        """Closes the feed; the next forward pass would open it again."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def _open(self, items: ItemShapes) -> Feed:
        feed = self.context.feeds.open(self.param, self.context.phase)
        if feed.shapes != items:
            feed.close()
            index = next(i for i, (wanted, got) in enumerate(zip(items, feed.shapes, strict=True)) if wanted != got)
            raise self.run_error(
                "NC132",
                f"the data for '{self.param.top[index]}' have another shape than the net",
                expected=items[index],
                actual=feed.shapes[index],
            )
        return feed
