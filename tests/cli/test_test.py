"""``netcli test``: each item of the set once, whatever the batch size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest

from netcli.cli.fixed_feeds import FixedFeeds
from netcli.cli.item_book import ItemBook
from netcli.convert.caffemodel import read_weights
from netcli.data.feed import Feeds
from netcli.data.lmdb_source import LmdbSource
from netcli.data.lmdb_writer import LmdbWriter
from netcli.errors import RunError
from netcli.net.net import Net
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import blob_to_array

WEIGHTS = "w/model_iter_10.caffemodel"


@pytest.fixture
def trained(tiny: Path, run: Any) -> Path:
    """``tiny`` with weights in WEIGHTS."""
    assert run("train", "solver.prototxt", "-q", "--out", "w").exit_code == 0
    return tiny


def _probabilities(items: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """What the net says of ``items`` of the test set (items, classes), and their labels, by numpy."""
    weight, bias = (blob_to_array(blob) for blob in read_weights(WEIGHTS).layer[-2].blobs)
    with LmdbSource("test_lmdb", tolerant=True) as source:
        found = [source.datum(index)[1] for index in items]
    scores = np.stack([item.pixels for item in found]).reshape(len(items), -1) / 256.0 @ weight.T + bias
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True), np.array([item.label for item in found])


def _expected(items: int | list[int]) -> dict[str, float]:
    """Loss and accuracy over the first ``items`` of the test set, or over those that are listed."""
    probabilities, labels = _probabilities(list(range(items)) if isinstance(items, int) else items)
    chosen = probabilities[np.arange(len(labels)), labels]
    return {"accuracy": float((probabilities.argmax(axis=1) == labels).mean()), "loss": float(-np.log(chosen).mean())}


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


def test_a_filler_before_the_data_counts_no_items(trained: Path, run: Any) -> None:
    net = Path("net.prototxt")
    filler = 'layer { name: "pad" type: "DummyData" top: "pad" dummy_data_param { shape { dim: 7 } } }\n'
    net.write_text(filler + net.read_text())
    found = _test(run, "net.prototxt", "--weights", WEIGHTS)
    assert (found["images"], found["batch"]) == (10, 4)
    assert found["outputs"].pop("pad") == [0.0] * 7
    assert found["outputs"] == pytest.approx(_expected(10), rel=1e-5)
    assert run("train", "solver.prototxt", "--out", "again").exit_code == 0
    first = json.loads(Path("again/metrics.jsonl").read_text().splitlines()[0])
    assert first["batch_size"] == 4


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


def _damage(*items: int) -> None:
    """Makes garbage of some items of the test set."""
    with lmdb.open("test_lmdb", map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        keys = [bytes(key) for key, _ in transaction.cursor()]
        for item in items:
            transaction.put(keys[item], b"\xff garbage")


@pytest.mark.parametrize("bad", [(3,), (0,), (9,), (1, 2, 7), (8, 9)])
@pytest.mark.parametrize("batch", [1, 4, 16])
def test_what_is_skipped_counts_not_at_all_and_its_substitute_once(
    trained: Path, run: Any, bad: tuple[int, ...], batch: int
) -> None:
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("batch_size: 4", f"batch_size: {batch}"))
    _damage(*bad)
    assert run("test", "net.prototxt", "--weights", WEIGHTS).exit_code == 1
    found = _test(run, "net.prototxt", "--weights", WEIGHTS, "--skip-bad")
    good = [item for item in range(10) if item not in bad]
    assert (found["images"], found["skipped"], found["set_size"]) == (len(good), len(bad), 10)
    assert found["iterations"] == -(-len(good) // batch)
    assert found["outputs"] == pytest.approx(_expected(good), rel=1e-5)


def test_skipping_and_counting_batches(trained: Path, run: Any) -> None:
    """Four batches of four out of nine readable items: the pass begins anew after the ninth."""
    _damage(3)
    found = _test(run, "net.prototxt", "--weights", WEIGHTS, "--skip-bad", "--iterations", 4)
    good = [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert found["images"] == 16
    assert found["outputs"] == pytest.approx(_expected([*good, *good[:7]]), rel=1e-5)


def test_layers_that_are_read_side_by_side_leave_out_the_same_items(trained: Path, run: Any) -> None:
    """The labels come from a set of their own, of which item 5 is damaged."""
    with LmdbWriter(Path("label_lmdb")) as writer:
        for item in range(10):
            writer.add(np.zeros((1, 1, 1), np.uint8), item % 3)
    _damage(3)
    with lmdb.open("label_lmdb", map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put([bytes(key) for key, _ in transaction.cursor()][5], b"\xff garbage")
    text = Path("net.prototxt").read_text()
    own = (
        'layer { name: "labels" type: "Data" top: "none" top: "label" include { phase: TEST }\n'
        '  data_param { source: "label_lmdb" batch_size: 4 backend: LMDB } }\n'
        'layer { name: "quiet" type: "Silence" bottom: "none" include { phase: TEST } }\n'
    )
    images = text.replace('top: "data" top: "label" include { phase: TEST }', 'top: "data" include { phase: TEST }')
    Path("net.prototxt").write_text(images.replace('layer {\n  name: "ip"', own + 'layer {\n  name: "ip"'))
    found = _test(run, "net.prototxt", "--weights", WEIGHTS, "--skip-bad")
    assert found["images"] == 8
    assert found["outputs"] == pytest.approx(_expected([0, 1, 2, 4, 6, 7, 8, 9]), rel=1e-5)


def test_a_file_that_the_net_writes_has_each_item_once(trained: Path, run: Any) -> None:
    h5py = pytest.importorskip("h5py")
    Path("net.prototxt").write_text(
        Path("net.prototxt").read_text()
        + 'layer { name: "out" type: "HDF5Output" bottom: "ip" bottom: "label" include { phase: TEST }\n'
        '  hdf5_output_param { file_name: "out.h5" } }\n'
    )
    _test(run, "net.prototxt", "--weights", WEIGHTS)
    with h5py.File("out.h5") as file:
        assert file["label"][:].reshape(-1).tolist() == [item % 3 for item in range(10)]


def test_batches_of_unequal_size_cannot_be_counted_in_items() -> None:
    layer = 'layer { name: "%s" type: "Data" top: "%s" data_param { source: "builtin:digits/test" batch_size: %d } }\n'
    source = NetSource.from_text(layer % ("a", "a", 2) + layer % ("b", "b", 3))
    book = ItemBook(FixedFeeds(Feeds()))
    with pytest.raises(RunError, match="give batches of different sizes: a 2, b 3"):
        book.open_all(Net(source, pb.TEST, feeds=book))
