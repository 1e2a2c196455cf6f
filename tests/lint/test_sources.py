"""check looks at data that are at hand: what training would stop at is said before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netcli.cli.checking import check_paths
from netcli.data.lmdb_writer import LmdbWriter
from netcli.schema import caffe_pb2 as pb

NET = """
layer { name: "data" type: "Data" top: "data" top: "label" %s
  data_param { source: "set" batch_size: 2 backend: LMDB } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 } inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" %s }
"""
IMAGES = """
layer { name: "data" type: "ImageData" top: "data" top: "label"
  image_data_param { source: "list.txt" batch_size: 2 new_height: 4 new_width: 4 } }
""" + NET.partition("LMDB } }\n")[2].replace("%s", "")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_set(labels: list[int], channels: int = 1, name: str = "set") -> None:
    with LmdbWriter(Path(name)) as writer:
        for label in labels:
            writer.add(np.zeros((channels, 4, 4), np.uint8), label)


def checked(text: str) -> list[str]:
    Path("net.prototxt").write_text(text)
    return [str(finding) for finding in check_paths(["net.prototxt"]).findings]


@pytest.mark.parametrize("labels", [[0, 1, 2], [1, 1], [2]])
def test_labels_that_are_classes(labels: list[int]) -> None:
    write_set(labels)
    assert checked(NET % ("", "")) == []


def test_labels_that_start_at_one() -> None:
    write_set([1, 2, 3])
    assert checked(NET % ("", "")) == [
        "net.prototxt:3:24: layer 'data' (Data): labels out of range in 'set', expected 0 to 2, actual 1 to 3. "
        "hint: labels start at 1? Caffe counts classes from 0 [NC150]"
    ]


def test_labels_beyond_the_classes() -> None:
    write_set([0, 9])
    assert checked(NET % ("", ""))[0].endswith(
        "expected 0 to 2, actual 0 to 9. hint: 9 is class number 10: raise num_output, or mend the labels [NC150]"
    )


def test_a_label_that_is_ignored_is_no_class() -> None:
    write_set([0, 255])
    assert checked(NET % ("", "loss_param { ignore_label: 255 }")) == []


def test_a_mean_of_another_shape() -> None:
    write_set([0])
    mean = pb.BlobProto(data=[0.0] * 75)
    mean.shape.dim.extend([3, 5, 5])
    Path("mean.binaryproto").write_bytes(mean.SerializeToString())
    found = checked(NET % ('transform_param { mean_file: "mean.binaryproto" }', ""))
    assert found == [
        "net.prototxt:3:24: layer 'data' (Data): the mean file has another shape than the items, expected (1, 4, 4), "
        "actual (3, 5, 5). hint: make it of this set with `netcli data mean` [NC215]"
    ]


def test_a_crop_larger_than_the_items() -> None:
    write_set([0])
    (found,) = checked(NET % ("transform_param { crop_size: 5 }", ""))
    assert "crop_size is larger than the items" in found


def test_images_that_are_missing() -> None:
    Path("list.txt").write_text("a.jpg 0\nb.jpg 1\nc.jpg 2\nd.jpg 2\n")
    Path("b.jpg").touch()
    assert checked(IMAGES) == [
        "net.prototxt:3:30: layer 'data' (ImageData): 3 images of 'list.txt' do not exist: 'a.jpg', 'c.jpg', 'd.jpg'. "
        "hint: see root_folder and the list, or pass over them with --skip-bad [NC221]"
    ]


def test_a_list_with_a_bad_line_is_named() -> None:
    Path("list.txt").write_text("a.jpg\n")
    (found,) = checked(IMAGES)
    assert found.startswith("list.txt:1:1: ")
    assert "[NC222]" in found


def test_a_damaged_database() -> None:
    write_set([0] * 50)
    content = Path("set/data.mdb").read_bytes()
    Path("set/data.mdb").write_bytes(content[: len(content) // 2])
    assert any("NC220" in found for found in checked(NET % ("", "")))


def test_sets_with_other_channels() -> None:
    """The test net would have to use the training net's weights, made for one channel, on three."""
    write_set([0])
    write_set([0], channels=3, name="test_set")
    train = NET % ("include { phase: TRAIN }", "")
    test = NET.split("layer {")[1].replace('"set"', '"test_set"') % "include { phase: TEST }"
    Path("net.prototxt").write_text("layer {" + test + train)
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 1 test_iter: 1 test_interval: 1\n'
    )
    (found,) = [str(f) for f in check_paths(["solver.prototxt"]).findings if f.severity == "error"]
    assert found == (
        "net.prototxt:6:26: layer 'ip' (InnerProduct): the nets share this layer's parameters, but not their shapes, "
        "expected (3, 16), (3,), actual (3, 48), (3,). hint: in TRAIN and TEST the data must have the same channels, "
        "and the layer the same num_output [NC455]"
    )


def test_nothing_heavy_is_imported() -> None:
    write_set([0, 1])
    Path("net.prototxt").write_text(NET % ("", ""))
    script = (
        "import sys\nfrom netcli.cli.checking import check_paths\nassert check_paths(['net.prototxt']).findings == []\n"
        "print([name for name in ('numba', 'llvmlite', 'cv2', 'h5py', 'matplotlib') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
