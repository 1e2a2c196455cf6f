"""The loop: which iterations test, display and snapshot; what an iteration is made of; how it ends."""

from __future__ import annotations

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
    told,
)

from netcli.errors import DivergedError, ExitCode, RunError
from netcli.runtime.blob import PLAIN
from netcli.solver import Solver, events

CADENCE = "max_iter: 6 display: 3 snapshot: 4 test_interval: 2 test_iter: 2 "


def run(settings: str, tmp_path: Path, net: str = DUMMY_DATA + CLASSIFIER, **keywords) -> list[events.Event]:
    """All events of a run to the end."""
    happened: list[events.Event] = []
    make_solver(settings, net, listeners=[happened.append], default_prefix=str(tmp_path / "m"), **keywords).solve()
    return happened


def without_progress(happened: list[events.Event]) -> list[str]:
    return told([event for event in happened if not isinstance(event, events.Progress)])


def test_every_event_of_a_run_in_order(tmp_path: Path) -> None:
    assert told(run(CADENCE, tmp_path)) == [
        "started 0",
        "test 0",
        "train 0",
        "progress 1",
        "progress 2",
        "test 2",
        "progress 3",
        "train 3",
        "progress 4",
        "snapshot 4",
        "test 4",
        "progress 5",
        "progress 6",
        "snapshot 6",
        "train 6",
        "test 6",
        "finished 6",
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            "test_initialization: false",
            ["train 0", "test 2", "train 3", "snapshot 4", "test 4", "snapshot 6", "train 6"],
        ),
        ("snapshot_after_train: false", ["test 0", "train 0", "test 2", "train 3", "snapshot 4", "test 4", "train 6"]),
    ],
)
def test_switches(settings: str, expected: list[str], tmp_path: Path) -> None:
    assert without_progress(run(CADENCE + settings, tmp_path))[1:-2] == expected


def test_the_last_snapshot_is_not_written_twice(tmp_path: Path) -> None:
    assert without_progress(run("max_iter: 4 snapshot: 2", tmp_path)) == [
        "started 0",
        "snapshot 2",
        "snapshot 4",
        "finished 4",
    ]


def test_no_last_display_and_test_where_none_is_due(tmp_path: Path) -> None:
    happened = run("max_iter: 3 display: 2 test_interval: 2 test_iter: 1 snapshot_after_train: false", tmp_path)
    assert without_progress(happened) == ["started 0", "test 0", "train 0", "test 2", "train 2", "finished 3"]


def test_started_and_finished_say_what_the_run_is(tmp_path: Path) -> None:
    happened = run("max_iter: 2 iter_size: 3", tmp_path)
    assert happened[0] == events.Started(0, 2, seed=7, batch_size=4, iter_size=3, test_nets=0)
    finished = happened[-1]
    assert isinstance(finished, events.Finished)
    assert finished.reason == "max_iter"
    assert finished.seconds > 0


def test_steps_stand_where_they_stopped() -> None:
    happened: list[events.Event] = []
    solver = make_solver("display: 2", listeners=[happened.append])
    for count in (1, 2, 0, 2):
        solver.step(count)
    assert solver.iteration == 5
    assert without_progress(happened) == ["train 0", "train 2", "train 4"]


def test_what_a_display_says() -> None:
    happened: list[events.Event] = []
    net = data_net(4)
    solver = make_solver("display: 3 iter_size: 2", net, listeners=[happened.append], feeds=StreamFeeds)
    solver.step(4)
    first, second = (event for event in happened if isinstance(event, events.Train))
    assert (first.iterations, first.images, first.epoch) == (1, 8, 0.8)
    assert (second.iterations, second.images, second.epoch) == (3, 24, 3.2)
    assert second.lr == 0.1
    assert list(second.outputs) == ["loss"]
    assert second.loss_weights == {"loss": 1.0}
    assert second.seconds > 0
    assert 0 < second.data_wait < 1
    assert second.smoothed_loss == second.loss


def test_the_smoothed_loss_is_the_mean_of_a_window() -> None:
    happened: list[events.Event] = []
    solver = make_solver("display: 1 average_loss: 3", listeners=[happened.append])
    solver.step(6)
    trained = [event for event in happened if isinstance(event, events.Train)]
    losses = [event.loss for event in trained]
    assert len(set(losses)) == 6
    for index, event in enumerate(trained):
        assert event.smoothed_loss == pytest.approx(np.mean(losses[max(0, index - 2) : index + 1]), rel=1e-12)


