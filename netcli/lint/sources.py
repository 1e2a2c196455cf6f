"""What the data of a net say of it, where they are at hand: looked at shortly, and never changed.

These are no matters of taste: training would stop at each of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcli.data.source_facts import SourceFacts, inspect_source
from netcli.errors import ConfigError, Finding, NetcliError
from netcli.lint.subject import PlannedNet
from netcli.net.label_ranges import label_ranges
from netcli.prototxt import LayerSource

_SOURCES = {
    "Data": "data_param", "HDF5Data": "hdf5_data_param", "ImageData": "image_data_param",
    "WindowData": "window_data_param",
}  # fmt: skip
_SHOWN = 3


def source_findings(net: PlannedNet) -> list[Finding]:
    """Errors: data that cannot be used, labels that are no classes (NC150), images that are missing (NC221), and a
    mean image of another shape than the items (NC215)."""
    ranges = label_ranges(net.graph.steps, net.graph.shapes)
    findings: list[Finding] = []
    for _, source in net.of_type(*_SOURCES):
        try:
            facts = inspect_source(source.param, net.source.file)
        except NetcliError as error:
            findings += error.findings
            continue
        if facts is not None:
            classes = ranges.get(source.param.top[1]) if len(source.param.top) > 1 else None
            findings += [
                *_labels(net, source, facts, classes), *_missing(source, facts), *_mean(source, facts),
            ]  # fmt: skip
    return findings


def _labels(net: PlannedNet, source: LayerSource, facts: SourceFacts, classes: int | None) -> Iterator[Finding]:
    if classes is None or facts.labels is None:
        return
    least, largest = facts.labels
    ignored = _ignored_labels(net)
    if (least >= 0 or least in ignored) and (largest < classes or largest in ignored):
        return
    hint = None
    if least == 1 and largest == classes:
        hint = "labels start at 1? Caffe counts classes from 0"
    elif largest >= classes:
        hint = f"{largest} is class number {largest + 1}: raise num_output, or mend the labels"
    message = f"labels out of range in '{facts.path}'" + (
        "" if facts.complete else ", of which the first were looked at"
    )
    yield _error(
        "NC150", message, source, expected=f"0 to {classes - 1}", actual=f"{least} to {largest}", hint=hint
    )  # fmt: skip


def _ignored_labels(net: PlannedNet) -> set[int]:
    found = set()
    for layer in net.layers:
        for settings in (layer.param.loss_param, layer.param.accuracy_param):
            if settings.HasField("ignore_label"):
                found.add(settings.ignore_label)
    return found


def _missing(source: LayerSource, facts: SourceFacts) -> Iterator[Finding]:
    if facts.missing_count:
        named = ", ".join(repr(path) for path in facts.missing[:_SHOWN])
        more = " and others" if facts.missing_count > len(facts.missing[:_SHOWN]) else ""
        count = f"{facts.missing_count} image{'s' * (facts.missing_count > 1)}"
        yield _error(
            "NC221", f"{count} of '{facts.path}' do not exist: {named}{more}", source,
            hint="see root_folder and the list, or pass over them with --skip-bad",
        )  # fmt: skip


def _mean(source: LayerSource, facts: SourceFacts) -> Iterator[Finding]:
    if facts.mean_shape is not None and facts.shape is not None and tuple(facts.mean_shape) != facts.shape:
        yield _error(
            "NC215", "the mean file has another shape than the items", source, expected=facts.shape,
            actual=facts.mean_shape, hint="make it of this set with `netcli data mean`",
        )  # fmt: skip


def _error(
    code: str,
    message: str,
    source: LayerSource,
    expected: object = None,
    actual: object = None,
    hint: str | None = None,
) -> Finding:
    return ConfigError.of(
        code, message, place=source.place(_SOURCES[source.param.type], "source"), layer=source.param.name,
        layer_type=source.param.type, expected=expected, actual=actual, hint=hint,
    ).findings[0]  # fmt: skip
