"""Parameters: what ``param { ... }`` says of a layer's blobs, and blobs that layers share by name."""

from __future__ import annotations

import math

from netcli.layers.layer import Layer
from netcli.net.step import ParameterSlot
from netcli.schema import caffe_pb2 as pb


class ParameterTable:
    """Hands out slots; remembers the first owner of every shared name."""

    def __init__(self) -> None:
        self._owners: dict[str, ParameterSlot] = {}
        self._explicit: dict[str, pb.ParamSpec] = {}

    def slots_of(self, layer: Layer) -> list[ParameterSlot]:
        """One slot for each of the layer's declarations.

        Raises:
            ConfigError: NC111 for more ``param`` entries than blobs, NC112 for a shared name whose blobs or
                multipliers do not agree.
        """
        specs = list(layer.param.param)
        declared = len(layer.declarations)
        if len(specs) > declared:
            raise layer.error(
                "NC111", "more param entries than the layer has parameters", "param", declared,
                expected=f"at most {declared}", actual=len(specs),
            )  # fmt: skip
        specs += [pb.ParamSpec()] * (declared - len(specs))
        return [self._slot(layer, index, spec) for index, spec in enumerate(specs)]

    def _slot(self, layer: Layer, index: int, spec: pb.ParamSpec) -> ParameterSlot:
        declaration = layer.declarations[index]
        slot = ParameterSlot(
            layer.name,
            index,
            declaration,
            spec.name,
            spec.lr_mult if spec.HasField("lr_mult") else declaration.lr_mult,
            spec.decay_mult if spec.HasField("decay_mult") else declaration.decay_mult,
        )
        if not spec.name:
            return slot
        owner = self._owners.setdefault(spec.name, slot)
        if owner is slot:
            self._explicit[spec.name] = pb.ParamSpec()
            self._explicit[spec.name].CopyFrom(spec)
            return slot
        self._check_shape(layer, index, spec, slot, owner)
        for multiplier in ("lr_mult", "decay_mult"):
            self._agree_on(layer, index, spec, owner, multiplier)
        slot.owner = owner
        return slot

    @staticmethod
    def _check_shape(layer: Layer, index: int, spec: pb.ParamSpec, slot: ParameterSlot, owner: ParameterSlot) -> None:
        if spec.share_mode == pb.ParamSpec.PERMISSIVE:
            fits = math.prod(slot.shape) == math.prod(owner.shape)
            expected = f"{math.prod(owner.shape)} values as in layer '{owner.layer}' {owner.shape}"
        else:
            fits = slot.shape == owner.shape
            expected = f"{owner.shape} as in layer '{owner.layer}'"
        if not fits:
            raise layer.error(
                "NC112", f"shared parameter '{spec.name}' has another shape here", "param", index, "name",
                expected=expected, actual=slot.shape,
            )  # fmt: skip

    def _agree_on(self, layer: Layer, index: int, spec: pb.ParamSpec, owner: ParameterSlot, multiplier: str) -> None:
        """Sharers may leave a multiplier out, but may not contradict each other."""
        if not spec.HasField(multiplier):
            return
        value = getattr(spec, multiplier)
        explicit = self._explicit[owner.share_name]
        if explicit.HasField(multiplier) and getattr(explicit, multiplier) != value:
            raise layer.error(
                "NC112", f"shared parameter '{spec.name}' has another {multiplier} here", "param", index, multiplier,
                expected=f"{getattr(explicit, multiplier):g} as in layer '{owner.layer}'", actual=f"{value:g}",
            )  # fmt: skip
        setattr(explicit, multiplier, value)
        setattr(owner, multiplier, value)
