"""Every field's place is known, through lists, comments, CRLF, BOM and upgrades."""

from __future__ import annotations

from netcli.errors import Place
from netcli.prototxt import NetSource, Node, parse_text
from netcli.prototxt.nodes import SourceText
from netcli.schema import caffe_pb2 as pb

TEXT = """# a net
name: "net"
layer {
  name: "conv" # ends here }
  top: ["a",
        "b"]
  convolution_param {
    kernel_size: 3
    kernel_size: 5
  }
}
layer { name: "relu" }
"""


def tree(text: str) -> Node:
    return parse_text(text, pb.NetParameter, "f")[1]


def at(line: int, column: int) -> Place:
    return Place("f", line, column)


def test_names_and_values() -> None:
    root = tree(TEXT)
    assert root.place == Place("f")
    assert root.value_place is None
    assert root.find("name").place == at(2, 1)
    assert root.find("name").value_place == at(2, 7)
    assert root.find("layer", 0).place == at(3, 1)
    assert root.find("layer", 0).value_place is None
    assert root.find("layer", 1, "name").value_place == at(12, 15)


def test_lists_and_repeated_fields() -> None:
    layer = tree(TEXT).find("layer", 0)
    assert [node.value_place for node in layer.children["top"]] == [at(5, 9), at(6, 9)]
    assert [node.place for node in layer.children["top"]] == [at(5, 3), at(5, 3)]
    assert layer.find("convolution_param", "kernel_size", 1).place == at(9, 5)
    assert layer.find("convolution_param", 0, "kernel_size", 0).value_place == at(8, 18)


def test_the_nearest_ancestor_stands_for_what_is_not_there() -> None:
    root = tree(TEXT)
    assert root.find("layer", 0, "convolution_param", "stride", 0).place == at(7, 3)
    assert root.find("layer", 0, "convolution_param", "kernel_size", 2).place == at(7, 3)
    assert root.find("layer", 7, "name").place == Place("f")
    assert root.find("state", "phase").place == Place("f")


def test_crlf_tabs_and_byte_order_mark() -> None:
    root = tree('\ufeffname: "x"\r\n\tlayer {\r\n\t\tname: "y" }\r\n')
    assert root.find("name").place == at(1, 1)
    assert root.find("layer").place == at(2, 2)
    assert root.find("layer", "name").value_place == at(3, 9)


def test_lists_of_messages() -> None:
    root = tree("input_shape: [{ dim: 1 },\n { dim: [2, 3] }]")
    assert root.find("input_shape", 1, "dim", 1).value_place == at(2, 13)


def test_layers_and_their_places() -> None:
    net = NetSource.from_text(TEXT, "f")
    conv, relu = net.layers()
    assert conv.place() == at(3, 1)
    assert conv.place("name") == at(4, 9)
    assert conv.place("convolution_param", "kernel_size", 1) == at(9, 18)
    assert conv.place("convolution_param", "pad") == at(7, 3)
    assert conv.place("type") == at(3, 1)
    assert relu.place() == at(12, 1)
    assert net.place("name") == at(2, 7)


def test_a_message_without_text_has_no_places() -> None:
    net = NetSource.from_message(pb.NetParameter(layer=[pb.LayerParameter(name="x")]))
    assert net.place("name") is None
    assert net.layers()[0].place("name") is None
    assert NetSource.from_message(pb.NetParameter(), "w.caffemodel").place("name") == Place("w.caffemodel")


def test_the_last_offset_of_a_text() -> None:
    assert SourceText("a\nb", "f").place(3) == at(2, 2)
    assert SourceText("", "f").place(0) == at(1, 1)


def test_copies_leave_the_original_alone() -> None:
    root = tree(TEXT)
    copy = root.with_children("layer", [])
    assert "layer" not in copy.children
    assert len(root.children["layer"]) == 2
    assert root.find("layer").twin().children == {}
