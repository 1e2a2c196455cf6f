from pathlib import Path

import numpy as np
import pytest
from image_making import colour_images, image_layer, write_list
from lmdb_making import counting_images, data_layer, write_images, write_values

from netcli.data import source_facts
from netcli.data.source_facts import SourceFacts, inspect_source
from netcli.errors import NetcliError
from netcli.schema import caffe_pb2 as pb


def test_a_layer_that_reads_nothing():
    assert inspect_source(pb.LayerParameter(name="relu", type="ReLU"), None) is None


@pytest.mark.parametrize("layer", [data_layer("nowhere"), image_layer("nowhere.txt")])
def test_data_that_are_elsewhere(layer):
    assert inspect_source(layer, None) is None


def test_an_lmdb(tmp_path, monkeypatch):
    path = write_images(tmp_path / "db", counting_images(5, (2, 4, 6)), [3, 1, 4, 1, 5])
    assert inspect_source(data_layer(path), None) == SourceFacts(path, 5, (2, 4, 6), 2, (1, 5))
    monkeypatch.setattr(source_facts, "MOST_ITEMS", 2)
    assert inspect_source(data_layer(path), None) == SourceFacts(path, 5, (2, 4, 6), 2, (1, 3), complete=False)


def test_a_built_in_set():
    found = inspect_source(data_layer("builtin:digits/test"), None)
    assert (found.items, found.shape, found.labels) == (2000, (1, 28, 28), (0, 9))


def test_a_corrupt_item_does_not_stop_the_look(tmp_path):
    path = write_values(tmp_path / "db", [b"\xff", pb.Datum(label=7).SerializeToString()])
    assert inspect_source(data_layer(path), None) == SourceFacts(path, 2, None, None, (7, 7))


def test_a_list_with_missing_images(tmp_path):
    path = write_list(tmp_path, colour_images(6))
    for index in (0, 2, 3, 4):
        (tmp_path / f"{index}.png").unlink()
    found = inspect_source(image_layer(path, "is_color: false new_height: 8 new_width: 9"), None)
    assert (found.items, found.shape, found.labels) == (6, (1, 8, 9), (0, 5))
    assert (found.missing, found.missing_count) == (["0.png", "2.png", "3.png"], 4)
    assert inspect_source(image_layer(path), None).shape is None


def test_the_mean_file_is_looked_at(tmp_path):
    path = write_images(tmp_path / "data" / "db", counting_images(2, (1, 4, 6)))
    np.save(tmp_path / "mean.npy", np.zeros((1, 4, 5), np.float32))
    anchor = str(tmp_path / "net" / "net.prototxt")
    layer = data_layer("data/db", transform='mean_file: "mean.npy"')
    found = inspect_source(layer, anchor)
    assert (found.path, found.mean_shape) == (path, (1, 4, 5))
    (tmp_path / "mean.npy").unlink()
    assert inspect_source(layer, anchor).mean_shape is None


@pytest.mark.parametrize("name", ["list.txt", "db"])
def test_a_source_that_cannot_be_used(tmp_path, name):
    (tmp_path / "list.txt").write_text("a.jpg\n")
    (tmp_path / "db").mkdir()
    layer = image_layer(tmp_path / name) if name == "list.txt" else data_layer(Path(tmp_path / name))
    with pytest.raises(NetcliError, match=r"layer 'images' \((ImageData|Data)\)"):
        inspect_source(layer, None)
