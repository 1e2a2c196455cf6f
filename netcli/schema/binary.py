"""Caffe's binary files: .caffemodel, .solverstate, .binaryproto.

Field 147 of a layer is ``swish_param`` in BVLC Caffe, ``margin_inner_product_param`` in SphereFace's fork and
``center_loss_param`` in caffe-face. In memory they are apart (the schema gives the others numbers of their own); in a
file the layer's type decides, so that models from each fork load and each fork loads ours.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from netcli.errors import Place, RunError, did_you_mean
from netcli.schema import caffe_pb2 as pb

M = TypeVar("M", bound=Message)

_HOLDER_OF_147 = "margin_inner_product_param"
_OTHER_FIELDS_147 = {"Swish": "swish_param", "CenterLoss": "center_loss_param"}

_KINDS = {
    "NetParameter": "a net with its weights (.caffemodel)",
    "SolverState": "a solver's state (.solverstate)",
    "BlobProto": "a blob (.binaryproto)",
}

_TEXTS = {
    b"version https://git-lfs": "it is a pointer of Git LFS: run `git lfs pull`",
    b"<": "it looks like a web page: download the file itself",
}


def read_net(data: bytes, file: str | None = None) -> pb.NetParameter:
    """The net in a .caffemodel, of any age and fork; upgrading it is ``NetSource.from_message``'s.

    Args:
        data: The whole content of the file.
        file: Its name, for errors.

    Raises:
        RunError: NC462 empty, NC463 truncated or corrupt, NC464 text or HDF5 instead.
    """
    net = read_message(data, pb.NetParameter, file)
    for layer in net.layer:
        field = _OTHER_FIELDS_147.get(layer.type)
        if field and layer.HasField(_HOLDER_OF_147):
            getattr(layer, field).MergeFromString(getattr(layer, _HOLDER_OF_147).SerializeToString())
            layer.ClearField(_HOLDER_OF_147)
    return net


def write_net(net: pb.NetParameter) -> bytes:
    """The content of a .caffemodel; all of 147's fields go out under that number. ``net`` stays as it is."""
    if any(_field_to_renumber(layer) for layer in net.layer):
        copy = pb.NetParameter()
        copy.CopyFrom(net)
        net = copy
        for layer in net.layer:
            field = _field_to_renumber(layer)
            if field:
                getattr(layer, _HOLDER_OF_147).ParseFromString(getattr(layer, field).SerializeToString())
                layer.ClearField(field)
    return net.SerializeToString()


def _field_to_renumber(layer: pb.LayerParameter) -> str | None:
    """The field of ``layer`` that has another number in a file."""
    field = _OTHER_FIELDS_147.get(layer.type)
    return field if field and layer.HasField(field) else None


def read_file(path: str | os.PathLike[str], expected: str | None = None) -> bytes:
    """The content of a file that is to be read by one of these functions.

    Args:
        expected: What it should be, for errors.

    Raises:
        RunError: NC460 no such file, NC461 a folder or unreadable.
    """
    file = Path(path)
    place = Place(os.fspath(path))
    try:
        return file.read_bytes()
    except FileNotFoundError:
        siblings = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
        hint, suggestion = did_you_mean(file.name, siblings)
        raise RunError.of(
            "NC460", "no such file", place=place, expected=expected, hint=hint, suggestion=suggestion
        ) from None
    except IsADirectoryError:
        raise RunError.of("NC461", "a folder", place=place, expected=expected or "a file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError.of("NC461", f"cannot be read: {reason}", place=place, expected=expected) from None


def read_message(data: bytes, message_class: type[M], file: str | None = None) -> M:
    """A binary message. Raises RunError NC462, NC463, NC464 as ``read_net``."""
    place = Place(file) if file else None
    expected = _KINDS.get(message_class.__name__, f"a binary {message_class.__name__}")
    if not data:
        raise RunError.of("NC462", "the file is empty", place=place, expected=expected)
    message = message_class()
    try:
        message.ParseFromString(data)
    except DecodeError:
        message.Clear()
    if message.ListFields():
        return message
    if data.startswith(b"\x89HDF\r\n"):
        hint = "HDF5 files end in .h5"
        raise RunError.of("NC464", "the file is HDF5", place=place, expected=expected, hint=hint)
    if _is_text(data):
        hints = (hint for start, hint in _TEXTS.items() if data.lstrip().startswith(start))
        raise RunError.of("NC464", "the file is text", place=place, expected=expected, hint=next(hints, None))
    hint = "copy or download it again, and compare the sizes"
    raise RunError.of("NC463", "the file is truncated or corrupt", place=place, expected=expected, hint=hint)


def _is_text(data: bytes) -> bool:
    """Whether the beginning holds no control characters but white space."""
    return all(byte >= 32 or byte in b"\t\n\v\f\r" for byte in data[:4096])
