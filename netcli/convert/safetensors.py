"""Weights as safetensors, named as in ``tensor_names``; the net itself goes along as prototxt in the metadata.

Needs the extra ``safetensors``.
"""

from __future__ import annotations

import json
from types import ModuleType

import numpy as np

from netcli.convert.tensor_names import layers_of, tensors_of
from netcli.errors import ConfigError, RunError
from netcli.prototxt import NetSource, to_text
from netcli.schema import caffe_pb2 as pb

_HEADER = 8
"""Bytes in front, which give the length of the JSON that follows."""
_DTYPES = ("F16", "F32", "F64")


def safetensors_module(path: str) -> ModuleType:
    """safetensors. Raises RunError NC612 where it is not installed."""
    try:
        import safetensors.numpy
    except ImportError:
        hint = 'pip install "netcli[safetensors]"'
        raise RunError.of("NC612", f"'{path}' is safetensors, which needs safetensors", hint=hint) from None
    return safetensors


def is_safetensors(content: bytes) -> bool:
    """True if a file's content is safetensors: a length that fits, and JSON behind it."""
    length = int.from_bytes(content[:_HEADER], "little")
    return content[_HEADER : _HEADER + 1] == b"{" and length <= len(content) - _HEADER


def weights_from_safetensors(content: bytes, path: str) -> pb.NetParameter:
    """The layers with their blobs, and with their settings where netcli wrote the file.

    Raises:
        RunError: NC463 a damaged file, NC612 without safetensors; NC611, NC614 as ``layers_of``.
    """
    module = safetensors_module(path)
    try:
        length = int.from_bytes(content[:_HEADER], "little")
        header = json.loads(content[_HEADER : _HEADER + length])
        net = NetSource.from_text(header.pop("__metadata__", {}).get("prototxt", ""), path).param
        _check_dtypes(header, path)
        tensors = module.numpy.load(content)
    except RunError:
        raise
    except (ConfigError, LookupError, TypeError, ValueError, AttributeError, module.SafetensorError) as error:
        raise RunError.of("NC463", f"'{path}' is a truncated or corrupt safetensors file: {error}") from None
    blobs = layers_of(tensors.items(), path)
    message = pb.NetParameter()
    message.CopyFrom(net)
    for layer in message.layer:
        layer.blobs.extend(blobs.pop(layer.name, ()))
    for name, own in blobs.items():
        message.layer.add(name=name, blobs=own)
    return message


def weights_to_safetensors(message: pb.NetParameter, path: str) -> bytes:
    """The bytes of a file.

    Raises:
        RunError: NC612 without safetensors, NC613 as ``tensors_of``.
    """
    module = safetensors_module(path)
    net = pb.NetParameter()
    net.CopyFrom(message)
    for layer in net.layer:
        layer.ClearField("blobs")
    metadata = {"prototxt": to_text(net)} if any(layer.type for layer in net.layer) else None
    tensors = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in tensors_of(message).items()}
    return bytes(module.numpy.save(tensors, metadata))


def _check_dtypes(header: dict[str, dict[str, object]], path: str) -> None:
    for name, tensor in header.items():
        if tensor["dtype"] not in _DTYPES:
            raise RunError.of(
                "NC614", f"the values of '{name}' in '{path}' cannot be weights", expected=" or ".join(_DTYPES),
                actual=tensor["dtype"],
            )  # fmt: skip
