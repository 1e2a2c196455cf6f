"""What the losses over a softmax share: the softmax itself, and where its result stands."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import channel_form, form_place, lanes_in_use, row_scratch
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import Blob, Place, Replicas, Shape
from netcli.schema import caffe_pb2 as pb


class SoftmaxLoss(Layer):
    """Base of SoftmaxWithLoss and InfogainLoss: predictions x along an axis, p = softmax(x), perhaps a top for p."""

    axis: int
    mode: int
    _shape: Shape
    _place: Place

    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._workspace = Workspace(context.dtype)
        self._own_probabilities: Blob | None = None
        self._normaliser = 1.0

    def averages_batch(self, top: int) -> bool:
        return top == 0 and self.mode != pb.LossParameter.NONE

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return [] if len(top_shapes) > 1 else [bottom_shapes[0]]

    def _softmax(self, predictions: Blob, tops: Sequence[Blob]) -> tuple[np.ndarray, np.ndarray]:
        """Runs the softmax; returns the forms of x and p, and keeps their place for ``_form``."""
        self._shape = predictions.shape
        self._place = form_place(predictions.values, self.axis)
        x = self._form(predictions.values.read(self._place))
        probability = self._form(self._probabilities(tops).write(self._place))
        self.kernels.softmax_forward(x, row_scratch(self._workspace, x), probability)
        return x, probability

    def _probability(self, tops: Sequence[Blob]) -> np.ndarray:
        """The form of p after the forward pass; where it is cheapest to read is the place of what follows."""
        values = self._probabilities(tops)
        self._place = form_place(values, self.axis)
        return self._form(values.read(self._place))

    def _form(self, array: np.ndarray) -> np.ndarray:
        """(groups, positions, classes, width) of an array like the predictions."""
        return channel_form(array, self._place, self._shape, self.axis)

    @property
    def _classes(self) -> int:
        return self._shape[self.axis]

    @property
    def _outer(self) -> int:
        """The product of the dimensions before the axis: Caffe's outer_num."""
        return math.prod(self._shape[: self.axis])

    @property
    def _items(self) -> int:
        """Items along the axis: one prediction for each."""
        return math.prod(self._shape) // max(1, self._classes)

    def _lanes_in_use(self, form: np.ndarray) -> int:
        return lanes_in_use(form, self._place, self._shape)

    def _probabilities(self, tops: Sequence[Blob]) -> Replicas:
        """Where p stands: in the second top if there is one."""
        if len(tops) > 1:
            return tops[1].values
        if self._own_probabilities is None:
            self._own_probabilities = Blob(self._shape, self.context.dtype)
        self._own_probabilities.reshape(self._shape)
        return self._own_probabilities.values
