"""Weights into a net and out of it, layer by layer and by name, as Caffe does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netcli.errors import Finding, RunError, did_you_mean
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob, blob_shape, blob_to_array, same_shape

if TYPE_CHECKING:
    from netcli.net.net import Net


@dataclass(frozen=True)
class Loading:
    """How stored layers are matched with those of a net.

    Attributes:
        strict: every layer with parameters must be in a file, and every stored layer in the net.
        skip_mismatch: a layer whose blobs have other shapes is left as it is instead of being an error.
        rename: (name in the file, name in the net).
    """

    strict: bool = False
    skip_mismatch: bool = False
    rename: tuple[tuple[str, str], ...] = ()


@dataclass
class LoadReport:
    """What became of each layer when weights were loaded.

    Attributes:
        loaded, reshaped: copied; ``reshaped`` ones had other axes of size 1, as old files have.
        skipped: (layer, why), with ``skip_mismatch``.
        not_in_file: left as they were. not_in_net: not used.
        renamed: name in the net -> name in the file, where they differ.
        values: how many numbers were copied.
    """

    source: str
    loaded: list[str] = field(default_factory=list)
    reshaped: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    not_in_file: list[str] = field(default_factory=list)
    not_in_net: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    values: int = 0


def load_weights(net: Net, stored: pb.NetParameter, source: str, loading: Loading | None = None) -> LoadReport:
    """Copies the blobs of every stored layer into the layer of the same name.

    Args:
        stored: a net with blobs, modern or upgraded.
        source: the file's name, for messages.

    Raises:
        RunError: NC452 for each layer with another number of blobs, NC453 for each blob of another shape, before
            anything is changed; NC454 if no layer of the file has the name of a layer with parameters.
    """
    loading = loading or Loading()
    report = LoadReport(source)
    new_names = dict(loading.rename)
    named = {new_names.get(layer.name, layer.name): layer for layer in stored.layer if layer.blobs}
    report.renamed = {name: layer.name for name, layer in named.items() if name != layer.name}
    fitting: list[str] = []
    findings: list[Finding] = []
    for name in net.params:
        if name not in named:
            report.not_in_file.append(name)
            continue
        wrong = _mismatches(net, name, named[name], source)
        if not wrong:
            fitting.append(name)
        elif loading.skip_mismatch:
            report.skipped.append((name, f"{wrong[0].message}: {wrong[0].expected} here, {wrong[0].actual}"))
        else:
            findings += wrong
    if findings:
        raise RunError(findings)
    for name in fitting:
        _copy(net, name, named[name], report)
    report.not_in_net = [layer.name for name, layer in named.items() if name not in net.params]
    if net.params and not fitting and not report.skipped:
        hint, _ = did_you_mean(next(iter(net.params)), report.not_in_net)
        raise RunError.of(
            "NC454",
            f"no layer of {source} has the name of a layer of this net",
            expected=_some(net.params),
            actual=_some(report.not_in_net) or "no blobs at all",
            hint=hint or "weights are matched by layer name; --rename OLD=NEW matches others",
        )
    return report


def check_all_used(net: Net, reports: Sequence[LoadReport], loading: Loading) -> None:
    """Sees that every ``rename`` met its layer, and with ``strict`` that nothing is left over on either side.

    Args:
        reports: of all files that were loaded one after the other.

    Raises:
        RunError: NC473 with everything that is left over.
    """
    findings: list[Finding] = []
    renamed = {(old, new) for report in reports for new, old in report.renamed.items() if new in net.params}
    for old, new in loading.rename:
        if (old, new) not in renamed:
            side = "the net has no such layer with parameters" if new not in net.params else "no file has that layer"
            findings += RunError.of("NC473", f"--rename {old}={new} renames nothing: {side}").findings
    if loading.strict:
        loaded = {name for report in reports for name in (*report.loaded, *report.reshaped)}
        for name in net.params:
            if name not in loaded:
                error = RunError.of(
                    "NC473", "no file has weights for this layer, and --strict wants all", layer=name,
                    layer_type=net.layer(name).type_name, place=net.layer(name).source.place(),
                )  # fmt: skip
                findings += error.findings
        for report in reports:
            for name in report.not_in_net:
                message = f"layer '{name}' of {report.source} is not in the net, and --strict wants all"
                findings += RunError.of("NC473", message).findings
    if findings:
        raise RunError(findings)


def _copy(net: Net, name: str, layer: pb.LayerParameter, report: LoadReport) -> None:
    exact = True
    for param, blob in zip(net.params[name], layer.blobs, strict=True):
        exact = exact and tuple(blob_shape(blob)) == tuple(param.shape)
        param.values.write(PLAIN)[...] = blob_to_array(blob).reshape(param.shape)
        report.values += param.count
    (report.loaded if exact else report.reshaped).append(name)


def _mismatches(net: Net, name: str, layer: pb.LayerParameter, source: str) -> list[Finding]:
    """Why the blobs of a stored layer do not fit the layer ``name``: nothing if they do."""
    params = net.params[name]
    if len(layer.blobs) != len(params):
        what = "the stored layer has another number of blobs"
        return _mismatch(net, "NC452", what, name, source, len(params), len(layer.blobs))
    findings: list[Finding] = []
    for index, (param, blob) in enumerate(zip(params, layer.blobs, strict=True)):
        if not same_shape(blob, param.shape):
            what = f"stored blob {index} has another shape"
            findings += _mismatch(net, "NC453", what, name, source, param.shape, blob_shape(blob))
    return findings


def stored_net(net: Net, *, write_diff: bool = False) -> pb.NetParameter:
    """The net as a message with its weights (and gradients): what a .caffemodel holds."""
    message = pb.NetParameter(name=net.name)
    for step in net.graph.steps:
        layer = message.layer.add()
        layer.CopyFrom(step.layer.param)
        del layer.blobs[:]
        for param in net.params.get(step.name, ()):
            diff = param.gradients.read(PLAIN) if write_diff else None
            layer.blobs.append(array_to_blob(param.values.read(PLAIN), diff))
    return message


def _mismatch(
    net: Net, code: str, what: str, layer: str, source: str, expected: object, actual: object
) -> list[Finding]:
    return RunError.of(
        code,
        what,
        place=net.layer(layer).source.place(),
        layer=layer,
        layer_type=net.layer(layer).type_name,
        expected=expected,
        actual=f"{actual} in {source}",
        hint="--skip-mismatch leaves such a layer as it is",
    ).findings


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