def test_many_small_batches_are_one_large_one() -> None:
    one = make_solver("momentum: 0.9 weight_decay: 0.1", data_net(8), feeds=StreamFeeds)
    many = make_solver("momentum: 0.9 weight_decay: 0.1 iter_size: 4", data_net(2), feeds=StreamFeeds)
    for solver in (one, many):
        solver.step(5)
    for a, b in zip(all_weights(one), all_weights(many), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_the_loss_is_the_mean_over_the_passes() -> None:
    happened: list[events.Event] = []
    solver = make_solver("iter_size: 3", data_net(4), feeds=StreamFeeds, listeners=[happened.append])
    reference = make_solver("", data_net(4), feeds=StreamFeeds)
    losses = [reference.net.forward() for _ in range(3)]
    solver.step(1)
    assert happened == [events.Progress(1, pytest.approx(np.mean(losses), rel=1e-6))]


def test_layers_are_told_iteration_and_pass() -> None:
    seen: list[tuple[int, int]] = []
    solver = make_solver("iter_size: 2", DROPOUT_NET)
    drop = solver.net.layer("drop")
    forward = drop.forward

    def watched(bottoms, tops) -> None:
        seen.append((drop.context.iteration, drop.context.pass_index))
        forward(bottoms, tops)

    drop.forward = watched  # type: ignore[method-assign]
    solver.step(3)
    assert seen == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)]


def test_a_test_is_the_mean_over_its_batches_with_the_trained_weights() -> None:
    net = data_net(5).replace('name: "data"', 'name: "data" ')
    happened: list[events.Event] = []
    settings = "test_interval: 2 test_iter: 2 test_iter: 1 test_compute_loss: true "
    solver = make_solver(settings, net, feeds=StreamFeeds, listeners=[happened.append])
    solver.step(3)
    tests = [event for event in happened if isinstance(event, events.Test)]
    assert [(t.iteration, t.net, t.images, t.iterations) for t in tests] == [
        (0, 0, 10, 2),
        (0, 1, 5, 1),
        (2, 0, 10, 2),
        (2, 1, 5, 1),
    ]
    assert tests[2].outputs["loss"] != tests[0].outputs["loss"]
    assert tests[2].outputs["loss"] == pytest.approx(tests[2].loss)
    reference = make_solver("", net, feeds=StreamFeeds)
    expected = np.mean([reference.net.forward() for _ in range(2)])
    assert tests[0].loss == pytest.approx(expected, rel=1e-6)


def test_outputs_of_many_elements_are_lists() -> None:
    net = (
        DUMMY_DATA
        + 'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"'
        + (' inner_product_param { num_output: 3 } }layer { name: "quiet" type: "Silence" bottom: "label" }')
        + 'layer { name: "loss" type: "Reduction" bottom: "ip" top: "loss" loss_weight: 1 include { phase: TRAIN } }'
    )
    solver = make_solver("test_interval: 1 test_iter: 2", net)
    result = solver.test()
    assert result is not None
    assert result.outputs == {"ip": [0.0] * 12}
    assert result.loss is None
    assert result.loss_weights == {}


def test_test_nets_use_the_training_nets_parameters() -> None:
    solver = make_solver("test_interval: 1 test_iter: 1")
    solver.step(2)
    mine, theirs = solver.net.params["ip"][0], solver.test_nets[0].params["ip"][0]
    assert mine.values is theirs.values


@pytest.mark.parametrize("after", [1, 3])
def test_stopping_finishes_the_iteration_and_writes_a_snapshot(after: int, tmp_path: Path) -> None:
    happened: list[events.Event] = []
    solver = make_solver(
        "max_iter: 6 display: 1 test_interval: 6 test_iter: 1 snapshot_after_train: false",
        listeners=[happened.append],
        default_prefix=str(tmp_path / "m"),
    )

    def stop(event: events.Event) -> None:
        if isinstance(event, events.Train) and event.iteration == after - 1:
            solver.request(events.Request.STOP)

    solver.listeners.append(stop)
    solver.solve()
    assert told(happened)[-4:] == [f"train {after - 1}", f"progress {after}", f"snapshot {after}", f"finished {after}"]
    assert happened[-1].reason == "interrupted"  # type: ignore[union-attr]
    solver.solve()
    assert solver.iteration == 6
    assert happened[-1].reason == "max_iter"  # type: ignore[union-attr]


def test_stopping_during_a_test_ends_it_between_two_batches(tmp_path: Path) -> None:
    happened: list[events.Event] = []
    settings = "max_iter: 6 test_interval: 2 test_iter: 1000000"
    solver = make_solver(settings, listeners=[happened.append], default_prefix=str(tmp_path / "m"))
    layer = solver.test_nets[0].layers[-1]
    forward = layer.forward

    def stop(bottoms, tops) -> None:
        solver.request(events.Request.STOP)
        forward(bottoms, tops)

    layer.forward = stop  # type: ignore[method-assign]
    solver.solve()
    assert told(happened) == ["started 0", "snapshot 0", "finished 0"]


def test_a_snapshot_on_request(tmp_path: Path) -> None:
    happened: list[events.Event] = []
    solver = make_solver(listeners=[happened.append], default_prefix=str(tmp_path / "m"))
    solver.request(events.Request.SNAPSHOT)
    solver.step(2)
    assert told(happened) == ["progress 1", "snapshot 1", "progress 2"]


