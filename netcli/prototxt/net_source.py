"""A net as it was read: the modern message, where its fields stand, and what was upgraded."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from netcli.errors import ConfigError, Finding, Place
from netcli.prototxt.files import read_text
from netcli.prototxt.kinds import is_solver_text, raise_errors
from netcli.prototxt.nodes import Node
from netcli.prototxt.parser import parse_text
from netcli.prototxt.upgrade import upgrade_net
from netcli.schema import caffe_pb2 as pb


@dataclass
class LayerSource:
    """One layer and its place in the text; ``node`` is None if it comes from a message."""

    param: pb.LayerParameter
    node: Node | None

    def place(self, *path: str | int) -> Place | None:
        """Where the value at ``path`` stands, else the nearest thing around it that the text holds."""
        return None if self.node is None else self.node.find(*path).best_place


@dataclass
class NetSource:
    """A net in modern form. ``param`` belongs to this object; take a copy to change it.

    Attributes:
        param: The message, upgraded; ``param.layer`` holds all layers, inputs among them.
        node: The positions, aligned with ``param``: ``node.children["layer"][i]`` is of ``param.layer[i]``.
        file: The file it was read from, the anchor for the paths in it.
        notices: What was upgraded (notes) and what looks wrong about it (warnings).
    """

    param: pb.NetParameter
    node: Node | None
    file: str | None
    notices: list[Finding] = field(default_factory=list)

    def layers(self) -> list[LayerSource]:
        """The layers in order."""
        nodes: list[Node] | list[None] = [None] * len(self.param.layer)
        if self.node is not None:
            nodes = self.node.children.get("layer", [])
        return [LayerSource(param, node) for param, node in zip(self.param.layer, nodes, strict=True)]

    def place(self, *path: str | int) -> Place | None:
        """Where the value at ``path`` stands, else the nearest thing around it; None for a bare message."""
        if self.node is not None:
            return self.node.find(*path).best_place
        return Place(self.file) if self.file else None

    def without_layers(self) -> pb.NetParameter:
        """A copy of the message's other fields."""
        param = pb.NetParameter()
        for descriptor, value in self.param.ListFields():
            if descriptor.name == "layer":
                continue
            if descriptor.name == "state":
                param.state.CopyFrom(value)
            else:
                setattr(param, descriptor.name, value)
        return param

    @classmethod
    def from_message(cls, param: pb.NetParameter, file: str | None = None) -> NetSource:
        """A net from a message, upgraded if it is old; ``param`` itself stays as it is.

        Raises:
            ConfigError: an old form that has no modern counterpart (NC056 to NC062).
        """
        param, node, notices = upgrade_net(param, None, file)
        return cls(param, node, file, notices)

    @classmethod
    def from_text(cls, text: str, file: str = "<string>") -> NetSource:
        """A net from prototxt. Raises ConfigError with all findings."""
        param, node, findings = parse_text(text, pb.NetParameter, file)
        raise_errors(findings)
        upgraded, new_node, notices = upgrade_net(param, node, file)
        return cls(upgraded, new_node, file, findings + notices)


def load_net(path: str | os.PathLike[str]) -> NetSource:
    """Read a net. Raises ConfigError as ``load`` does, and NC019 if the file is a solver."""
    text = read_text(path)
    file = os.fspath(path)
    if is_solver_text(text):
        raise ConfigError.of(
            "NC019", "the file is a solver", place=Place(file), expected="a net", hint="give the file its net is in"
        )
    return NetSource.from_text(text, file)
