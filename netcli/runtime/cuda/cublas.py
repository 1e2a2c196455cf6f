"""cuBLAS, by its C interface.

It is bound to the device's one stream and to a workspace of a fixed place and size, so that its calls can be captured
into a graph, and so that a product is the same in every run. Source: the cuBLAS library's user guide, NVIDIA.
"""

from __future__ import annotations

import ctypes
import functools

from netcli.runtime.cuda import device, engine
from netcli.runtime.cuda.libraries import Library
from netcli.runtime.cuda.memory import DeviceArray, device_zeros

_NO_TRANSPOSE, _TRANSPOSE = 0, 1
_DEFAULT_MATH, _TF32_MATH = 0, 3
_WORKSPACE = 32 * 2**20
"""Bytes; what NVIDIA recommends for Hopper."""

_POINTER, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)


class Cublas:
    """A handle for the device in use. Raises RunError NC510 if cuBLAS is not installed, NC516 if it fails."""

    def __init__(self) -> None:
        library = Library("cublas", "cuBLAS", ("nvidia-cublas", "nvidia-cublas-cu12"), "cublasGetStatusString")
        create = library.function("cublasCreate_v2", ctypes.POINTER(_POINTER))
        self._set_stream = library.function("cublasSetStream_v2", _POINTER, _POINTER)
        self._set_workspace = library.function("cublasSetWorkspace_v2", _POINTER, _POINTER, ctypes.c_size_t)
        self._set_math_mode = library.function("cublasSetMathMode", _POINTER, _INT)
        self._sgemm = library.function(
            "cublasSgemm_v2", _POINTER, _INT, _INT, _INT, _INT, _INT, _FLOAT, _POINTER, _INT, _POINTER, _INT, _FLOAT,
            _POINTER, _INT,
        )  # fmt: skip
        current = device.current()
        self._handle = _POINTER()
        create(ctypes.byref(self._handle))
        self._workspace = device_zeros(_WORKSPACE // 4)
        # The order counts: a new stream takes a handle's workspace away.
        self._set_stream(self._handle, current.stream_handle)
        self._set_workspace(self._handle, self._workspace.pointer, _WORKSPACE)
        self._tf32: bool | None = None
        self._zero, self._one = ctypes.c_float(0), ctypes.c_float(1)

    def multiply(
        self,
        a: DeviceArray,
        b: DeviceArray,
        out: DeviceArray,
        shape: tuple[int, int, int],
        *,
        a_transposed: bool,
        b_transposed: bool,
        accumulate: bool,
    ) -> None:
        """As ``netcli.runtime.cuda.gemm``, without a bias.

        cuBLAS has matrices in columns, where a row-major matrix is its transpose: so out^T = op(b)^T op(a)^T.
        """
        m, n, k = shape
        self._use_tf32(engine.chosen().tf32)
        self._sgemm(
            self._handle,
            _TRANSPOSE if b_transposed else _NO_TRANSPOSE,
            _TRANSPOSE if a_transposed else _NO_TRANSPOSE,
            n,
            m,
            k,
            ctypes.byref(self._one),
            b.pointer,
            k if b_transposed else n,
            a.pointer,
            m if a_transposed else k,
            ctypes.byref(self._one if accumulate else self._zero),
            out.pointer,
            n,
        )

    def _use_tf32(self, tf32: bool) -> None:
        if self._tf32 != tf32:
            self._set_math_mode(self._handle, _TF32_MATH if tf32 else _DEFAULT_MATH)
            self._tf32 = tf32


@functools.cache
def load() -> Cublas:
    """The one handle of this process."""
    return Cublas()
