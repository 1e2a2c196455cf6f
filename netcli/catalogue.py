"""The stable codes of everything that netcli can say about a file or a run. A code is never reused."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # NC001 to NC049: files and prototxt text
    "NC001": "file not found",
    "NC002": "not a readable file",
    # NC050 to NC099: upgrades of old formats
    # NC100 to NC199: the net's graph and the layers' shapes and parameters
    # NC200 to NC299: data
    # NC300 to NC399: lint
    # NC400 to NC449: solver settings
    # NC450 to NC499: weights and snapshots
    # NC500 to NC599: the run and the machine
}
