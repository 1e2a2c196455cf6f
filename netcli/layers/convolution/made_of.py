"""What is made of layers' parameters and kept for as long as they stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from netcli.layers.layer import Layer

Made = TypeVar("Made")


class MadeOf(Generic[Made]):
    """What ``make`` returns, which reads nothing that changes but the parameters of ``layers``."""

    def __init__(self, layers: Sequence[Layer], make: Callable[[], Made]) -> None:
        self._layers = layers
        self._make = make
        self._made: Made | None = None
        self._stamps: list[int | None] | None = None

    def present(self) -> Made:
        """What the present parameters make; of those that a user holds, it is made each time."""
        stamps = [blob.values.stamp for layer in self._layers for blob in layer.params]
        if self._made is None or stamps != self._stamps or None in stamps:
            self._made, self._stamps = self._make(), stamps
        return self._made
