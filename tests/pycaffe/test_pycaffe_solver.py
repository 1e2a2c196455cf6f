"""pycaffe's solvers: what a script does with them, and what stays live while they train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pycaffe_nets import DEPLOY, SOLVER, image_batch, label_batch, write

import netcli.pycaffe as caffe
from netcli.errors import ConfigError

SOLVERS = [
    caffe.SGDSolver,
    caffe.NesterovSolver,
    caffe.AdaGradSolver,
    caffe.RMSPropSolver,
    caffe.AdaDeltaSolver,
    caffe.AdamSolver,
]


def feed(solver: caffe.Solver, seed: int) -> None:
    solver.net.blobs["data"].data[...] = image_batch(seed)
    solver.net.blobs["label"].data[...] = label_batch(seed)


def weights(net: caffe.Net) -> dict[str, list[np.ndarray]]:
    return {name: [blob.data.copy() for blob in blobs] for name, blobs in net.params.items()}


def assert_same_weights(net: caffe.Net, wanted: dict[str, list[np.ndarray]]) -> None:
    for name, arrays in wanted.items():
        for blob, array in zip(net.params[name], arrays, strict=True):
            np.testing.assert_allclose(blob.data, array, rtol=1e-5, atol=1e-6, err_msg=name)


def without_momentum(text: str) -> str:
    return text.replace("momentum: 0.9\n", "")


def test_a_solver_has_net_test_nets_iter_and_param(solver_file):
    solver = caffe.get_solver(solver_file)
    assert (solver.iter, solver.max_iter, solver.param.base_lr) == (0, 12, pytest.approx(0.1))
    assert solver.net.outputs == ["loss"]
    assert [net.outputs for net in solver.test_nets] == [["accuracy", "loss"]]
    solver.step(3)
    assert solver.iter == 3


@pytest.mark.parametrize("make", SOLVERS)
def test_the_class_decides_the_rule_and_get_solver_takes_it_from_the_file(solver_file, tmp_path, make):
    plain = without_momentum(SOLVER)
    file = write(tmp_path, "typed.prototxt", plain + f'type: "{make.type_name}"\n')
    solver = caffe.get_solver(file)
    assert type(solver) is make
    other = make(write(tmp_path, "untyped.prototxt", plain))
    assert other.param.type == make.type_name
    for seed in range(3):
        for one in (solver, other):
            feed(one, seed)
            one.step(1)
    assert_same_weights(other.net, weights(solver.net))


def test_training_through_old_references_is_training(solver_file):
    solver, other = caffe.SGDSolver(solver_file), caffe.SGDSolver(solver_file)
    data, label = solver.net.blobs["data"].data, solver.net.blobs["label"].data
    held = {name: [blob.data for blob in blobs] for name, blobs in solver.net.params.items()}
    scores, loss = solver.net.blobs["ip2"].data, solver.net.blobs["loss"].data
    diff, param_diff = solver.net.blobs["conv1"].diff, solver.net.params["conv1"][0].diff
    for seed in range(4):
        data[...] = image_batch(seed)
        label[...] = label_batch(seed)
        solver.step(1)
        feed(other, seed)
        other.step(1)
        assert_same_weights(other.net, held)
        for array, blob in ((scores, other.net.blobs["ip2"]), (loss, other.net.blobs["loss"])):
            np.testing.assert_allclose(array, blob.data, rtol=1e-5, atol=1e-6)
        for array, blob in ((diff, other.net.blobs["conv1"]), (param_diff, other.net.params["conv1"][0])):
            np.testing.assert_allclose(array, blob.diff, rtol=1e-4, atol=1e-6)


def test_weights_written_between_steps_are_trained_on(solver_file):
    solver, other = caffe.SGDSolver(solver_file), caffe.SGDSolver(solver_file)
    held = solver.net.params["ip1"][0].data
    for seed in range(3):
        for one in (solver, other):
            feed(one, seed)
            one.step(1)
        held *= 0.5
        other.net.params["ip1"][0].data[...] *= 0.5
    feed(solver, 5)
    feed(other, 5)
    solver.net.forward()
    other.net.forward()
    assert_same_weights(other.net, weights(solver.net))
    np.testing.assert_allclose(solver.net.blobs["ip2"].data, other.net.blobs["ip2"].data, rtol=1e-5, atol=1e-6)


def test_the_test_nets_use_the_trained_weights(solver_file):
    solver = caffe.SGDSolver(solver_file)
    test_net = solver.test_nets[0]
    held = test_net.blobs["ip2"].data
    for seed in range(3):
        feed(solver, seed)
        solver.step(1)
        test_net.forward(data=image_batch(seed), label=label_batch(seed))
        solver.net.forward(data=image_batch(seed), label=label_batch(seed))
        np.testing.assert_allclose(held, solver.net.blobs["ip2"].data, rtol=1e-5, atol=1e-6)


def test_a_loop_of_forward_backward_and_apply_update_is_a_step(solver_file):
    solver, other = caffe.SGDSolver(solver_file), caffe.SGDSolver(solver_file)
    held = solver.net.params["conv1"][0].data
    for seed in range(3):
        feed(solver, seed)
        solver.net.clear_param_diffs()
        solver.net.forward()
        solver.net.backward()
        solver.apply_update()
        feed(other, seed)
        other.step(1)
        np.testing.assert_allclose(held, other.net.params["conv1"][0].data, rtol=1e-5, atol=1e-6)
    assert_same_weights(solver.net, weights(other.net))


def test_callbacks_run_before_each_iteration_and_before_each_update(solver_file):
    solver = caffe.SGDSolver(solver_file)
    held, diff = solver.net.params["ip2"][1].data, solver.net.params["ip2"][1].diff
    seen: list[tuple[str, int]] = []
    before: list[np.ndarray] = []

    def on_start() -> None:
        seen.append(("start", solver.iter))
        feed(solver, solver.iter)
        before.append(held.copy())

    def on_gradients_ready() -> None:
        seen.append(("ready", solver.iter))
        np.testing.assert_array_equal(held, before[-1])
        assert np.abs(diff).max() > 0
        diff[...] = 0

    solver.add_callback(on_start, on_gradients_ready)
    solver.step(2)
    solver.step(1)
    assert seen == [("start", 0), ("ready", 0), ("start", 1), ("ready", 1), ("start", 2), ("ready", 2)]
    bias = np.zeros(3, np.float32)
    np.testing.assert_allclose(
        held, bias, atol=1e-6, err_msg="no gradient and no value: weight decay has nothing to do"
    )


def test_solve_runs_to_max_iter_and_writes_a_snapshot(solver_file, tmp_path):
    solver = caffe.get_solver(solver_file)
    held = solver.net.params["ip1"][0].data
    start = held.copy()
    feed(solver, 0)
    solver.solve()
    assert solver.iter == 12
    assert np.abs(held - start).max() > 1e-4
    assert (tmp_path / "small_iter_12.caffemodel").is_file()
    net = caffe.Net("train_test.prototxt", caffe.TEST, weights="small_iter_12.caffemodel")
    np.testing.assert_array_equal(net.params["ip1"][0].data, held)


def test_snapshot_restore_and_solve_from_a_state_go_on_as_if_nothing_had_happened(solver_file):
    solver = caffe.SGDSolver(solver_file)
    for seed in range(2):
        feed(solver, seed)
        solver.step(1)
    assert solver.snapshot() is None
    again, resumed = caffe.SGDSolver(solver_file), caffe.SGDSolver(solver_file)
    held = again.net.params["ip1"][0].data
    again.restore("small_iter_2.solverstate")
    assert again.iter == 2
    np.testing.assert_array_equal(held, solver.net.params["ip1"][0].data)
    for one in (solver, again, resumed):
        feed(one, 7)
    solver.step(10)
    again.step(10)
    resumed.solve(Path("small_iter_2.solverstate"))
    assert (solver.iter, again.iter, resumed.iter) == (12, 12, 12)
    for one in (again, resumed):
        for name, arrays in weights(solver.net).items():
            for blob, array in zip(one.net.params[name], arrays, strict=True):
                np.testing.assert_array_equal(blob.data, array)


def test_snapshots_stand_beside_the_solver_when_it_names_no_prefix(solver_file, tmp_path):
    file = write(tmp_path, "bare.prototxt", SOLVER.replace('snapshot_prefix: "small"\n', ""))
    solver = caffe.SGDSolver(file)
    solver.snapshot()
    assert (tmp_path / "bare_iter_0.caffemodel").is_file()
    assert (tmp_path / "bare_iter_0.solverstate").is_file()


def test_share_weights_trains_another_nets_parameters(solver_file, tmp_path):
    solver = caffe.SGDSolver(solver_file)
    net = caffe.Net(write(tmp_path, "deploy.prototxt", DEPLOY), caffe.TEST)
    held = net.params["ip1"][0].data
    start = held.copy()
    solver.share_weights(net)
    feed(solver, 0)
    solver.step(1)
    assert np.abs(held - start).max() > 1e-6
    np.testing.assert_array_equal(held, solver.net.params["ip1"][0].data)


def test_set_random_seed_holds_for_solvers_without_one_of_their_own(solver_file, tmp_path):
    file = write(tmp_path, "unseeded.prototxt", SOLVER.replace("random_seed: 3\n", ""))

    def start(path: str) -> np.ndarray:
        return caffe.SGDSolver(path).net.params["ip1"][0].data.copy()

    caffe.set_random_seed(5)
    first = start(file)
    caffe.set_random_seed(5)
    np.testing.assert_array_equal(start(file), first)
    assert np.abs(start(file) - first).max() > 1e-3
    np.testing.assert_array_equal(start(solver_file), start(solver_file))


def test_a_net_is_not_a_solver(solver_file):
    for make in (caffe.get_solver, caffe.SGDSolver):
        with pytest.raises(ConfigError, match=r"train_test\.prototxt: the file is a net.*NC019"):
            make("train_test.prototxt")


def test_an_unknown_solver_type_is_refused(solver_file, tmp_path):
    file = write(tmp_path, "typo.prototxt", SOLVER + 'type: "Adm"\n')
    with pytest.raises(ConfigError, match=r"""did you mean 'Adam'"""):
        caffe.get_solver(file)


def test_a_solver_prints_nothing(solver_file, capfd):
    solver = caffe.get_solver(solver_file)
    feed(solver, 0)
    solver.solve()
    assert capfd.readouterr() == ("", "")
