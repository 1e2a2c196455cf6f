"""Rules about the tests that a solver makes while training."""

from __future__ import annotations

from collections.abc import Iterator

from netcli.data.builtin import PREFIX
from netcli.data.digits import SPLIT_SIZES
from netcli.data.layer_files import LayerFiles
from netcli.data.lmdb_feed import locate_database
from netcli.data.lmdb_source import LmdbSource, looks_like_lmdb
from netcli.errors import Finding, NetcliError
from netcli.lint.subject import PlannedNet, Subject, solver_warning
from netcli.schema import caffe_pb2 as pb

_SOURCES = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "HDF5Data": "hdf5_data_param",
    "WindowData": "window_data_param",
}


def no_test_net(subject: Subject) -> Iterator[Finding]:
    """NC306: a test on the training data says nothing; ``test_iter`` needs a net with data of its own."""
    solver = subject.solver
    if solver is None:
        return
    trained = {source for net in subject.in_phase(pb.TRAIN) for source in _sources(net)}
    for index, net in enumerate(subject.in_phase(pb.TEST)):
        tested = _sources(net)
        if tested and tested <= trained:
            yield solver_warning(
                solver, "NC306", f"test_iter without a test net: the test reads the training data, {min(tested)!r}",
                "test_iter", index, hint="give the net a data layer with include { phase: TEST }",
            )  # fmt: skip


def partial_test(subject: Subject) -> Iterator[Finding]:
    """NC307: with fewer images tested than there are, each test measures another part of the set."""
    solver = subject.solver
    if solver is None:
        return
    for index, net in enumerate(subject.in_phase(pb.TEST)):
        if index >= len(solver.param.test_iter):
            return
        for _, source in net.of_type("Data"):
            size = _size(source.param, net.source.file)
            batch = source.param.data_param.batch_size
            tested = solver.param.test_iter[index] * batch
            if size is not None and tested < size:
                yield solver_warning(
                    solver, "NC307", f"a test covers {tested} of {size} images: {tested // batch} batches of {batch}",
                    "test_iter", index, hint=f"test_iter: {-(-size // batch)} covers them all",
                )  # fmt: skip


def _sources(net: PlannedNet) -> set[str]:
    """The sources of the net's data layers."""
    found = {getattr(source.param, _SOURCES[source.param.type]).source for _, source in net.of_type(*_SOURCES)}
    return found - {""}


def _size(layer: pb.LayerParameter, anchor: str | None) -> int | None:
    """How many items the layer's source holds; None where it is not at hand."""
    source = layer.data_param.source
    if source.startswith(PREFIX):
        return SPLIT_SIZES.get(source.rpartition("/")[2])
    try:
        path = locate_database(LayerFiles(layer, anchor))
        if not looks_like_lmdb(path):
            return None
        with LmdbSource(path) as items:
            return len(items)
    except NetcliError:
        return None


RULES = (no_test_net, partial_test)
