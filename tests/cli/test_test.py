"""``netcli test``: each item of the set once, whatever the batch size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netcli.convert.caffemodel import read_weights
from netcli.data.lmdb_source import LmdbSource
from netcli.schema.arrays import blob_to_array

WEIGHTS = "w/model_iter_10.caffemodel"


@pytest.fixture
def trained(tiny: Path, run: Any) -> Path:
    """``tiny`` with weights in WEIGHTS."""
    assert run("train", "solver.prototxt", "-q", "--out", "w").exit_code == 0
    return tiny


def _expected(items: int) -> dict[str, float]:
    """Loss and accuracy over the first ``items`` of the test set, by numpy."""
    weight, bias = (blob_to_array(blob) for blob in read_weights(WEIGHTS).layer[-2].blobs)
    source = LmdbSource("test_lmdb")
    with source:
        pixels, labels = zip(*((d.pixels, d.label) for _, d in (source.next_item() for _ in range(items))), strict=True)
    scores = np.stack(pixels).reshape(items, -1) / 256.0 @ weight.T + bias
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    chosen = (exponents / exponents.sum(axis=1, keepdims=True))[np.arange(items), labels]
    return {"accuracy": float((scores.argmax(axis=1) == labels).mean()), "loss": float(-np.log(chosen).mean())}


def _test(run: Any, *arguments: object) -> dict[str, Any]:
    result = run("test", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("file", ["solver.prototxt", "net.prototxt"])
@pytest.mark.parametrize("batch", [1, 3, 4, 5, 10, 16])
def test_the_whole_set_counts_once(trained: Path, run: Any, file: str, batch: int) -> None:
    """10 items: 4 + 4 + 2, 10 x 1, one batch of 10 out of 16 ..."""
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("batch_size: 4", f"batch_size: {batch}"))
    found = _test(run, file, "--weights", WEIGHTS)
    assert (found["schema"], found["images"], found["batch"]) == (1, 10, batch)
    assert found["iterations"] == -(-10 // batch)
    assert found["outputs"] == pytest.approx(_expected(10), rel=1e-5)


def test_iterations_count_batches(trained: Path, run: Any) -> None:
    found = _test(run, "solver.prototxt", "--weights", WEIGHTS, "--iterations", 2)
    assert (found["images"], found["iterations"]) == (8, 2)
    assert found["outputs"] == pytest.approx(_expected(8), rel=1e-5)


def test_what_is_printed(trained: Path, run: Any) -> None:
    result = run("test", "solver.prototxt", "--weights", WEIGHTS)
    expected = _expected(10)
    assert result.stdout == (f"output\tmean\naccuracy\t{expected['accuracy']:.4f}\nloss\t{expected['loss']:.4f}\n")
    first, second = result.stderr.splitlines()
    assert first == "test_iter 2 of 4 covers 0.80 of the set's 10"
    assert second.startswith("10 images in ")
    partial = run("test", "solver.prototxt", "--weights", WEIGHTS, "--iterations", 3)
    assert partial.stderr.splitlines()[0] == "3 iterations of 4 cover 1.20 of the set's 10"


def test_outputs_with_one_entry_for_each_item_become_means_over_items(trained: Path, run: Any) -> None:
    net = Path("net.prototxt")
    extra = 'layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" include { phase: TEST } }\n'
    net.write_text(net.read_text() + extra)
    outputs = _test(run, "net.prototxt", "--weights", WEIGHTS)["outputs"]
    assert len(outputs["prob"]) == 3
    assert sum(outputs["prob"]) == pytest.approx(1)


def test_weights_of_the_solver(trained: Path, run: Any) -> None:
    solver = Path("solver.prototxt")
    refused = run("test", solver)
    assert refused.exit_code == 1
    assert "[NC514]" in refused.stderr
    solver.write_text(solver.read_text() + f'weights: "{WEIGHTS}"\n')
    assert _test(run, solver)["weights"] == [WEIGHTS]


def test_there_must_be_such_a_test_net(trained: Path, run: Any) -> None:
    result = run("test", "solver.prototxt", "--weights", WEIGHTS, "--net", 1)
    assert result.exit_code == 3
    assert "[NC515]" in result.stderr


def test_a_net_without_a_set_needs_iterations(trained: Path, run: Any) -> None:
    Path("deploy.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 1 dim: 4 dim: 4 } } }\n'
        'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }\n'
    )
    refused = run("test", "deploy.prototxt", "--weights", WEIGHTS)
    assert refused.exit_code == 1
    assert "[NC515]" in refused.stderr
    assert _test(run, "deploy.prototxt", "--weights", WEIGHTS, "--iterations", 1)["images"] == 2
