"""The solver of a run as one prototxt that gives the same run from anywhere: nets inline, paths absolute."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message

from netcli.errors import ConfigError
from netcli.prototxt import SolverSource, filtered, load_net, resolve_path, to_text
from netcli.schema import caffe_pb2 as pb

BUILTIN = "builtin:"

_PATHS = (
    ("data_param", "source"),
    ("image_data_param", "source"),
    ("image_data_param", "root_folder"),
    ("window_data_param", "source"),
    ("window_data_param", "root_folder"),
    ("hdf5_data_param", "source"),
    ("infogain_loss_param", "source"),
    ("transform_param", "mean_file"),
)
"""(message, field) of a layer that names a file"""


def resolved_config(solver: SolverSource, seed: int, snapshot_prefix: str | None) -> str:
    """The solver as prototxt, with its nets in ``net_param`` and its kin.

    Args:
        seed: the seed in use, drawn or given.
        snapshot_prefix: the solver's, absolute. None where the solver leaves it to the run folder: so does the config
            then, or training it would write over the snapshots of this run.

    Raises:
        ConfigError: a net's file cannot be read.
    """
    param = pb.SolverParameter()
    param.CopyFrom(solver.param)
    param.random_seed = seed
    if snapshot_prefix is not None:
        param.snapshot_prefix = snapshot_prefix
    for net in _inline_nets(param):
        _make_absolute(net, solver.file)
    for field, inline in (("net", "net_param"), ("train_net", "train_net_param")):
        if param.HasField(field):
            getattr(param, inline).CopyFrom(_net_in(getattr(param, field), solver))
            param.ClearField(field)
    param.test_net_param.extend(_net_in(file, solver) for file in param.test_net)
    param.ClearField("test_net")
    param.weights[:] = [_absolute(file, solver.file) for file in param.weights]
    return to_text(param)


def where_data_are(solver: SolverSource) -> list[str]:
    """One line for each net's file and for each file or folder that a layer names, with what it was resolved to."""
    lines = []
    for net in [solver.train_net(), *solver.test_nets()]:
        phase = pb.Phase.Name(net.param.state.phase)
        lines.append(f"{phase} net: {net.file}")
        for layer in filtered(net, net.param.state).layers():
            for message, field in _PATHS:
                path = getattr(getattr(layer.param, message), field)
                if path:
                    lines.append(f"{phase} layer {layer.param.name}: {field} {_absolute(path, net.file)}")
    return lines


def _inline_nets(param: pb.SolverParameter) -> Iterator[pb.NetParameter]:
    if param.HasField("net_param"):
        yield param.net_param
    if param.HasField("train_net_param"):
        yield param.train_net_param
    yield from param.test_net_param


def _net_in(file: str, solver: SolverSource) -> pb.NetParameter:
    net = load_net(resolve_path(file, solver.file))
    _make_absolute(net.param, net.file)
    return net.param


def _make_absolute(net: pb.NetParameter, anchor: str | None) -> None:
    for layer in net.layer:
        for message, field in _PATHS:
            if layer.HasField(message):
                settings: Message = getattr(layer, message)
                if settings.HasField(field):
                    setattr(settings, field, _absolute(getattr(settings, field), anchor))


def _absolute(path: str, anchor: str | None) -> str:
    """The absolute path of what is there; anything else is left as it is written."""
    if not path or path.startswith(BUILTIN):
        return path
    try:
        return str(resolve_path(path, anchor).absolute())
    except ConfigError:
        return path
