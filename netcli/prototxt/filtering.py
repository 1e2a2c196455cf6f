"""Which layers of a net exist in a given state: the include and exclude rules."""

from __future__ import annotations

from netcli.errors import ConfigError, Finding
from netcli.prototxt.net_source import NetSource
from netcli.schema import caffe_pb2 as pb


def meets(state: pb.NetState, rule: pb.NetStateRule) -> bool:
    """Whether a state meets every condition of a rule: phase, levels, stages. An empty rule is always met."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    stages = set(state.stage)
    return stages.issuperset(rule.stage) and stages.isdisjoint(rule.not_stage)


def is_included(layer: pb.LayerParameter, state: pb.NetState) -> bool:
    """Whether a layer exists in a state: one include rule must be met, or no exclude rule."""
    if layer.include:
        return any(meets(state, rule) for rule in layer.include)
    return not any(meets(state, rule) for rule in layer.exclude)


def filtered(net: NetSource, state: pb.NetState) -> NetSource:
    """The net as it is in ``state`` (which becomes its own): layers whose rules are not met are left out.

    The rules themselves stay in the layers, as in Caffe.

    Raises:
        ConfigError: NC022 for every layer that has both include and exclude rules.
    """
    findings = []
    kept = []
    for layer in net.layers():
        if layer.param.include and layer.param.exclude:
            findings.append(
                Finding(
                    "NC022",
                    "both include and exclude rules",
                    place=layer.place("exclude"),
                    layer=layer.param.name,
                    layer_type=layer.param.type,
                    hint="keep one of the two",
                )
            )
        elif is_included(layer.param, state):
            kept.append(layer)
    if findings:
        raise ConfigError(findings)
    param = net.without_layers()
    param.state.CopyFrom(state)
    param.layer.extend(layer.param for layer in kept)
    node = net.node
    if node is not None:
        node = node.with_children("layer", [layer.node for layer in kept if layer.node is not None])
    return NetSource(param, node, net.file, list(net.notices))
