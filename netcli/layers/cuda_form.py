"""The GPU side of a layer: what its ``forward`` and ``backward`` are on a CUDA device.

A form stands in ``netcli/layers/<family>/cuda.py``, beside the family's ``cpu.py``, and is found by its layer's type.
A layer without a form runs on the CPU, and its blobs are copied there and back.

    @cuda_form("ReLU")
    class ReluOnCuda(CudaForm): ...
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from netcli.layers.layer import Layer
from netcli.runtime.blob import Blob
from netcli.runtime.cuda.changing import ChangingNumbers
from netcli.runtime.cuda.memory import DeviceArray, device_zeros

FormClass = TypeVar("FormClass", bound="type[CudaForm]")

_FORMS: dict[str, type[CudaForm]] = {}


class CudaForm:
    """Base of all forms.

    ``forward`` and ``backward`` have the contract of the layer's own: values and gradients are written, gradients of
    parameters are added to. They neither wait for the device nor take memory after the first pass, so that they can be
    captured into a graph; what changes between passes is read from ``changing`` numbers, which ``prepare`` sets.

    Attributes:
        layer: set up; it has the parameters, the settings and the context.
    """

    layer: Layer

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self._scratch: dict[str, DeviceArray] = {}
        self._changing: dict[str, ChangingNumbers] = {}

    @classmethod
    def suits(cls, layer: Layer) -> bool:
        """Whether it can do what ``layer`` is set to; the layer runs on the CPU if not."""
        return True

    def prepare(self) -> None:
        """Sets the numbers that change from pass to pass; called before every forward pass, outside a graph."""
        return

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Writes the tops' values."""
        raise NotImplementedError

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Adds to the parameters' gradients; writes the bottoms' gradients where ``propagate_down`` says so."""
        raise NotImplementedError

    def scratch(self, name: str, size: int, dtype: type = np.float32) -> DeviceArray:
        """``size`` elements that are the form's own, the same at every call; zero at first.

        float32 stands for the net's type. It grows where more is asked for, losing its content, and never shrinks.
        """
        wanted = self.layer.context.dtype if dtype is np.float32 else np.dtype(dtype)
        array = self._scratch.get(name)
        if array is None or array.size < size or array.dtype != wanted:
            array = self._scratch[name] = device_zeros(size, wanted)
        return array if array.size == size else array.at(0, size)

    def changing(self, name: str, count: int, dtype: type = np.float32) -> ChangingNumbers:
        """``count`` numbers that ``prepare`` sets and kernels read; float32, int32 or uint32."""
        if name not in self._changing:
            self._changing[name] = ChangingNumbers(count, dtype)
        return self._changing[name]


def cuda_form(*type_names: str) -> Callable[[FormClass], FormClass]:
    """Registers a form for layers of these types."""

    def add(form: FormClass) -> FormClass:
        for name in type_names:
            if name in _FORMS:
                raise ValueError(f"layer type {name!r} has two forms")
            _FORMS[name] = form
        return form

    return add


def form_of(layer: Layer) -> CudaForm | None:
    """A new form for ``layer``, which is set up; None if there is none for what it is set to."""
    family = type(layer).__module__.rpartition(".")[0]
    if not family.startswith("netcli.layers.") or importlib.util.find_spec(f"{family}.cuda") is None:
        return None
    importlib.import_module(f"{family}.cuda")
    form = _FORMS.get(layer.type_name)
    return form(layer) if form and form.suits(layer) else None
