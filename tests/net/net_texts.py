"""Short ways to write nets in tests."""

from netcli.net import build_graph
from netcli.prototxt import NetSource, parse_text
from netcli.schema import caffe_pb2 as pb


def net_source(text: str, file: str = "net.prototxt") -> NetSource:
    """The net of ``text``, with positions."""
    param, node, findings = parse_text(text, pb.NetParameter, file)
    assert not findings, findings
    return NetSource(param, node, file, [])


def graph_of(text: str, phase: int = pb.TRAIN, **keywords):
    """The planned net of ``text``."""
    return build_graph(net_source(text), phase, **keywords)


def input_layer(name: str, *dims: int) -> str:
    """An Input layer with one top of the same name."""
    shape = " ".join(f"dim: {size}" for size in dims)
    return f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {shape} }} }} }}\n'
