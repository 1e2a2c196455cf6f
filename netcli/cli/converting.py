"""What ``netcli convert`` and ``netcli export`` share: writing weights, and telling what a format does not keep."""

from __future__ import annotations

import math
import os

from netcli.cli.written import WrittenWeights
from netcli.convert.caffemodel import read_weights, write_weights
from netcli.convert.formats import format_of
from netcli.convert.legacy_shapes import with_modern_shapes
from netcli.errors import Finding, RunError
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import blob_shape


def convert_weights(weights: str, output: str, *, force: bool) -> WrittenWeights:
    """Writes what stands in ``weights`` to ``output``.

    Raises:
        RunError: NC512 if ``output`` is there and not ``force``; whatever reading and writing weights raise.
    """
    format_of(output)
    refuse_overwriting(output, force=force)
    return write_stored(with_modern_shapes(read_weights(weights)), output)


def write_stored(message: pb.NetParameter, output: str) -> WrittenWeights:
    """Writes a net with blobs in the format that ``output`` names."""
    form = format_of(output)
    blobs = [blob for layer in message.layer for blob in layer.blobs]
    with_diff = any(blob.diff or blob.double_diff for blob in blobs)
    write_weights(message, output, with_diff=with_diff)
    lost = []
    if any(layer.type for layer in message.layer) and not form.settings:
        lost.append("the types and settings of the layers")
    if with_diff and not form.gradients:
        lost.append("the gradients")
    notes = [Finding("NC615", f"{form.name} does not keep {' and '.join(lost)}", "note")] if lost else []
    layers = sum(bool(layer.blobs) for layer in message.layer)
    values = sum(math.prod(blob_shape(blob)) for blob in blobs)
    return WrittenWeights(output, form.name, layers, len(blobs), values, notes)


def refuse_overwriting(output: str, *, force: bool) -> None:
    """Raises RunError NC512 if ``output`` is there and not ``force``."""
    if os.path.exists(output) and not force:
        raise RunError.of("NC512", f"'{output}' exists already", hint="pass --force to replace it")
