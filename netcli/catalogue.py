"""The stable codes of everything that netcli can say about a file or a run. A code is never reused."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # NC001 to NC049: files and prototxt text
    "NC001": "file not found",
    "NC002": "not a readable file",
    # NC050 to NC099: upgrades of old formats
    # NC100 to NC199: the net's graph and the layers' shapes and parameters
    "NC100": "a layer without a type",
    "NC101": "unknown layer type",
    "NC102": "wrong number of bottoms",
    "NC103": "wrong number of tops",
    "NC104": "unknown bottom",
    "NC105": "a blob produced twice",
    "NC106": "layers that wait for each other in a cycle",
    "NC107": "in place where the layer cannot work in place",
    "NC108": "two layers of one name in one phase",
    "NC109": "wrong number of loss weights",
    "NC110": "wrong number of propagate_down values",
    "NC111": "more param entries than the layer has parameters",
    "NC112": "shared parameters that do not agree",
    "NC113": "a net without layers",
    "NC114": "a layer that cannot pass gradients back",
    "NC120": "a required field is missing",
    "NC121": "a field's value is out of range",
    "NC122": "a bottom's shape does not suit the layer",
    "NC123": "an axis is out of range",
    "NC124": "bottoms whose shapes do not agree",
    "NC125": "labels whose count does not match",
    "NC126": "fields that exclude each other",
    "NC127": "an unknown filler",
    "NC130": "the shape of the data is not known",
    "NC131": "a parameter's shape changed after it was filled",
    "NC150": "a label is out of range",
    # NC200 to NC299: data
    # NC300 to NC399: lint
    # NC400 to NC449: solver settings
    # NC450 to NC499: weights and snapshots
    "NC451": "a stored blob is damaged",
    "NC452": "a stored layer has another number of blobs",
    "NC453": "a stored blob has another shape",
    "NC454": "no stored layer fits the net",
    "NC455": "nets that share a layer do not agree on its shapes",
    # NC500 to NC599: the run and the machine
    "NC501": "NETCLI_LANES is not a lane count",
    "NC502": "thread count out of range",
}
