"""What ``netcli export`` does: the net in phase TEST, its weights, and the file that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from netcli.cli.batch_size import with_batch_size
from netcli.cli.converting import refuse_overwriting, write_stored
from netcli.cli.fixed_feeds import FixedFeeds, ItemShape
from netcli.cli.loading import net_of_solver
from netcli.cli.written import BlobShape, Checked, WrittenModel, WrittenWeights
from netcli.convert.atomic_file import write_atomically
from netcli.convert.caffemodel import read_weights
from netcli.convert.deploy import Deployed, deployed
from netcli.convert.formats import MODEL_ENDING, format_of
from netcli.data.feed import Feeds
from netcli.errors import ConfigError, Finding, RunError
from netcli.net.graph import build_graph
from netcli.net.net import Net
from netcli.net.weights import load_weights, stored_net
from netcli.prototxt import NetSource, SolverSource, load, resolve_path
from netcli.runtime.blob import PLAIN
from netcli.runtime.threads import set_threads
from netcli.schema import caffe_pb2 as pb

Tell = Callable[[Iterable[Finding]], None]
Stored = list[tuple[str, pb.NetParameter]]


@dataclass(frozen=True)
class Request:
    """The arguments and options of ``netcli export``."""

    file: str
    output: str
    weights: str | None
    seed: int | None
    blobs: tuple[str, ...]
    batch: int | None
    dynamic_batch: bool
    check: bool
    tolerance: float
    level: int | None
    stages: tuple[str, ...]
    input_shape: ItemShape | None
    threads: int | None
    force: bool

    @property
    def is_model(self) -> bool:
        """Whether the output is a model, and not a file of weights."""
        return self.output.lower().endswith(MODEL_ENDING)


def export_net(request: Request, tell: Tell) -> WrittenModel | WrittenWeights:
    """Writes the file that is asked for.

    Args:
        tell: gets notes on what is changed and left out, as they arise.

    Raises:
        ConfigError: the net cannot be planned.
        RunError: NC512 the file is there already, NC609 a name without a format, NC610 and NC618 without weights,
            NC616 a model that differs; whatever loading, exporting and writing raise.
    """
    if not request.is_model:
        format_of(request.output)
    refuse_overwriting(request.output, force=request.force)
    source = load(request.file)
    net_source = net_of_solver(source, pb.TEST) if isinstance(source, SolverSource) else source
    tell(net_source.notices)
    stored = [(name, read_weights(name)) for name in _weights(request, source)]
    if request.batch is not None:
        net_source = with_batch_size(net_source, request.batch)
    net_source = _in_state(net_source, request)
    set_threads(request.threads)
    if request.is_model:
        return _export_model(request, net_source, stored, tell)
    return _export_weights(request, net_source, stored, tell)


def _weights(request: Request, source: NetSource | SolverSource) -> list[str]:
    """The files named on the command line, else those that the solver names; none with --seed alone."""
    if request.weights is not None:
        return [name for name in request.weights.split(",") if name]
    if request.seed is not None:
        return []
    if isinstance(source, SolverSource) and source.param.weights:
        named = [name for entry in source.param.weights for name in entry.split(",") if name]
        return [str(resolve_path(name, source.file, source.place("weights"))) for name in named]
    raise RunError.of(
        "NC618", "there are no weights to export",
        hint="pass --weights FILE; or --seed N, to export what the fillers make",
    )  # fmt: skip


def _in_state(source: NetSource, request: Request) -> NetSource:
    """The net with the level and the stages that were asked for."""
    if request.level is None and not request.stages:
        return source
    param = pb.NetParameter()
    param.CopyFrom(source.param)
    if request.level is not None:
        param.state.level = request.level
    param.state.stage.extend(stage for stage in request.stages if stage not in param.state.stage)
    return NetSource(param, source.node, source.file, source.notices)


def _loaded(net: Net, stored: Stored, tell: Tell) -> None:
    """Loads the weights one after the other; tells of stored layers that have no place.

    Raises:
        RunError: NC610 for layers that no file has weights for; as ``load_weights``.
    """
    reports = [load_weights(net, message, name) for name, message in stored]
    for report in reports:
        if report.not_in_net:
            names = ", ".join(report.not_in_net)
            message = f"layers of {report.source} that the exported net does not have are left out: {names}"
            tell([Finding("NC617", message, "note")])
    if not reports:
        return
    found = {name for report in reports for name in (*report.loaded, *report.reshaped)}
    missing = [name for name in net.params if name not in found]
    if missing:
        raise RunError.of(
            "NC610", f"there are no weights for {len(missing)} of the net's layers: {', '.join(missing)}",
            hint="name every file, comma-separated; weights are matched by layer name",
        )  # fmt: skip


def _export_weights(request: Request, source: NetSource, stored: Stored, tell: Tell) -> WrittenWeights:
    net = Net(source, pb.TEST, feeds=_feeds(request, source), seed=request.seed or 0)
    _loaded(net, stored, tell)
    written = write_stored(stored_net(net), request.output)
    tell(written.notes)
    return written


def _feeds(request: Request, source: NetSource) -> FixedFeeds:
    return FixedFeeds(Feeds(source.file), request.input_shape)


def _export_model(request: Request, source: NetSource, stored: Stored, tell: Tell) -> WrittenModel:
    from netcli.convert.onnx.export import OPSET, to_onnx

    form = deployed(source, build_graph(source, pb.TEST, feeds=_feeds(request, source)), request.blobs)
    tell(form.notes)
    net = Net(form.source, pb.TEST, seed=request.seed or 0)
    _loaded(net, [(name, form.fitting(message)) for name, message in stored], tell)
    nets = [net]
    if request.dynamic_batch:
        nets.append(_at_another_batch(form.source, net))
    arrays = {name: [blob.values.read(PLAIN) for blob in blobs] for name, blobs in net.params.items()}
    model = to_onnx(net.graph, arrays, outputs=form.outputs, other_batch=nets[1].graph if len(nets) > 1 else None)
    check = _checked(request, nets, model, form) if request.check else []
    write_atomically(request.output, model.SerializeToString())
    return WrittenModel(
        output=request.output,
        opset=OPSET,
        nodes=len(model.graph.node),
        parameters=sum(item.blob.count for item in net.learnable),
        inputs=[_described(value) for value in model.graph.input],
        outputs=[_described(value) for value in model.graph.output],
        check=check,
    )


def _at_another_batch(source: NetSource, net: Net) -> Net:
    """The net with one item more in each input that has the batch of the first one, and with the same weights.

    Raises:
        RunError: NC602 if a layer does not allow it.
    """
    batch = net.blobs[net.inputs[0]].shape[0]
    param = pb.NetParameter()
    param.CopyFrom(source.param)
    for layer in param.layer:
        for shape in layer.input_param.shape:
            if shape.dim and shape.dim[0] == batch:
                shape.dim[0] = batch + 1
    try:
        return Net(NetSource(param, source.node, source.file), pb.TEST, seed=net.seed, share_with=net)
    except ConfigError as error:
        first = error.findings[0]
        raise RunError.of(
            "NC602", f"the net fits batches of {batch}, and not of {batch + 1}: {first.message}", place=first.place,
            layer=first.layer, layer_type=first.layer_type, expected=first.expected, actual=first.actual,
            hint="leave --dynamic-batch out; --batch N gives another fixed size",
        ) from None  # fmt: skip


def _checked(request: Request, nets: list[Net], model: Any, form: Deployed) -> list[Checked]:
    """The differences of all outputs, at every batch size. Raises RunError NC616 if one is too large."""
    from netcli.convert.onnx.comparison import compare

    found = []
    for net in nets:
        batch = net.blobs[net.inputs[0]].shape[0]
        for one in compare(net, model, form.outputs):
            if not one.relative <= request.tolerance:
                raise RunError.of(
                    "NC616", f"output '{one.blob}' of the model is not the net's at batch size {batch}",
                    expected=f"a relative difference of at most {request.tolerance:g}", actual=f"{one.relative:.3g}",
                    hint="nothing was written",
                )  # fmt: skip
            found.append(Checked(one.blob, batch, one.absolute, one.relative))
    return found


def _described(value: Any) -> BlobShape:
    axes = value.type.tensor_type.shape.dim
    return BlobShape(value.name, [axis.dim_value or axis.dim_param or None for axis in axes])
