"""Nodes and constants of a model in the making, each with a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from netcli.errors import RunError


def onnx_module() -> ModuleType:
    """onnx. Raises RunError NC601 where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise RunError.of("NC601", "a model in ONNX needs onnx", hint='pip install "netcli[onnx]"') from None
    return onnx


class ModelParts:
    """What a model is put together from.

    Attributes:
        nodes: NodeProtos in the order in which they compute.
        constants: name -> array.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self._onnx = onnx_module()
        self._taken: set[str] = set()
        self._stored: dict[tuple[int, tuple[int, ...]], str] = {}

    def unique(self, name: str) -> str:
        """``name``, or with a number behind it where another value has it."""
        candidate, count = name, 1
        while candidate in self._taken:
            candidate, count = f"{name}_{count}", count + 1
        self._taken.add(candidate)
        return candidate

    def node(self, kind: str, inputs: Sequence[str], outputs: int, owner: str, attributes: dict[str, Any]) -> Any:
        """Adds a node that computes ``outputs`` values for the layer ``owner``."""
        name = self.unique(f"{owner}/{kind}")
        names = [name] if outputs == 1 else [self.unique(f"{name}:{index}") for index in range(outputs)]
        node = self._onnx.helper.make_node(kind, list(inputs), names, name=name, **attributes)
        self.nodes.append(node)
        return node

    def constant(self, array: np.ndarray, name: str) -> str:
        """Stores ``array``; its name is returned."""
        unique = self.unique(name)
        self.constants[unique] = array
        return unique

    def shared(self, array: np.ndarray, name: str) -> str:
        """As ``constant``, but the same memory in the same shape is stored once."""
        key = (array.__array_interface__["data"][0], array.shape)
        if key not in self._stored:
            self._stored[key] = self.constant(array, name)
        return self._stored[key]

    @property
    def bytes(self) -> int:
        """What the constants take."""
        return sum(array.nbytes for array in self.constants.values())
