"""Snapshots: a run that stopped and went on equals one that never stopped, bit for bit; and what cannot be resumed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from solver_cases import (
    CLASSIFIER,
    DROPOUT_NET,
    DUMMY_DATA,
    StreamFeeds,
    all_weights,
    data_net,
    make_solver,
    solver_source,
)

from netcli.errors import RunError
from netcli.prototxt import SolverSource
from netcli.schema import caffe_pb2 as pb
from netcli.solver import Solver
from netcli.solver.snapshot import snapshot_prefix
from netcli.solver.state_file import read_state, stored_seed

SETTINGS = {
    "SGD": "momentum: 0.9 weight_decay: 0.01",
    "Nesterov": 'type: "Nesterov" momentum: 0.9 warmup_iter: 7',
    "AdaGrad": 'type: "AdaGrad" weight_decay: 0.01',
    "RMSProp": 'type: "RMSProp" rms_decay: 0.9 clip_gradients: 0.5',
    "AdaDelta": 'type: "AdaDelta" momentum: 0.9 delta: 1e-6',
    "Adam": 'type: "Adam" momentum: 0.9 iter_size: 2',
    "AdamW": 'type: "AdamW" momentum: 0.9 weight_decay: 0.01',
}
FORMATS = {"binary": "", "hdf5": " snapshot_format: HDF5"}


def assert_same(one: Solver, other: Solver) -> None:
    assert one.iteration == other.iteration
    for a, b in zip(all_weights(one), all_weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rule", SETTINGS)
@pytest.mark.parametrize("net", ["dropout", "data"])
def test_stopping_and_going_on_changes_nothing(net: str, rule: str, form: str, tmp_path: Path) -> None:
    if form == "hdf5":
        pytest.importorskip("h5py")
    text = DROPOUT_NET if net == "dropout" else data_net(4)
    settings = SETTINGS[rule] + FORMATS[form]

    def fresh() -> Solver:
        return make_solver(settings, text, feeds=StreamFeeds, default_prefix=str(tmp_path / "m"))

    whole = fresh()
    whole.step(9)
    first = fresh()
    first.step(5)
    state = first.snapshot()
    second = fresh()
    second.restore(state)
    assert_same(second, first)
    second.step(4)
    assert_same(second, whole)


def test_going_back_in_the_same_process(tmp_path: Path) -> None:
    solver = make_solver("momentum: 0.9", data_net(4), feeds=StreamFeeds, default_prefix=str(tmp_path / "m"))
    solver.step(2)
    state = solver.snapshot()
    solver.step(3)
    expected = all_weights(solver)
    solver.restore(state)
    solver.step(3)
    for a, b in zip(expected, all_weights(solver), strict=True):
        np.testing.assert_array_equal(a, b)


def test_tests_go_on_where_they_stood(tmp_path: Path) -> None:
    settings = "test_interval: 2 test_iter: 1"

    def fresh() -> Solver:
        return make_solver(settings, data_net(3), feeds=StreamFeeds, default_prefix=str(tmp_path / "m"))

    whole = fresh()
    whole.step(6)
    first = fresh()
    first.step(3)
    state = first.snapshot()
    second = fresh()
    second.restore(state)
    second.step(3)
    one, other = whole.test(), second.test()
    assert one is not None
    assert other is not None
    assert one.outputs == other.outputs


def test_a_seed_that_was_drawn_is_taken_up_again(tmp_path: Path) -> None:
    def fresh() -> Solver:
        source = solver_source('base_lr: 0.1 lr_policy: "fixed"', DROPOUT_NET)
        return Solver(source, default_prefix=str(tmp_path / "m"))

    whole = fresh()
    whole.step(2)
    state = whole.snapshot()
    whole.step(2)
    second = fresh()
    assert second.seed != whole.seed
    second.restore(state)
    assert second.seed == whole.seed == stored_seed(state)
    second.step(2)
    assert_same(second, whole)


def test_a_seed_that_was_given_stays(tmp_path: Path) -> None:
    state = make_solver(seed=1, default_prefix=str(tmp_path / "m")).snapshot()
    solver = make_solver(seed=2)
    solver.restore(state)
    assert solver.seed == 2


def test_a_state_without_a_record_counts_batches(tmp_path: Path) -> None:
    solver = make_solver("iter_size: 2", data_net(4), feeds=StreamFeeds, default_prefix=str(tmp_path / "m"))
    solver.step(3)
    state = solver.snapshot()
    message = pb.SolverState.FromString(state.read_bytes())
    message.DiscardUnknownFields()
    state.write_bytes(message.SerializeToString())
    assert stored_seed(state) is None
    resumed_feeds: list[StreamFeeds] = []

    def feeds(source) -> StreamFeeds:
        resumed_feeds.append(StreamFeeds())
        return resumed_feeds[-1]

    resumed = make_solver("iter_size: 2", data_net(4), feeds=feeds)
    resumed.restore(state)
    solver.step(2)
    resumed.step(2)
    assert_same(resumed, solver)
    assert resumed_feeds[0].opened[0].read[0] == (3 * 2 * 4) % 10


def test_caffe_can_read_what_we_add(tmp_path: Path) -> None:
    """The record is an unknown field to Caffe's schema: it must not disturb any known one."""
    solver = make_solver("momentum: 0.9", default_prefix=str(tmp_path / "m"))
    solver.step(1)
    state = solver.snapshot()
    message = pb.SolverState.FromString(state.read_bytes())
    assert {field.name for field, _ in message.ListFields()} == {"iter", "learned_net", "history", "current_step"}
    assert message.iter == 1