def test_a_run_that_diverges_says_where_and_leaves_snapshots_alone(tmp_path: Path) -> None:
    happened: list[events.Event] = []
    source = solver_source('base_lr: 1 lr_policy: "exp" gamma: 1e30 max_iter: 9 snapshot: 1 random_seed: 7')
    solver = Solver(source, listeners=[happened.append], default_prefix=str(tmp_path / "m"))
    with pytest.raises(DivergedError) as caught:
        solver.solve()
    assert caught.value.exit_code == ExitCode.DIVERGED
    assert caught.value.code == "NC410"
    event = happened[-1]
    assert isinstance(event, events.Diverged)
    assert event.iteration >= 1
    assert (event.layer, event.lr) == ("ip", pytest.approx(1e30**event.iteration))
    start = f"training diverged at iteration {event.iteration} (lr {event.lr:g}), {event.reason}"
    assert f"{start}, first in '{event.blob}'" in str(caught.value)
    assert "layer 'ip' (InnerProduct)" in str(caught.value)
    written = sorted(path.name for path in tmp_path.glob("*.solverstate"))
    # The update before the event has ruined the weights: they must not become the last good snapshot.
    assert event.reason == "the weights are not finite"
    assert written == [f"m_iter_{n}.solverstate" for n in range(1, event.iteration)]


def test_bad_data_are_named_as_the_cause() -> None:
    happened: list[events.Event] = []
    shapes = "input_param { shape { dim: [4, 6] } shape { dim: 4 } }"
    net = f'layer {{ name: "data" type: "Input" top: "data" top: "label" {shapes} }}' + CLASSIFIER
    solver = make_solver("", net, listeners=[happened.append])
    solver.net.blobs["data"].data[1, 2] = np.nan
    before = all_weights(solver)
    with pytest.raises(DivergedError):
        solver.step(1)
    (event,) = happened
    assert isinstance(event, events.Diverged)
    assert (event.iteration, event.layer, event.blob) == (0, "data", "data")
    for a, b in zip(before, all_weights(solver), strict=True):
        np.testing.assert_array_equal(a, b)


def test_debug_lines_on_display_iterations_only() -> None:
    happened: list[events.Event] = []
    solver = make_solver("display: 2 debug_info: true", listeners=[happened.append])
    solver.step(2)
    lines = [event.line for event in happened if isinstance(event, events.Debug)]
    assert [line.strip().split("]")[0] for line in lines].count("[Update") == 2
    assert sum("[Forward] Layer ip, top blob ip data:" in line for line in lines) == 1
    assert sum("[Backward]" in line for line in lines) >= 3
    last_debug = max(i for i, event in enumerate(happened) if isinstance(event, events.Debug))
    assert told(happened[last_debug:]) == ["progress 1", "progress 2"]


def test_an_unwritable_folder_is_found_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    happened: list[events.Event] = []
    solver = make_solver("max_iter: 2", listeners=[happened.append], default_prefix=str(tmp_path / "file" / "m"))
    with pytest.raises(RunError) as caught:
        solver.solve()
    assert caught.value.code == "NC459"
    assert happened == []
    assert solver.iteration == 0


@pytest.mark.parametrize("settings", ["", "iter_size: 2", "clip_gradients: 0.1", "solver_type: ADAM momentum: 0.9"])
def test_gradients_that_nobody_sees_end_as_zeros_and_change_nothing(settings: str) -> None:
    kept, unseen = (make_solver(settings, DROPOUT_NET, keep_gradients=keeps) for keeps in (True, False))
    for iterations in (1, 3):
        kept.step(iterations)
        unseen.step(iterations)
        for weights, same in zip(all_weights(kept), all_weights(unseen), strict=True):
            np.testing.assert_allclose(weights, same, rtol=1e-5, atol=1e-7)
        assert not any(item.blob.gradients.read(PLAIN).any() for item in unseen.net.learnable)
        # Somebody who writes there all the same does not train with it.
        unseen.net.learnable[0].blob.diff[...] = 1
    assert all(item.blob.gradients.read(PLAIN).any() for item in kept.net.learnable)


@pytest.mark.parametrize("setting", ["snapshot_diff: true", "debug_info: true"])
def test_updates_that_are_written_or_told_are_kept(setting: str) -> None:
    solver = make_solver(setting, DROPOUT_NET, keep_gradients=False)
    solver.step(2)
    assert all(item.blob.gradients.read(PLAIN).any() for item in solver.net.learnable)


def test_the_rate_is_that_of_the_iteration_before_its_update() -> None:
    happened: list[events.Event] = []
    source = solver_source('base_lr: 1 lr_policy: "step" gamma: 0.5 stepsize: 2 display: 1')
    Solver(source, listeners=[happened.append]).step(5)
    assert [event.lr for event in happened if isinstance(event, events.Train)] == [1, 1, 0.5, 0.5, 0.25]
