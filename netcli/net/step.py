"""What a net is made of once it is planned: steps over named blobs, and slots for parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

from netcli.layers.layer import Layer, ParameterDeclaration
from netcli.runtime.blob import Shape


@dataclass
class ParameterSlot:
    """One learnable blob as one layer sees it.

    ``owner`` is the slot whose memory this one uses: the first one of the same ``share_name``, or None if it
    has its own. Multipliers hold at the root only, since any sharer may set them.
    """

    layer: str
    index: int
    declaration: ParameterDeclaration
    share_name: str = ""
    lr_mult: float = 1.0
    decay_mult: float = 1.0
    owner: ParameterSlot | None = None

    @property
    def shape(self) -> Shape:
        """The shape that this layer gives the blob."""
        return self.declaration.shape

    @property
    def root(self) -> ParameterSlot:
        """The slot that has the memory and the multipliers."""
        return self.owner or self


@dataclass
class Step:
    """One layer at its place in the net. Blobs are known by name; shapes stand in the graph."""

    layer: Layer
    bottoms: list[str]
    tops: list[str]
    loss_weights: list[float]
    slots: list[ParameterSlot] = field(default_factory=list)
    needs_backward: bool = False
    propagate_down: list[bool] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name
