"""A net of Input layers ``b0``, ``b1`` ... and one layer that reads them, as prototxt."""

from __future__ import annotations

import re

import numpy as np
import pytest

from netcli.errors import ConfigError, Finding
from netcli.net import Net, build_graph
from netcli.prototxt import NetSource
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb


def net_text(layer: str, *bottoms: Shape) -> str:
    """``layer`` is the inside of the layer but for its name and bottoms; tops are t0 unless it names some."""
    lines = ["force_backward: true"]
    for index, shape in enumerate(bottoms):
        dims = " ".join(f"dim: {size}" for size in shape)
        lines.append(f'layer {{ name: "b{index}" type: "Input" top: "b{index}" input_param {{ shape {{ {dims} }} }} }}')
    reads = " ".join(f'bottom: "b{index}"' for index in range(len(bottoms)))
    tops = "" if "top:" in layer else 'top: "t0"'
    return "\n".join([*lines, f'layer {{ name: "layer" {reads} {tops}', layer, "}\n"])


def net_of(layer: str, *bottoms: Shape, phase: int = pb.TRAIN, dtype: type = np.float32) -> Net:
    """The net, ready to run."""
    return Net(NetSource.from_text(net_text(layer, *bottoms)), phase, dtype=dtype, seed=1)


def finding_of(layer: str, *bottoms: Shape) -> tuple[Finding, str]:
    """What is wrong with the layer, which is one thing, and the text of the field it is said of, to the line's end."""
    text = net_text(layer, *bottoms)
    with pytest.raises(ConfigError) as caught:
        build_graph(NetSource.from_text(text, "net.prototxt"), pb.TRAIN)
    (finding,) = caught.value.findings
    assert finding.place is not None
    assert finding.place.file == "net.prototxt"
    assert finding.layer == "layer"
    line = text.splitlines()[finding.place.line - 1]
    before, value = line[: finding.place.column - 1], line[finding.place.column - 1 :]
    name = re.search(r"\w+: $", before)
    return finding, (name[0] if name else "") + value
