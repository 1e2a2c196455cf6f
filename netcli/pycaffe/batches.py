"""More items than a net's batch holds: cut into batches, the last one padded with zeros.

    forward_all            outputs of all items
    forward_backward_all   outputs of all items, and gradients of the inputs

Results are copies. A blob whose first axis is the batch gives one row for each item; any other, such as a
scalar loss, gives its rows once for each batch, padding included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from netcli.errors import RunError

if TYPE_CHECKING:
    from netcli.pycaffe.net import Net

Arrays = dict[str, np.ndarray]


def forward_all(net: Net, blobs: list[str], inputs: Mapping[str, ArrayLike]) -> Arrays:
    """Outputs, and ``blobs``, of all items of ``inputs`` (an array for each of the net's inputs, items first).

    Raises:
        RunError: NC588 without items or if the arrays hold different numbers of them; as ``Net.forward``.
    """
    outputs: dict[str, list[np.ndarray]] = {}
    for batch, items, size in _batches(net, inputs):
        _collect(outputs, net.forward(blobs, None, None, **batch), items, size)
    return {name: np.concatenate(parts) for name, parts in outputs.items()}


def forward_backward_all(
    net: Net, blobs: list[str], diffs: list[str], arrays: Mapping[str, ArrayLike]
) -> tuple[Arrays, Arrays]:
    """Outputs (and ``blobs``) and gradients of the inputs (and of ``diffs``) of all items.

    Args:
        arrays: values for each of the net's inputs and, unless the net has a loss of its own, gradients for
            each of its outputs, items first.

    Raises:
        RunError: NC588 without items or if the arrays hold different numbers of them; as ``Net.forward``.
    """
    outputs: dict[str, list[np.ndarray]] = {}
    gradients: dict[str, list[np.ndarray]] = {}
    for batch, items, size in _batches(net, arrays):
        tops = {name: batch.pop(name) for name in net.outputs if name in batch}
        _collect(outputs, net.forward(blobs, None, None, **batch), items, size)
        _collect(gradients, net.backward(diffs, None, None, **tops), items, size)
    return (
        {name: np.concatenate(parts) for name, parts in outputs.items()},
        {name: np.concatenate(parts) for name, parts in gradients.items()},
    )


def _batches(net: Net, arrays: Mapping[str, ArrayLike]) -> Iterator[tuple[Arrays, int, int]]:
    """(arrays of one batch each, how many of their items are real, the batch's size)"""
    whole = {name: np.atleast_1d(values) for name, values in arrays.items()}
    counts = {name: len(values) for name, values in whole.items()}
    if not net.inputs or len(set(counts.values())) != 1 or 0 in counts.values():
        raise RunError.of(
            "NC588",
            "the arrays cannot be cut into batches" if net.inputs else "the net has no inputs to cut into batches",
            expected="as many items, at least one, for each of " + ", ".join(net.inputs) if net.inputs else None,
            actual=", ".join(f"{count} for {name}" for name, count in counts.items()) or "no arrays",
        )
    (count,) = set(counts.values())
    size = net.blobs[net.inputs[0]].shape[0]
    for first in range(0, count, size):
        items = min(size, count - first)
        batch = {name: values[first : first + items] for name, values in whole.items()}
        if items < size:
            batch = {name: _padded(values, size) for name, values in batch.items()}
        yield batch, items, size


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([values, np.zeros((size - len(values), *values.shape[1:]), values.dtype)])


def _collect(into: dict[str, list[np.ndarray]], found: Arrays, items: int, size: int) -> None:
    for name, array in found.items():
        rows = array[:items] if array.shape[:1] == (size,) else np.atleast_1d(array)
        into.setdefault(name, []).append(rows.copy())
