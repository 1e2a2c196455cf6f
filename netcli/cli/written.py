"""What ``netcli export`` and ``netcli convert`` have written: as a line, and as JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from netcli.errors import Finding
from netcli.report import units
from netcli.report.tables import Column, table

SCHEMA = 1


@dataclass(frozen=True)
class WrittenWeights:
    """A file of weights.

    Attributes:
        layers: those with blobs. parameters: values in all blobs.
        notes: what the format does not keep (NC615).
    """

    output: str
    format: str
    layers: int
    blobs: int
    parameters: int
    notes: list[Finding]

    def __str__(self) -> str:
        counts = (self.layers, "layer"), (self.blobs, "blob"), (self.parameters, "value")
        parts = [f"{units.count(count)} {what}" + ("" if count == 1 else "s") for count, what in counts]
        return f"wrote {self.output}: {self.format}, {', '.join(parts)}"

    def as_json(self) -> dict[str, Any]:
        """The object of ``--json``."""
        facts = dataclasses.asdict(self)
        del facts["notes"]
        return {"schema": SCHEMA, **facts}


@dataclass(frozen=True)
class Checked:
    """How far an output of a model is from the net's, see ``netcli.convert.onnx.comparison``."""

    output: str
    batch: int
    absolute: float
    relative: float


@dataclass(frozen=True)
class BlobShape:
    """An input or output of a model; an open axis has its name, or None."""

    name: str
    shape: list[int | str | None]

    def __str__(self) -> str:
        return f"{self.name} " + ("x".join("?" if size is None else str(size) for size in self.shape) or "()")


@dataclass(frozen=True)
class WrittenModel:
    """A model in ONNX; ``check`` is empty unless it was asked for."""

    output: str
    opset: int
    nodes: int
    parameters: int
    inputs: list[BlobShape]
    outputs: list[BlobShape]
    check: list[Checked]

    def __str__(self) -> str:
        ends = [*(f"input {blob}" for blob in self.inputs), *(f"output {blob}" for blob in self.outputs)]
        return (
            f"wrote {self.output}: ONNX opset {self.opset}, {self.nodes} nodes, {units.count(self.parameters)} "
            f"parameters; {', '.join(ends)}"
        )

    def as_json(self) -> dict[str, Any]:
        """The object of ``--json``."""
        return {"schema": SCHEMA, "format": "onnx", **dataclasses.asdict(self)}

    def differences(self, *, terminal: bool) -> str:
        """What the check found: one row for each output and batch size."""
        names = ("batch", "largest difference", "relative")
        rows = [[one.output, str(one.batch), f"{one.absolute:.2e}", f"{one.relative:.2e}"] for one in self.check]
        return table([Column("output"), *(Column(name, right=True) for name in names)], rows, terminal=terminal)
