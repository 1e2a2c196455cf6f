"""Rules about the files that a run reads and writes besides its data."""

from __future__ import annotations

from collections.abc import Iterator

from netcli.errors import Finding, NetcliError
from netcli.lint.subject import PlannedNet, Subject, solver_warning, warning
from netcli.prototxt import LayerSource, resolve_path
from netcli.schema import caffe_pb2 as pb


def snapshot_folder(subject: Subject) -> Iterator[Finding]:
    """NC308: netcli makes the folder of ``snapshot_prefix``, but Caffe fails at the first snapshot without it."""
    solver = subject.solver
    if solver is None or "/" not in solver.param.snapshot_prefix:
        return
    folder = solver.param.snapshot_prefix.rpartition("/")[0]
    try:
        resolve_path(folder or "/", solver.file)
    except NetcliError:
        yield solver_warning(
            solver, "NC308", f"the folder '{folder}' of the snapshots does not exist", "snapshot_prefix",
            hint="netcli will make it when training starts; Caffe would fail at the first snapshot",
        )  # fmt: skip


def means_that_differ(subject: Subject) -> Iterator[Finding]:
    """NC316: data that are centred in one way for training and in another for testing are not the same data."""
    training = [found for net in subject.in_phase(pb.TRAIN) for found in _means(net)]
    kinds = {kind for _, kind in training}
    if len(kinds) != 1:
        return
    trained = kinds.pop()
    for net in subject.in_phase(pb.TEST):
        for source, kind in _means(net):
            if kind != trained:
                yield warning(
                    "NC316", f"it subtracts {kind}, the training data layer {trained}", source, "transform_param",
                    hint="use the same mean in both phases",
                )  # fmt: skip


def _means(net: PlannedNet) -> Iterator[tuple[LayerSource, str]]:
    """The data layers with pixels, and what each of them subtracts, in words."""
    for _, source in net.of_type("Data", "ImageData", "WindowData"):
        transform = source.param.transform_param
        if transform.HasField("mean_file"):
            yield source, f"mean_file '{transform.mean_file}'"
        elif transform.mean_value:
            yield source, f"mean_value {', '.join(f'{value:g}' for value in transform.mean_value)}"
        else:
            yield source, "no mean"


RULES = (snapshot_folder, means_that_differ)
