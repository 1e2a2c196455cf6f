"""cuDNN's convolutions, by its C interface: the legacy one, which needs no graph of operations to be built.

Of the algorithms that cuDNN offers for a convolution, best first by its own estimate, the first one is taken that is
deterministic and fits the workspace: an estimate is the same in every run, a measurement is not. The workspace has a
fixed place and size, so that calls can be captured into a graph. Source: the cuDNN library's API reference, NVIDIA.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netcli.runtime.cuda import device, engine
from netcli.runtime.cuda.libraries import Library
from netcli.runtime.cuda.memory import DeviceArray, device_zeros

_FLOAT, _NCHW, _CROSS_CORRELATION = 0, 0, 1
_DEFAULT_MATH, _FMA_MATH = 0, 3
"""The default one is TF32 where the device has it."""
_DETERMINISTIC = 1
_ALGORITHMS = 8
"""The most that a direction has."""
_WORKSPACE = 256 * 2**20

_POINTER, _INT, _INTS = ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)


class Performance(ctypes.Structure):
    """``cudnnConvolutionFwdAlgoPerf_t``, and those of the gradients, which are the same."""

    _fields_ = (
        ("algorithm", ctypes.c_int),
        ("status", ctypes.c_int),
        ("time", ctypes.c_float),
        ("memory", ctypes.c_size_t),
        ("determinism", ctypes.c_int),
        ("math", ctypes.c_int),
        ("reserved", ctypes.c_int * 3),
    )


@dataclass(frozen=True)
class ConvolutionShape:
    """One convolution, over two spatial axes or more.

    x, y: (images, channels, spatial...); weights: (outputs, channels / groups, kernel...).
    """

    x: tuple[int, ...]
    weights: tuple[int, ...]
    y: tuple[int, ...]
    pad: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


class Cudnn:
    """A handle for the device in use. Raises RunError NC510 if cuDNN is not installed, NC516 if it fails."""

    def __init__(self) -> None:
        library = Library("cudnn", "cuDNN", ("nvidia-cudnn-cu13", "nvidia-cudnn-cu12"), "cudnnGetErrorString")
        self._library = library
        create = library.function("cudnnCreate", ctypes.POINTER(_POINTER))
        set_stream = library.function("cudnnSetStream", _POINTER, _POINTER)
        self.handle = _POINTER()
        create(ctypes.byref(self.handle))
        set_stream(self.handle, device.current().stream_handle)
        self.workspace = device_zeros(_WORKSPACE // 4)
        choice = (_POINTER,) * 5 + (_INT, _INTS, ctypes.POINTER(Performance))
        run = (*(_POINTER,) * 7, _INT, _POINTER, ctypes.c_size_t, *(_POINTER,) * 3)
        self.choose = {
            "forward": library.function("cudnnGetConvolutionForwardAlgorithm_v7", *choice),
            "data": library.function("cudnnGetConvolutionBackwardDataAlgorithm_v7", *choice),
            "weights": library.function("cudnnGetConvolutionBackwardFilterAlgorithm_v7", *choice),
        }
        self.run = {
            "forward": library.function("cudnnConvolutionForward", *run),
            "data": library.function("cudnnConvolutionBackwardData", *run),
            "weights": library.function("cudnnConvolutionBackwardFilter", *run),
        }
        self._set_tensor = library.function("cudnnSetTensorNdDescriptor", _POINTER, _INT, _INT, _INTS, _INTS)
        self._set_filter = library.function("cudnnSetFilterNdDescriptor", _POINTER, _INT, _INT, _INT, _INTS)
        self._set_convolution = library.function(
            "cudnnSetConvolutionNdDescriptor", _POINTER, _INT, _INTS, _INTS, _INTS, _INT, _INT
        )
        self._set_groups = library.function("cudnnSetConvolutionGroupCount", _POINTER, _INT)
        self._set_math = library.function("cudnnSetConvolutionMathType", _POINTER, _INT)

    def tensor(self, shape: Sequence[int]) -> ctypes.c_void_p:
        """A descriptor of a float32 array in C order."""
        strides = [1]
        for size in reversed(shape[1:]):
            strides.insert(0, strides[0] * size)
        descriptor = self._descriptor("Tensor")
        self._set_tensor(descriptor, _FLOAT, len(shape), _ints(shape), _ints(strides))
        return descriptor

    def weights(self, shape: Sequence[int]) -> ctypes.c_void_p:
        """A descriptor of weights in C order."""
        descriptor = self._descriptor("Filter")
        self._set_filter(descriptor, _FLOAT, _NCHW, len(shape), _ints(shape))
        return descriptor

    def convolution(self, shape: ConvolutionShape, *, tf32: bool) -> ctypes.c_void_p:
        """A descriptor of windows, groups and arithmetic."""
        descriptor = self._descriptor("Convolution")
        self._set_convolution(
            descriptor, len(shape.pad), _ints(shape.pad), _ints(shape.stride), _ints(shape.dilation),
            _CROSS_CORRELATION, _FLOAT,
        )  # fmt: skip
        self._set_groups(descriptor, shape.groups)
        self._set_math(descriptor, _DEFAULT_MATH if tf32 else _FMA_MATH)
        return descriptor

    def _descriptor(self, kind: str) -> ctypes.c_void_p:
        descriptor = _POINTER()
        self._library.function(f"cudnnCreate{kind}Descriptor", ctypes.POINTER(_POINTER))(ctypes.byref(descriptor))
        return descriptor


class Convolution:
    """One convolution with its descriptors, and an algorithm for each direction, chosen when it is first run.

    Descriptors live as long as the process: a net has a few for each layer.
    """

    def __init__(self, shape: ConvolutionShape) -> None:
        self._cudnn = load()
        self._tf32 = engine.chosen().tf32
        self._x, self._y = self._cudnn.tensor(shape.x), self._cudnn.tensor(shape.y)
        self._weights = self._cudnn.weights(shape.weights)
        self._convolution = self._cudnn.convolution(shape, tf32=self._tf32)
        self._chosen: dict[str, Performance | None] = {}
        self._zero, self._one = ctypes.c_float(0), ctypes.c_float(1)

    def forward(self, x: DeviceArray, weights: DeviceArray, y: DeviceArray) -> bool:
        """Writes y. False, and nothing done, if cuDNN has no way that suits."""
        return self._run("forward", (self._x, x), (self._weights, weights), (self._y, y), adds=False)

    def backward_data(self, dy: DeviceArray, weights: DeviceArray, dx: DeviceArray) -> bool:
        """Writes dx. False as for ``forward``."""
        return self._run("data", (self._weights, weights), (self._y, dy), (self._x, dx), adds=False)

    def backward_weights(self, x: DeviceArray, dy: DeviceArray, gradient: DeviceArray) -> bool:
        """Adds to ``gradient``. False as for ``forward``."""
        return self._run("weights", (self._x, x), (self._y, dy), (self._weights, gradient), adds=True)

    def _run(
        self,
        direction: str,
        left: tuple[ctypes.c_void_p, DeviceArray],
        right: tuple[ctypes.c_void_p, DeviceArray],
        out: tuple[ctypes.c_void_p, DeviceArray],
        *,
        adds: bool,
    ) -> bool:
        if direction not in self._chosen:
            self._chosen[direction] = self._choice(direction, left[0], right[0], out[0])
        chosen = self._chosen[direction]
        if chosen is None:
            return False
        self._cudnn.run[direction](
            self._cudnn.handle, ctypes.byref(self._one), left[0], left[1].pointer, right[0], right[1].pointer,
            self._convolution, chosen.algorithm, self._cudnn.workspace.pointer, chosen.memory,
            ctypes.byref(self._one if adds else self._zero), out[0], out[1].pointer,
        )  # fmt: skip
        return True

    def _choice(self, direction: str, left: Any, right: Any, out: Any) -> Performance | None:
        found, offers = ctypes.c_int(), (Performance * _ALGORITHMS)()
        self._cudnn.choose[direction](
            self._cudnn.handle, left, right, self._convolution, out, _ALGORITHMS, ctypes.byref(found), offers
        )
        return suitable(list(offers[: found.value]), tf32=self._tf32)


def suitable(offers: Sequence[Performance], *, tf32: bool) -> Performance | None:
    """The first offer that works, repeats bit for bit, fits the workspace and computes in the wanted type."""
    for offer in offers:
        fits = offer.status == 0 and offer.determinism == _DETERMINISTIC and offer.memory <= _WORKSPACE
        if fits and (tf32 or offer.math == _FMA_MATH):
            return offer
    return None


@functools.cache
def load() -> Cudnn:
    """The one handle of this process."""
    return Cudnn()


def _ints(values: Sequence[int]) -> Any:
    return (ctypes.c_int * len(values))(*values)
