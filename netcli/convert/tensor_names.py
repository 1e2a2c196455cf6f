"""Blobs of layers as named tensors, for formats that know nothing but names.

The weights of a convolution or an inner product are ``LAYER.weight`` and ``LAYER.bias``, as elsewhere; any other blob
is ``LAYER.INDEX``. Reading takes ``weight`` for index 0 and ``bias`` for index 1, whatever the layer is.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob, blob_to_array

_NAMED = ("weight", "bias")
_WITH_WEIGHT_AND_BIAS = (
    "Convolution", "ConvolutionDepthwise", "Deconvolution", "DepthwiseConvolution", "Embed", "InnerProduct",
)  # fmt: skip


def tensors_of(message: pb.NetParameter) -> dict[str, np.ndarray]:
    """name -> array, for all blobs of a net. Raises RunError NC613 where two layers have one name."""
    tensors: dict[str, np.ndarray] = {}
    for layer in message.layer:
        named = layer.type in _WITH_WEIGHT_AND_BIAS
        for index, blob in enumerate(layer.blobs):
            suffix = _NAMED[index] if named and index < len(_NAMED) else str(index)
            name = f"{layer.name}.{suffix}"
            if name in tensors:
                raise RunError.of(
                    "NC613", f"two layers are called '{layer.name}', so their blobs cannot be told apart by name",
                    hint="a .caffemodel keeps both",
                )  # fmt: skip
            tensors[name] = blob_to_array(blob)
    return tensors


def layers_of(tensors: Iterable[tuple[str, np.ndarray]], file: str) -> dict[str, list[pb.BlobProto]]:
    """layer -> its blobs, in order; values become float32 unless they are float64.

    Raises:
        RunError: NC611 for a name that is not that of a blob, a blob that comes twice or is missing; NC614 for
            values that are not floating-point numbers.
    """
    found: dict[str, dict[int, np.ndarray]] = {}
    for name, array in tensors:
        layer, dot, suffix = name.rpartition(".")
        index = _NAMED.index(suffix) if suffix in _NAMED else int(suffix) if suffix.isdecimal() else -1
        if not dot or index < 0:
            raise RunError.of(
                "NC611", f"'{name}' in '{file}' is not the name of a layer's blob",
                expected="LAYER.weight, LAYER.bias or LAYER.INDEX",
            )  # fmt: skip
        if array.dtype not in (np.float16, np.float32, np.float64):
            raise RunError.of(
                "NC614", f"the values of '{name}' in '{file}' cannot be weights",
                expected="float16, float32 or float64", actual=array.dtype,
            )  # fmt: skip
        blobs = found.setdefault(layer, {})
        if index in blobs:
            raise RunError.of("NC611", f"'{file}' has blob {index} of layer '{layer}' twice")
        blobs[index] = np.ascontiguousarray(array, None if array.dtype == np.float64 else np.float32).reshape(
            array.shape
        )
    for layer, blobs in found.items():
        missing = sorted(set(range(len(blobs))) - blobs.keys())
        if missing:
            raise RunError.of("NC611", f"'{file}' has blob {max(blobs)} of layer '{layer}', but no blob {missing[0]}")
    return {layer: [array_to_blob(blobs[i]) for i in range(len(blobs))] for layer, blobs in found.items()}
