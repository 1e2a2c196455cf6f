"""DummyData: blobs filled by fillers, for nets that need data of some shape but not of some meaning.

No bottoms; shapes from ``shape`` (one for all tops, or one each) or from the old ``num``, ``channels``,
``height``, ``width``; ``data_filler`` none (zeros), one for all tops, or one each. A constant top is filled
once, any other anew at each forward pass; where several processes share the batch, each takes its part of what one
would draw. Source: Caffe's dummy_data_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.fillers import check_filler, fill, fill_array
from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.layers.source.declared_shape import declared_shape, is_batch, one_for_each_top, part_of_batch
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.runtime.streams import stream
from netcli.schema import caffe_pb2 as pb

_OLD_FIELDS = ("num", "channels", "height", "width")


@register(
    "DummyData", v1="DUMMY_DATA", param="dummy_data_param", bottoms=0, tops=(1, None), no_gradient="it makes data"
)
class DummyData(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """() -> the declared shapes, parts of them where the batch is divided.

        Raises:
            ConfigError: NC120 without a shape, NC121 for a wrong number of shapes, dimensions or fillers, NC126
                for both kinds of shapes, NC12x for a filler that will not do.
        """
        shapes = self._shapes()
        fillers = list(self.param.dummy_data_param.data_filler)
        one_for_each_top(self, len(fillers), "dummy_data_param", "data_filler", least=0)
        if len(fillers) <= 1:
            fillers = (fillers or [pb.FillerParameter()]) * len(shapes)
        for index, (filler, shape) in enumerate(zip(fillers, shapes, strict=True)):
            place = self.source.place("dummy_data_param", "data_filler", index)
            check_filler(filler, shape, place=place, layer=self.name)
        self._fillers = fillers
        self._filled: list[Shape | None] = [None] * len(shapes)
        self._divided = [self.context.share.divided and is_batch(self, shape) for shape in shapes]
        return [part_of_batch(self, shape) for shape in shapes]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        for index, (top, filler) in enumerate(zip(tops, self._fillers, strict=True)):
            if filler.type == "constant" and self._filled[index] == top.shape:
                continue
            rng = stream(self.context.seed, "dummy", self.name, index, self.context.pass_index)
            if self._divided[index]:
                top.values.write(PLAIN)[...] = self._part(filler, top.shape, rng)
            else:
                fill_array(filler, top.values.write(PLAIN), rng)
            self._filled[index] = top.shape

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Nothing to do: there are no bottoms."""

    def _part(self, filler: pb.FillerParameter, shape: Shape, rng: np.random.Generator) -> np.ndarray:
        """The rows that are this process's of what is drawn for the whole batch."""
        share, items = self.context.share, shape[0]
        whole = fill(filler, (share.total(items), *shape[1:]), rng, self.context.dtype)
        begin = share.offset(items)
        return whole[begin : begin + items]

    def _shapes(self) -> list[Shape]:
        settings = self.param.dummy_data_param
        tops = len(self.param.top)
        old = [list(getattr(settings, name)) for name in _OLD_FIELDS]
        if any(old):
            if settings.shape:
                raise self.error(
                    "NC126", "shape and the old num, channels, height, width exclude each other", "dummy_data_param"
                )
            for name, sizes in zip(_OLD_FIELDS, old, strict=True):
                one_for_each_top(self, len(sizes), "dummy_data_param", name)
            shapes = [pb.BlobShape(dim=[sizes[i % len(sizes)] for sizes in old]) for i in range(tops)]
            return [declared_shape(self, shape, "dummy_data_param") for shape in shapes]
        one_for_each_top(self, len(settings.shape), "dummy_data_param", "shape")
        declared = [
            declared_shape(self, shape, "dummy_data_param", "shape", i) for i, shape in enumerate(settings.shape)
        ]
        return declared if len(declared) > 1 else declared * tops
