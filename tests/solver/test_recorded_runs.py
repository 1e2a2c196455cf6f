"""Whole runs that BVLC Caffe recorded, and resumes from its own snapshots: tests/data/solvers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netcli.convert.caffemodel import read_weights
from netcli.errors import RunError
from netcli.prototxt import load_solver
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.solver import Solver
from netcli.solver.update_rules import RULES

RECORDED = Path(__file__).parents[1] / "data" / "solvers"
RUNS = sorted(path.stem for path in RECORDED.glob("*.npz"))
WEIGHTS_AT = (1, 2, 5, 10, 20)


def recorded(name: str) -> dict[str, np.ndarray]:
    with np.load(RECORDED / f"{name}.npz") as npz:
        return dict(npz)


def solver_of(name: str) -> Solver:
    return Solver(load_solver(RECORDED / f"{name}.prototxt"))


def train(solver: Solver, run: dict[str, np.ndarray], iteration: int) -> float:
    """One iteration on the batch that Caffe had; returns the loss."""
    for blob in ("data", "label"):
        solver.net.blobs[blob].data[...] = run[f"batches/{blob}"][iteration % 4]
    solver.step(1)
    return float(solver.net.blobs["loss"].data)


def assert_weights(solver: Solver, run: dict[str, np.ndarray], prefix: str, tolerance: float = 1e-5) -> None:
    for name, params in solver.net.params.items():
        for index, param in enumerate(params):
            expected = run[f"{prefix}/{name}/{index}"]
            np.testing.assert_allclose(param.values.read(PLAIN), expected, rtol=0, atol=tolerance)


def test_every_rule_and_policy_was_recorded() -> None:
    params = [load_solver(RECORDED / f"{name}.prototxt").param for name in RUNS]
    assert {param.type for param in params} == set(RULES) - {"AdamW"}
    assert len({param.lr_policy for param in params}) == 7


@pytest.mark.parametrize("name", RUNS)
def test_losses_and_weights_are_caffes(name: str) -> None:
    run, solver = recorded(name), solver_of(name)
    for layer, params in solver.net.params.items():
        for index, param in enumerate(params):
            param.data[...] = run[f"init/{layer}/{index}"]
    for iteration in range(20):
        assert train(solver, run, iteration) == pytest.approx(run["loss"][iteration], abs=1e-5)
        if iteration + 1 in WEIGHTS_AT:
            assert_weights(solver, run, f"iter{iteration + 1}")


@pytest.mark.parametrize("state", sorted(path.name for path in RECORDED.glob("*.solverstate*")))
def test_resuming_from_caffes_snapshot(state: str) -> None:
    name = state.rpartition("_iter_")[0].removesuffix("_hdf5")
    run, solver = recorded(name), solver_of(name)
    solver.restore(RECORDED / state)
    assert solver.iteration == 10
    assert_weights(solver, run, "iter10", tolerance=0)
    for iteration in range(10, 20):
        assert train(solver, run, iteration) == pytest.approx(run["loss"][iteration], abs=1e-5)
    assert_weights(solver, run, "iter20")


@pytest.mark.parametrize("name", [name for name in RUNS if (RECORDED / f"{name}_iter_10.solverstate").exists()])
def test_a_snapshot_says_what_caffes_says(name: str, tmp_path: Path) -> None:
    solver = Solver(load_solver(RECORDED / f"{name}.prototxt"))
    solver.param.snapshot_prefix = str(tmp_path / name)
    solver.restore(RECORDED / f"{name}_iter_10.solverstate")
    path = solver.snapshot()
    ours = pb.SolverState.FromString(path.read_bytes())
    caffes = pb.SolverState.FromString((RECORDED / path.name).read_bytes())
    assert (ours.iter, ours.current_step) == (caffes.iter, caffes.current_step)
    assert Path(ours.learned_net).name == caffes.learned_net
    assert list(ours.history) == list(caffes.history)
    weights = pb.NetParameter.FromString(Path(ours.learned_net).read_bytes())
    expected = read_weights(RECORDED / caffes.learned_net)
    assert [(layer.name, layer.type, list(layer.blobs)) for layer in weights.layer] == [
        (layer.name, layer.type, list(layer.blobs)) for layer in expected.layer
    ]


def test_an_hdf5_snapshot_is_laid_out_as_caffes(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    name = "sgd_momentum_inv_hdf5"
    solver = solver_of(name)
    solver.param.snapshot_prefix = str(tmp_path / name)
    solver.restore(RECORDED / f"{name}_iter_10.solverstate.h5")
    path = solver.snapshot()

    def content(file: Path) -> dict[str, object]:
        found: dict[str, object] = {}

        def visit(name: str, item: object) -> None:
            if not isinstance(item, h5py.Dataset):
                found[name] = "group"
            elif name == "learned_net":
                found[name] = Path(item[()].decode()).name
            else:
                found[name] = (item.dtype.str, item.shape, item[()].tolist())

        with h5py.File(file, "r") as opened:
            opened.visititems(visit)
        return found

    ours, caffes = content(path), content(RECORDED / path.name)
    assert ours.pop("netcli")
    assert ours == caffes
    weights = Path(str(path).replace("solverstate", "caffemodel"))
    assert content(weights) == content(RECORDED / weights.name)


def test_a_state_of_another_solver_type_is_refused() -> None:
    solver = solver_of("sgd_fixed")
    with pytest.raises(RunError, match="expected 4, actual 8") as caught:
        solver.restore(RECORDED / "adam_iter_10.solverstate")
    assert caught.value.code == "NC467"
    assert solver.iteration == 0
