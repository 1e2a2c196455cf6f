"""What ``netcli show --weights`` says of stored blobs: norms, ranges, histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netcli.net.graph import Graph
from netcli.report import units
from netcli.report.tables import Column, table
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import blob_shape, blob_to_array

BINS = 20
_BARS = "▁▂▃▄▅▆▇█"
_COLUMNS = (
    Column("layer"), Column("blob", right=True), Column("shape"), Column("L2 norm", right=True),
    Column("mean", right=True), Column("std", right=True), Column("min", right=True), Column("max", right=True),
    Column("zero", right=True), Column("histogram"), Column("remark"),
)  # fmt: skip


@dataclass(frozen=True)
class BlobFacts:
    """One stored blob of one layer.

    Attributes:
        stored: its shape, None if it is not in the files; ``expected``: that of the net, None if the net has it not.
        values: flat, finite ones only, as float64; ``not_finite`` counts the others.
    """

    layer: str
    index: int
    stored: tuple[int, ...] | None
    expected: tuple[int, ...] | None
    values: np.ndarray
    not_finite: int

    @property
    def remark(self) -> str:
        """What is odd about it, in words; empty if nothing is."""
        parts = []
        if self.stored is None:
            parts.append("not in the file")
        elif self.expected is None:
            parts.append("not in the net")
        elif math.prod(self.stored) != math.prod(self.expected):
            parts.append(f"the net wants {units.shape(self.expected)}")
        if self.not_finite:
            parts.append(f"{units.count(self.not_finite)} not finite")
        if self.values.size > 1 and self.values.min() == self.values.max() != 0:
            parts.append("all the same")
        return ", ".join(parts)

    def histogram(self) -> tuple[list[int], list[float]]:
        """(counts, edges): ``BINS`` bins from the least to the largest value."""
        if not self.values.size:
            return [], []
        counts, edges = np.histogram(self.values, BINS)
        return counts.tolist(), edges.tolist()


def blob_facts(graph: Graph, stored: Sequence[pb.NetParameter]) -> list[BlobFacts]:
    """One for each blob of the net's layers in their order, then those that only the files have.

    Args:
        stored: files of weights; for a layer that stands in several the last one counts.
    """
    files = {layer.name: layer for net in stored for layer in net.layer if layer.blobs}
    expected = {step.name: [slot.shape for slot in step.slots] for step in graph.steps if step.slots}
    return [
        _facts(name, index, files, expected)
        for name in dict.fromkeys([*expected, *files])
        for index in range(max(len(expected.get(name, [])), len(files[name].blobs) if name in files else 0))
    ]


def weights_table(facts: Sequence[BlobFacts], *, terminal: bool) -> str:
    """One row for each blob."""
    return table(_COLUMNS, [_row(blob) for blob in facts], terminal=terminal)


def weights_json(facts: Sequence[BlobFacts]) -> list[dict[str, Any]]:
    """One object for each blob, under ``weights`` of ``netcli show --json``."""
    return [_object(blob) for blob in facts]


def _facts(
    layer: str, index: int, files: Mapping[str, pb.LayerParameter], expected: Mapping[str, list[tuple[int, ...]]]
) -> BlobFacts:
    shapes = expected.get(layer, [])
    wanted = tuple(shapes[index]) if index < len(shapes) else None
    if layer not in files or index >= len(files[layer].blobs):
        return BlobFacts(layer, index, None, wanted, np.empty(0), 0)
    blob = files[layer].blobs[index]
    values = blob_to_array(blob).reshape(-1).astype(np.float64)
    finite = values[np.isfinite(values)]
    return BlobFacts(layer, index, tuple(blob_shape(blob)), wanted, finite, values.size - finite.size)


def _numbers(values: np.ndarray) -> dict[str, float]:
    return {
        "norm": float(np.linalg.norm(values)),
        "mean": float(values.mean()),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
        "zeros": int(np.count_nonzero(values == 0)),
    }


def _row(blob: BlobFacts) -> list[str]:
    shape = units.shape(blob.stored or blob.expected or ())
    if not blob.values.size:
        return [blob.layer, str(blob.index), shape, "", "", "", "", "", "", "", blob.remark]
    numbers = _numbers(blob.values)
    cells = [f"{numbers[name]:.4g}" for name in ("norm", "mean", "std", "min", "max")]
    zeros = f"{numbers['zeros'] / blob.values.size:.1%}" if numbers["zeros"] else ""
    return [blob.layer, str(blob.index), shape, *cells, zeros, _bars(blob.histogram()[0]), blob.remark]


def _bars(counts: Sequence[int]) -> str:
    """A bar for each bin; a blank where nothing is."""
    most = max(counts)
    return "".join(_BARS[math.ceil(count * len(_BARS) / most) - 1] if count else " " for count in counts)


def _object(blob: BlobFacts) -> dict[str, Any]:
    counts, edges = blob.histogram()
    return {
        "layer": blob.layer,
        "blob": blob.index,
        "shape": None if blob.stored is None else list(blob.stored),
        "expected": None if blob.expected is None else list(blob.expected),
        **(_numbers(blob.values) if blob.values.size else {}),
        "not_finite": blob.not_finite,
        "histogram": {"counts": counts, "edges": edges},
        "remark": blob.remark,
    }
