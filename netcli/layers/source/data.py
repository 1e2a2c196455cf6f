"""Data: batches of images and labels from a database (LMDB) or a built-in set.

No bottoms -> data: (batch_size, C, H, W) after the transform, and on request labels: (batch_size,). Where the
items come from is the feed's affair (``netcli.layers.feeding``); it is opened at the first forward pass.
Source: Caffe's data_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.feeding import Feed
from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape


@register(
    "Data",
    v1="DATA",
    param="data_param",
    bottoms=0,
    tops=(1, 2),
    no_gradient="it makes data",
    reads=("transform_param",),
)
class Data(Layer):
    _feed: Feed | None = None

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """() -> (batch_size, C, H, W) and, for a second top, (batch_size,).

        Raises:
            ConfigError: NC120 without a batch_size, NC121 for a batch_size of 0, NC130 where the shape of the
                items cannot be known.
        """
        settings = self.param.data_param
        if not settings.HasField("batch_size"):
            raise self.error("NC120", "batch_size is missing", "data_param", expected="at least 1")
        if settings.batch_size < 1:
            raise self.error(
                "NC121",
                "batch_size is out of range",
                "data_param",
                "batch_size",
                expected="at least 1",
                actual=settings.batch_size,
            )
        item = self.context.feeds.shape(self.param)
        if item is None:
            raise self.error(
                "NC130",
                "the shape of the data is not known, since the source cannot be read",
                "data_param",
                "source",
                actual=f"source '{settings.source}'",
                hint="pass --input-shape C,H,W, or make the data set first",
            )
        return [(settings.batch_size, *item), (settings.batch_size,)][: len(self.param.top)]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC132 if the data have another shape than the net was built for, or the feed's own."""
        if self._feed is None:
            self._feed = self._open(tops[0].shape[1:])
        arrays = [top.values.write(PLAIN) for top in tops]
        if self.context.dtype != np.float32:
            # Feeds speak float32 only. Nets of another type serve gradient checks, where a copy does not matter.
            buffers = [np.empty(array.shape, np.float32) for array in arrays]
            self._feed.next_batch(buffers[0], buffers[1] if len(buffers) > 1 else None)
            for array, buffer in zip(arrays, buffers, strict=True):
                array[...] = buffer
        else:
            self._feed.next_batch(arrays[0], arrays[1] if len(arrays) > 1 else None)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Nothing to do: there are no bottoms."""

    def close(self) -> None:
        """Closes the feed; the next forward pass would open it again."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def _open(self, item: Shape) -> Feed:
        feed = self.context.feeds.open(self.param, self.context.phase)
        if feed.shape != item:
            feed.close()
            raise self.run_error("NC132", "the data have another shape than the net", expected=item, actual=feed.shape)
        return feed
