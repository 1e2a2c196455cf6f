"""One layer on its way to ONNX: what the functions in the registry read, and the nodes that they add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netcli.convert.onnx.model_parts import ModelParts
from netcli.errors import RunError
from netcli.layers.layer import Layer
from netcli.runtime.blob import Shape


@dataclass
class LayerExport:
    """A layer of a planned net in phase TEST.

    Attributes:
        layer: set up, for its settings; it has no parameters.
        bottoms: the ONNX values that are its bottoms now.
        arrays: its parameters, float32.
        added: the nodes that stand for the layer so far.
    """

    layer: Layer
    bottoms: list[str]
    bottom_shapes: list[Shape]
    top_shapes: list[Shape]
    arrays: list[np.ndarray]
    parts: ModelParts
    added: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def type_name(self) -> str:
        return self.layer.type_name

    @property
    def param(self) -> Any:
        """The layer's whole message."""
        return self.layer.param

    @property
    def settings(self) -> Any:
        """The layer's own message, e.g. ``param.convolution_param``."""
        return self.layer.settings

    @property
    def bottom(self) -> str:
        """The first bottom."""
        return self.bottoms[0]

    @property
    def shape(self) -> Shape:
        """The shape of the first bottom."""
        return self.bottom_shapes[0]

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node with one output, whose name is returned."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Adds a node with several outputs."""
        node = self.parts.node(kind, inputs, outputs, self.name, attributes)
        self.added.append(node)
        return list(node.output)

    def parameter(self, index: int, name: str) -> str:
        """The parameter as it stands, called ``LAYER.name``; one that layers share is stored once."""
        return self.parts.shared(self.arrays[index], f"{self.name}.{name}")

    def constant(self, values: Any, name: str, dtype: type = np.float32) -> str:
        """An array or a number that belongs to the layer, called ``LAYER.name``."""
        return self.parts.constant(np.asarray(values, dtype), f"{self.name}.{name}")

    def integers(self, values: Sequence[int], name: str) -> str:
        """A vector of whole numbers, such as axes."""
        return self.constant(values, name, np.int64)

    def scaled(self, value: str, factor: float) -> str:
        """``value`` times a number."""
        return value if factor == 1 else self.op("Mul", value, self.constant(factor, "factor"))

    def shifted(self, value: str, offset: float) -> str:
        """``value`` plus a number."""
        return value if offset == 0 else self.op("Add", value, self.constant(offset, "offset"))

    def reshaped(self, value: str, shape: Shape) -> str:
        """``value`` in another shape, whose first axis is left for the values to tell: it follows the batch."""
        sizes = [-1, *shape[1:]] if shape and 0 not in shape else list(shape)
        return self.op("Reshape", value, self.integers(sizes, "shape"))

    def refused(self, why: str) -> RunError:
        """NC600; ``why`` ends the sentence."""
        return RunError.of(
            "NC600", f"the layer cannot be exported to ONNX: {why}", place=self.layer.source.place(),
            layer=self.name, layer_type=self.type_name,
            hint="--blob NAME exports the net only as far as a blob before it",
        )  # fmt: skip
