"""caffe.draw: the graph as text, and pictures where Graphviz is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from google.protobuf import text_format
from pycaffe_nets import TRAIN_TEST

import netcli.pycaffe as caffe
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb


@pytest.fixture
def net() -> pb.NetParameter:
    return text_format.Parse(TRAIN_TEST, pb.NetParameter())


@pytest.fixture
def fake_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program ``dot`` that knows one format, png, and gives back its arguments and input."""
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$1" = -Tpng ] || { echo "Format not recognized" >&2; exit 1; }\necho "$1"; cat\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_layers_blobs_and_arrows(net):
    text = caffe.draw.get_pydot_graph(net, "LR").to_string()
    assert text.startswith('digraph "SmallTraining" {\n  rankdir=LR;\n')
    assert text.endswith("}\n")
    assert (
        '"conv1 (Convolution)" [label="conv1\\n(Convolution)\\nkernel size: 3\\nstride: 1\\npad: 0", shape=box' in text
    )
    assert '"pool1 (Pooling)" [label="pool1\\n(MAX Pooling)\\nkernel size: 2\\nstride: 2\\npad: 0", shape=box' in text
    assert '"data (blob)" -> "conv1 (Convolution)";' in text
    assert '"conv1 (Convolution)" -> "conv1 (blob)" [label="4"];' in text
    assert '"relu1 (ReLU)" -> "ip1 (blob)";' in text
    assert text.count('"ip1 (blob)" [label="ip1", shape=octagon') == 1
    assert text.count("->") == sum(len(layer.bottom) + len(layer.top) for layer in net.layer)


def test_directions_edges_and_multipliers(net):
    text = caffe.draw.get_pydot_graph(net, "TB", label_edges=False, display_lrm=True).to_string()
    assert "rankdir=TB" in text
    assert '[label="conv1 (Convolution) kernel size: 3 stride: 1 pad: 0 lr_mult: 1, 2"' in text
    assert '"conv1 (blob)";' in text


def test_a_phase_leaves_layers_out(net):
    for phase, count in ((None, 1), (caffe.TEST, 1), (caffe.TRAIN, 0)):
        assert caffe.draw.get_pydot_graph(net, phase=phase).to_string().count('"accuracy (Accuracy)" [') == count


def test_sizes_that_differ_by_axis():
    text = """
    layer { name: "a" type: "Convolution" convolution_param { kernel_size: 3 kernel_size: 5 pad_h: 1 pad_w: 2 } }
    layer { name: "b" type: "Pooling" pooling_param { pool: AVE global_pooling: true } }
    layer { name: "c" type: "Pooling" pooling_param { kernel_h: 2 kernel_w: 3 } }
    layer { name: "d\\"q" type: "Data" top: "d" data_param { batch_size: 7 } }
    """
    drawn = caffe.draw.get_pydot_graph(text_format.Parse(text, pb.NetParameter())).to_string()
    assert "kernel size: 3x5\\nstride: 1\\npad: 1x2" in drawn
    assert "b\\n(AVE Pooling)\\nglobal" in drawn
    assert "kernel size: 2x3\\nstride: 1" in drawn
    assert 'label="d\\"q\\n(Data)"' in drawn
    assert '[label="Batch 7"]' in drawn


def test_old_nets_are_upgraded():
    old = pb.NetParameter()
    text_format.Parse('layers { name: "r" type: RELU bottom: "x" top: "y" }', old)
    assert '"r (ReLU)"' in caffe.draw.get_pydot_graph(old).to_string()


def test_text_files_need_nothing_else(net, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    caffe.draw.draw_net_to_file(net, str(tmp_path / "net.dot"), "BT")
    assert (tmp_path / "net.dot").read_text() == caffe.draw.get_pydot_graph(net, "BT").to_string()


def test_pictures_need_graphviz(net, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RunError, match=r"format 'png' needs Graphviz.*a file that ends in \.dot.*NC589"):
        caffe.draw.draw_net_to_file(net, tmp_path / "net.png")
    assert not (tmp_path / "net.png").exists()


@pytest.mark.usefixtures("fake_graphviz")
def test_graphviz_gets_the_text_and_the_format(net, tmp_path):
    expected = b"-Tpng\n" + caffe.draw.get_pydot_graph(net).to_string().encode()
    assert caffe.draw.draw_net(net, "LR") == caffe.draw.get_pydot_graph(net).create_png() == expected
    caffe.draw.draw_net_to_file(net, tmp_path / "net.png")
    assert (tmp_path / "net.png").read_bytes() == expected
    with pytest.raises(RunError, match="cannot draw in the format 'xyz': Format not recognized"):
        caffe.draw.draw_net(net, "LR", "xyz")


def test_a_file_that_cannot_be_written(net, tmp_path):
    with pytest.raises(RunError, match=r"cannot write '.*net\.dot': .*NC589"):
        caffe.draw.draw_net_to_file(net, tmp_path / "absent" / "net.dot")