def test_both_files_may_be_moved_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").mkdir()
    solver = make_solver(default_prefix=str(tmp_path / "old" / "m"))
    solver.step(1)
    state = solver.snapshot()
    shutil.move(tmp_path / "old", tmp_path / "new")
    monkeypatch.chdir("/")
    other = make_solver()
    other.restore(tmp_path / "new" / state.name)
    assert_same(other, solver)


def test_missing_weights_are_told(tmp_path: Path) -> None:
    solver = make_solver(default_prefix=str(tmp_path / "m"))
    state = solver.snapshot()
    (tmp_path / "m_iter_0.caffemodel").unlink()
    with pytest.raises(RunError, match="keep both files of a snapshot together") as caught:
        make_solver().restore(state)
    assert caught.value.code == "NC469"


def test_weights_are_no_state(tmp_path: Path) -> None:
    state = make_solver(default_prefix=str(tmp_path / "m")).snapshot()
    with pytest.raises(
        RunError, match=r"weights alone cannot be resumed from; give '.*m_iter_0.solverstate'"
    ) as caught:
        make_solver().restore(state.with_suffix(".caffemodel"))
    assert caught.value.code == "NC466"


def test_hdf5_weights_are_no_state(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    make_solver("snapshot_format: HDF5", default_prefix=str(tmp_path / "m")).snapshot()
    with pytest.raises(RunError, match="is no solver's state") as caught:
        make_solver().restore(tmp_path / "m_iter_0.caffemodel.h5")
    assert caught.value.code == "NC466"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.solverstate", None, "NC460"),
        ("empty.solverstate", b"", "NC462"),
        ("text.solverstate", b'net: "a"\n', "NC464"),
        ("cut.solverstate", b"\x08\x0a\x12\x50abc", "NC463"),
        ("cut.solverstate.h5", b"\x89HDF\r\n\x1a\n" + bytes(50), "NC463"),
    ],
)
def test_files_that_are_no_state(name: str, content: bytes | None, code: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError) as caught:
        make_solver().restore(tmp_path / name)
    assert caught.value.code == code
    assert name in str(caught.value)


def test_a_history_for_another_net(tmp_path: Path) -> None:
    state = make_solver(default_prefix=str(tmp_path / "m")).snapshot()
    wider = make_solver("", DUMMY_DATA + CLASSIFIER.replace("num_output: 3", "num_output: 5"))
    with pytest.raises(RunError, match=r"expected \(5, 6\), actual \(3, 6\)") as caught:
        wider.restore(state)
    assert caught.value.code == "NC468"
    deeper = make_solver("", DROPOUT_NET)
    with pytest.raises(RunError, match="expected 4, actual 2") as caught:
        deeper.restore(state)
    assert caught.value.code == "NC467"


def test_a_damaged_record(tmp_path: Path) -> None:
    state = make_solver(default_prefix=str(tmp_path / "m")).snapshot()
    content = state.read_bytes()
    state.write_bytes(content.replace(b'"seed"', b'"sead"'))
    with pytest.raises(RunError, match="the resume record") as caught:
        read_state(state)
    assert caught.value.code == "NC463"


def test_old_states_give_every_blob_four_axes(tmp_path: Path) -> None:
    solver = make_solver(default_prefix=str(tmp_path / "m"))
    solver.step(1)
    path = solver.snapshot()
    message = pb.SolverState.FromString(path.read_bytes())
    message.DiscardUnknownFields()
    for blob in message.history:
        dims = [1] * (4 - len(blob.shape.dim)) + list(blob.shape.dim)
        blob.ClearField("shape")
        blob.num, blob.channels, blob.height, blob.width = dims
    path.write_bytes(message.SerializeToString())
    other = make_solver()
    other.restore(path)
    assert_same(other, solver)


def prefix_of(settings: str, file: Path, default: str | None = None) -> Path:
    return snapshot_prefix(SolverSource.from_text(settings, str(file)), default)


def test_where_snapshots_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project" / "out").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    file = tmp_path / "project" / "configs" / "lenet_solver.prototxt"
    assert prefix_of("", file, "runs/a/model") == Path("runs/a/model")
    assert prefix_of("", file) == file.with_suffix("")
    assert prefix_of('snapshot_prefix: "m"', file, "runs/a/model") == Path("m")
    assert prefix_of('snapshot_prefix: "out/m"', file) == tmp_path / "project" / "out" / "m"
    assert prefix_of('snapshot_prefix: "none/m"', file) == Path("none/m")
    assert prefix_of('snapshot_prefix: "new/"', file) == Path("new/lenet_solver")
    assert prefix_of(f'snapshot_prefix: "{tmp_path}"', file) == tmp_path / "lenet_solver"


def test_the_folder_of_snapshots_is_made(tmp_path: Path) -> None:
    solver = make_solver(f'max_iter: 1 snapshot_prefix: "{tmp_path}/deep/er/m"')
    solver.solve()
    assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == [
        "m_iter_1.caffemodel",
        "m_iter_1.solverstate",
    ]
