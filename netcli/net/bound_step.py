"""A step of a net that runs: its blobs, their shapes, and what computes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netcli.layers.layer import Layer
from netcli.net.step import Step
from netcli.runtime.blob import PLAIN, Blob, Replicas, Shape

if TYPE_CHECKING:
    from netcli.layers.cuda_form import CudaForm


@dataclass
class BoundStep:
    """A step with its blobs, and what runs it: the layer, or its form on the GPU."""

    plan: Step
    runner: Layer | CudaForm
    bottoms: list[Blob]
    tops: list[Blob]
    bottom_shapes: list[Shape] = field(default_factory=list)
    loss_weights: list[float] = field(default_factory=list)
    weighted_tops: list[tuple[Blob, float]] = field(default_factory=list)
    _reshapes_seen: int = -1

    def seed_loss_gradients(self) -> None:
        """A loss's gradient with respect to itself is its weight; its layer's backward starts from there."""
        for top, planned, weight in zip(self.tops, self.plan.loss_weights, self.loss_weights, strict=True):
            if planned:
                top.gradients.write(PLAIN).fill(weight)

    def reshape_if_needed(self, shapes: dict[str, Shape]) -> None:
        """Infers the tops' shapes anew where a bottom has another one, and writes them to ``shapes``, those of the net.

        Raises:
            ConfigError: NC131 if the parameters would have to change.
        """
        if self._reshapes_seen == Replicas.reshapes:
            return
        self._reshapes_seen = Replicas.reshapes
        present = [blob.shape for blob in self.bottoms]
        if present == self.bottom_shapes:
            return
        layer = self.plan.layer
        declared = [declaration.shape for declaration in layer.declarations]
        tops = layer.setup(present)
        now = [declaration.shape for declaration in layer.declarations]
        if now != declared:
            raise layer.error(
                "NC131", "the new input shape would change the layer's parameters", expected=declared, actual=now
            )
        for top, shape in zip(self.tops, tops, strict=True):
            top.reshape(shape)
            shapes[top.name] = shape
        self.bottom_shapes = present
        self.seed_loss_gradients()
