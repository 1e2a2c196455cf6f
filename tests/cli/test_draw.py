"""Drawings of nets: what they show, and that nothing lies on anything else."""

from __future__ import annotations

import itertools
import random
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from netcli.cli.fixed_feeds import FixedFeeds
from netcli.data.feed import Feeds
from netcli.net.graph import build_graph
from netcli.prototxt import load_net
from netcli.report.drawing.diagram import Diagram, diagram_of
from netcli.report.drawing.layer_text import layer_text
from netcli.report.drawing.layered import layered
from netcli.report.drawing.ranks import ranked
from netcli.report.drawing.svg import as_svg
from netcli.schema import caffe_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"

NET = """
name: "Small"
layer {
  name: "in" type: "Input" top: "data" top: "label"
  input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } shape { dim: 2 } }
}
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 3 kernel_size: 3 pad: 1 }
}
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "conv" top: "sum" }
layer { name: "ip" type: "InnerProduct" bottom: "sum" top: "scores" inner_product_param { num_output: 4 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "scores" bottom: "label" top: "loss" }
"""
MERMAID = """\
flowchart TB
  b0["<b>in</b> Input"]:::data
  b1["<b>conv</b> Convolution 3, 3x3, pad 1<br/><b>relu</b> ReLU"]:::learned
  b2["<b>sum</b> Eltwise SUM"]:::other
  b3["<b>ip</b> InnerProduct 4"]:::learned
  b4["<b>loss</b> SoftmaxWithLoss"]:::loss
  b0 -->|"data 2x3x8x8"| b1
  b0 -->|"data 2x3x8x8"| b2
  b0 -->|"label 2"| b4
  b1 -->|"2x3x8x8"| b2
  b2 -->|"2x3x8x8"| b3
  b3 -->|"scores 2x4"| b4
  b4 --> o5(["loss scalar"])
  classDef data fill:#ededed,stroke:#555555,color:#000
  classDef learned fill:#d4e6f3,stroke:#555555,color:#000
  classDef loss fill:#fbe2d3,stroke:#555555,color:#000
  classDef other fill:#ffffff,stroke:#555555,color:#000
"""
DOT = """\
digraph "Small" {
  node [shape=box, style=filled, fontname=Helvetica, fontsize=11];
  edge [fontname=Helvetica, fontsize=10];
  b0 [label="in  Input", fillcolor="#ededed", color="#555555"];
  b1 [label="conv  Convolution 3, 3x3, pad 1\\nrelu  ReLU", fillcolor="#d4e6f3", color="#555555"];
  b2 [label="sum  Eltwise SUM", fillcolor="#ffffff", color="#555555"];
  b3 [label="ip  InnerProduct 4", fillcolor="#d4e6f3", color="#555555"];
  b4 [label="loss  SoftmaxWithLoss", fillcolor="#fbe2d3", color="#555555"];
  b0 -> b1 [label="data 2x3x8x8"];
  b0 -> b2 [label="data 2x3x8x8"];
  b0 -> b4 [label="label 2"];
  b1 -> b2 [label="2x3x8x8"];
  b2 -> b3 [label="2x3x8x8"];
  b3 -> b4 [label="scores 2x4"];
  o5 [label="loss scalar", shape=ellipse, style=solid];
  b4 -> o5;
}
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small net with two ways through, in the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)


@pytest.mark.usefixtures("net")
def test_mermaid_and_dot(run: Any) -> None:
    result = run("draw", "net.prototxt")
    assert (result.exit_code, result.stdout, result.stderr) == (0, MERMAID, "")
    assert run("draw", "net.prototxt", "--format", "dot").stdout == DOT
    assert run("draw", "net.prototxt", "--out", "net.gv").stdout == ""
    assert Path("net.gv").read_text() == DOT
    wrong = run("draw", "net.prototxt", "--out", "net.png")
    assert wrong.exit_code == 2
    assert "'net.png' does not tell a format" in wrong.stderr


@pytest.mark.usefixtures("net")
def test_names_that_mean_something_in_the_formats(run: Any) -> None:
    text = Path("net.prototxt").read_text().replace('"conv"', "'#1;a\"<b>&\\\\'")
    Path("net.prototxt").write_text(text)
    assert "<b>#35;1;a&quot;&lt;b&gt;&amp;\\</b>" in run("draw", "net.prototxt").stdout
    assert 'label="#1;a\\"<b>&\\\\  Convolution' in run("draw", "net.prototxt", "--format", "dot").stdout
    ElementTree.fromstring(run("draw", "net.prototxt", "--format", "svg").stdout)


@pytest.mark.usefixtures("net")
def test_svg_shows_every_layer_and_every_blob(run: Any) -> None:
    assert run("draw", "net.prototxt", "--out", "net.svg").exit_code == 0
    root = ElementTree.parse("net.svg").getroot()
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert texts == [
        "in Input", "conv Convolution 3, 3x3, pad 1", "relu ReLU", "sum Eltwise SUM", "ip InnerProduct 4",
        "loss SoftmaxWithLoss", "data 2x3x8x8", "label 2", "2x3x8x8", "2x3x8x8", "scores 2x4", "loss scalar",
    ]  # fmt: skip
    arrows = [path for path in root.iter(f"{SVG}path") if path.get("marker-end")]
    assert len(arrows) == 6, "two readers of data, and one of each other blob that is read"


def _diagram(file: Path, phase: int) -> Diagram:
    source = load_net(file)
    return diagram_of(build_graph(source, phase, feeds=FixedFeeds(Feeds(source.file), (3, 112, 96))))


def _upright(path: str) -> list[tuple[float, float, float]]:
    """(x, top, bottom) of the upright parts of a path of M, V and C."""
    found, x, y = [], 0.0, 0.0
    for command, text in re.findall(r"([MVC])([^MVC]*)", path):
        numbers = [float(number) for number in re.findall(r"[-\d.]+", text)]
        if command == "V":
            found.append((x, y + 0.1, numbers[0] - 0.1))
            y = numbers[0]
        else:
            x, y = numbers[-2:]
    return found


@pytest.mark.parametrize("name", ["mnist/lenet_train_test.prototxt", "sphereface/sphereface20_model.prototxt"])
def test_no_boxes_lie_on_each_other_and_chains_are_straight(name: str) -> None:
    diagram = _diagram(ROOT / "configs" / name, pb.TRAIN)
    root = ElementTree.fromstring(as_svg(diagram))
    numbers = [[float(rect.get(key, 0)) for key in ("x", "y", "width", "height")] for rect in root.iter(f"{SVG}rect")]
    page, *rects = numbers
    for x, y, width, height in rects:
        assert page[0] < x < x + width < page[0] + page[2]
        assert page[1] < y < y + height < page[1] + page[3]
    for (x0, y0, w0, h0), (x1, y1, w1, h1) in itertools.combinations(rects, 2):
        assert x0 + w0 < x1 or x1 + w1 < x0 or y0 + h0 < y1 or y1 + h1 < y0
    boxes = rects[: len(diagram.boxes)]
    for path in root.findall(f"{SVG}path"):
        for x, top, bottom in _upright(path.get("d", "")):
            assert not any(left < x < left + w and upper < bottom and top < upper + h for left, upper, w, h in boxes)
    middles = [rect[0] + rect[2] / 2 for rect in rects[: len(diagram.boxes)]]
    for wire in diagram.wires:
        if len(wire.targets) == 1 and wire.targets[0] == wire.source + 1 and wire.blob not in ("label", "fc6"):
            assert middles[wire.source] == pytest.approx(middles[wire.source + 1], abs=0.2), wire.blob


def test_random_graphs_are_laid_out_without_overlap() -> None:
    generator = random.Random(5)
    for count in range(1, 30):
        edges = sorted(
            {
                (generator.randrange(target), target)
                for target in range(1, count)
                for _ in range(generator.randint(0, 3))
            }
        )
        sizes = [(generator.uniform(10, 200), generator.uniform(10, 40)) for _ in range(count)]
        layout = layered(sizes, edges, 20, 10)
        frames = [(x, y, *size) for x, y, size in zip(layout.x, layout.y, sizes, strict=False)]
        for (x0, y0, w0, h0), (x1, y1, w1, h1) in itertools.combinations(frames, 2):
            assert abs(x0 - x1) > (w0 + w1) / 2 - 1e-6 or abs(y0 - y1) > (h0 + h1) / 2 - 1e-6
        for path, (source, target) in zip(layout.paths, edges, strict=True):
            assert (path[0], path[-1]) == (source, target)
            assert all(layout.y[a] < layout.y[b] for a, b in itertools.pairwise(path))
        assert min(x - width / 2 for x, _, width, _ in frames) >= 0
        assert max(x + width / 2 for x, _, width, _ in frames) <= layout.width + 1e-6
        assert max(y + height / 2 for _, y, _, height in frames) <= layout.height + 1e-6


def test_crossings_are_undone() -> None:
    graph = ranked(6, [(0, 3), (0, 4), (1, 5), (2, 3)])
    lower = {node: index for index, node in enumerate(graph.rows[1])}
    ends = [sorted(lower[target] for target in graph.below[node]) for node in graph.rows[0]]
    flat = [end for part in ends for end in part]
    assert flat == sorted(flat)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('type: "Convolution" convolution_param { num_output: 8 kernel_h: 1 kernel_w: 7 pad_h: 0 pad_w: 3 group: 2 }',
         "Convolution 8, 1x7, pad 0x3, 2 groups"),
        ('type: "Deconvolution" convolution_param { num_output: 8 kernel_size: 4 stride: 2 }',
         "Deconvolution 8, 4x4, stride 2"),
        ('type: "Pooling" pooling_param { pool: AVE global_pooling: true }', "AVE pooling, global"),
        ('type: "Pooling" pooling_param { kernel_size: 3 stride: 2 }', "MAX pooling 3x3, stride 2"),
        ('type: "Dropout" dropout_param { dropout_ratio: 0.4 }', "Dropout 0.4"),
        ('type: "LRN"', "LRN 5"),
        ('type: "MarginInnerProduct" margin_inner_product_param { num_output: 9 }', "MarginInnerProduct 9"),
        ('type: "ReLU"', "ReLU"),
    ],
)  # fmt: skip
def test_layers_in_a_few_words(text: str, words: str) -> None:
    from google.protobuf import text_format

    assert layer_text(text_format.Parse(text, pb.LayerParameter())) == words


def test_every_net_of_the_corpus_can_be_drawn(shared: Path) -> None:
    for file in sorted((shared / "corpus").glob("*.prototxt")):
        root = ElementTree.fromstring(as_svg(_diagram(file, pb.TEST)))
        width, height = float(root.get("width", 0)), float(root.get("height", 0))
        assert re.fullmatch(r"-14 -14 \d+ \d+", root.get("viewBox", ""))
        assert 200 < width < 1500 < 10 * height, file
