"""What names alone tell about a net: blobs that nobody reads, blobs that nobody makes."""

from __future__ import annotations

from netcli.net.wiring import Wiring
from netcli.prototxt import NetSource


def wiring(*layers: str) -> Wiring:
    """Layers written as ``name bottom,bottom > top,top``."""
    text = ""
    for layer in layers:
        name, _, blobs = layer.partition(" ")
        bottoms, _, tops = blobs.partition(">")
        text += f'layer {{ name: "{name}" type: "{"Data" if name == "data" else "ReLU"}"'
        text += "".join(f' bottom: "{blob}"' for blob in bottoms.replace(",", " ").split())
        text += "".join(f' top: "{blob}"' for blob in tops.replace(",", " ").split()) + " }\n"
    return Wiring(NetSource.from_text(text).layers())


def test_unread_blobs_come_latest_first_and_in_place_layers_make_a_new_version():
    net = wiring("data >x,label", "a x>a", "relu a>a", "b x>b", "c qq>c")
    assert net.unread_before(4) == ["b", "a", "label"]
    assert net.unread_before(2) == ["label"]


def test_dependence_is_followed_in_any_order():
    net = wiring("a c>a", "b a>b", "c b>c")
    assert net.depends_on("c", 0)
    assert not net.depends_on("nothing", 0)


def test_missing_label_names_the_label_or_where_labels_come_from():
    with_label = wiring("data >x,label", "loss x>loss")
    assert with_label.for_missing_bottoms(1, 1) == (
        'the label is missing: add bottom: "label"',
        'bottom: "label"',
    )
    without = wiring("data >x", "loss x>loss")
    hint, suggestion = without.for_missing_bottoms(1, 1)
    assert suggestion is None
    assert hint == "the label is missing: give the Data layer 'data' a second top, top: \"label\""


def test_missing_bottom_that_is_no_label_names_what_nobody_reads():
    net = wiring("data >x", "a x>a", "b x>b", "sum a>sum")
    assert net.for_missing_bottoms(3, None) == ("blobs that nothing reads: b", 'bottom: "b"')


def test_duplicate_top_is_named_as_the_layer_or_as_what_is_read_later():
    assert wiring("data >x", "a x>a", "b a>a", "c b>c").for_duplicate_top(2, "a")[1] == "b"
    assert wiring("data >x", "a x>a", "b_ a>a", "c b>c").for_duplicate_top(2, "a")[1] == "b"
    assert wiring("data >x", "a x>a", "b a>a").for_duplicate_top(2, "a")[1] == "b"
    assert wiring("data >x", "a x>a", "x a>a").for_duplicate_top(2, "a") == ("give it a name of its own", None)
