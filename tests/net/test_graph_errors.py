"""Whatever is wrong with a graph is named, all of it, at its place."""

import pytest
from net_texts import graph_of, input_layer

from netcli.errors import ConfigError
from netcli.schema import caffe_pb2 as pb

X = input_layer("x", 4, 6)
LABEL = input_layer("label", 4)


def ip(name, bottom, top=None, extra="", outputs=5):
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top or name}" {extra}'
        f" inner_product_param {{ num_output: {outputs} }} }}\n"
    )


def findings_of(text, **keywords):
    with pytest.raises(ConfigError) as caught:
        graph_of(text, **keywords)
    return caught.value.findings


def only(text, **keywords):
    findings = findings_of(text, **keywords)
    assert len(findings) == 1, [str(f) for f in findings]
    return str(findings[0])


def test_unknown_type():
    assert only(X + 'layer { name: "a" type: "InnerProdct" bottom: "x" top: "a" }') == (
        "net.prototxt:2:25: layer 'a': unknown layer type 'InnerProdct'. hint: did you mean 'InnerProduct'? [NC101]"
    )


def test_missing_type():
    assert "the layer has no type" in only(X + 'layer { name: "a" bottom: "x" top: "a" }')


def test_unknown_bottom_names_the_nearest():
    assert only(input_layer("features", 4, 6) + ip("a", "featuers")) == (
        "net.prototxt:2:48: layer 'a' (InnerProduct): unknown bottom 'featuers'. hint: did you mean 'features'? [NC104]"
    )


def test_unknown_bottom_lists_what_there_is():
    text = X + ip("a", "x") + 'layer { name: "s" type: "Silence" bottom: "a" }' + ip("b", "qqqq")
    assert only(text).endswith("unknown bottom 'qqqq'. hint: known so far: x, a [NC104]")


def test_unknown_bottom_like_nothing_is_probably_what_nobody_reads():
    finding = findings_of(X + ip("a", "qqqq"))[0]
    assert (finding.hint, finding.suggestion) == ("nothing reads 'x': was that meant?", "x")


def test_of_two_near_names_the_one_that_nobody_reads_is_meant():
    finding = findings_of(X + ip("a1", "x") + ip("a2", "a1") + ip("c", "a2") + ip("a3", "x") + ip("b", "a"))[0]
    assert finding.suggestion == "a3"


def test_bottom_made_further_down():
    text = X + ip("a", "b") + ip("b", "x")
    assert "bottom 'b' is produced only further down. hint: move the layer that makes it up" in only(text)


def test_cycle():
    findings = findings_of(X + ip("a", "c") + ip("b", "a") + ip("c", "b"))
    assert [f.code for f in findings] == ["NC106"]
    assert "wait for each other" in str(findings[0])


def test_layer_that_reads_its_own_top_only():
    assert "[NC106]" in only(X + ip("a", "a"))


def test_top_made_twice():
    assert "top 'a' is already made by layer 'a'. hint: give it a name of its own, such as 'b' [NC105]" in only(
        X + ip("a", "x") + ip("b", "x", top="a")
    )


def test_top_made_twice_whose_own_name_is_read():
    """One finding for the one mistake: the layer that reads ``b`` is not to blame."""
    message = only(X + ip("a", "x") + ip("bb", "a", top="a2") + ip("b_", "a2", top="a") + ip("c", "b"))
    assert "'b', which no layer makes, is read further down: was that meant? [NC105]" in message


def test_in_place_where_impossible():
    assert "InnerProduct cannot work in place" in only(X + ip("a", "x", top="x"))


def test_wrong_number_of_bottoms_and_tops():
    assert "wrong number of bottoms, expected 2, actual 1 (x). hint: the label is missing: no layer" in only(
        X + 'layer { name: "l" type: "Accuracy" bottom: "x" top: "l" }'
    )
    assert 'actual 1 (x). hint: the label is missing: add bottom: "label" [NC102]' in only(
        X + LABEL + 'layer { name: "l" type: "Accuracy" bottom: "x" top: "l" }'
    )
    message = only(X + 'layer { name: "a" type: "ReLU" bottom: "x" top: "a" top: "b" }')
    assert message.startswith("net.prototxt:2:58: ")
    assert "wrong number of tops, expected 1, actual 2 (a, b). hint: take 'b' out [NC103]" in message


def test_two_layers_of_one_name():
    findings = findings_of(X + ip("a", "x") + ip("a", "x", top="b"))
    assert [f.code for f in findings] == ["NC108"]
    assert "net.prototxt:2:15" in findings[0].hint


def test_loss_weights_for_some_tops_only():
    text = (
        X
        + LABEL
        + ('layer { name: "l" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "l" top: "p" loss_weight: 1 }')
    )
    assert "expected 2, actual 1 [NC109]" in only(text)


def test_propagate_down_must_fit_the_bottoms():
    assert "expected 1, actual 2 [NC110]" in only(X + ip("a", "x", extra="propagate_down: true propagate_down: false"))
    text = (
        X
        + LABEL
        + (
            'layer { name: "l" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "l"'
            " propagate_down: true propagate_down: true }"
        )
    )
    assert "this bottom cannot get a gradient" in only(text)


def test_too_many_param_entries():
    assert "expected at most 2, actual 3 [NC111]" in only(X + ip("a", "x", extra="param { } param { } param { }"))


def test_shared_parameters_that_disagree():
    shared = 'param { name: "w" } param { name: "b" }'
    assert (
        "expected (5, 6) as in layer 'a', actual (7, 6) [NC112]"
        in findings_of(X + ip("a", "x", extra=shared) + ip("c", "x", extra=shared, outputs=7))[0].__str__()
    )
    assert "has another lr_mult here, expected 1 as in layer 'a', actual 2" in only(
        X + ip("a", "x", extra='param { name: "w" lr_mult: 1 }') + ip("c", "x", extra='param { name: "w" lr_mult: 2 }')
    )


def test_permissive_sharing_needs_the_same_count():
    assert "expected 30 values as in layer 'a' (5, 6)" in only(
        X
        + ip("a", "x", extra='param { name: "w" }')
        + ip("c", "x", outputs=4, extra='param { name: "w" share_mode: PERMISSIVE }')
    )


def test_empty_phase():
    text = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 } } include { phase: TEST } }'
    assert "the net has no layers in phase TRAIN" in only(text, phase=pb.TRAIN)


def test_everything_is_reported_once_and_nothing_that_only_follows():
    text = (
        X
        + 'layer { name: "a" type: "Conv" bottom: "x" top: "a" }\n'
        + ip("b", "a")
        + ip("c", "nowhere")
        + ip("d", "c")
        + 'layer { name: "e" type: "ReLU" bottom: "x" bottom: "d" top: "e" }\n'
    )
    assert [(f.code, f.layer) for f in findings_of(text)] == [("NC101", "a"), ("NC104", "c"), ("NC102", "e")]


def test_an_unknown_filler_is_found_without_filling_anything():
    text = X + (
        'layer { name: "a" type: "InnerProduct" bottom: "x" top: "a"'
        ' inner_product_param { num_output: 2 weight_filler { type: "xaviar" } } }'
    )
    assert "net.prototxt:2:119: layer 'a': unknown filler, expected one of" in only(text)
    assert only(text).endswith("actual 'xaviar'. hint: did you mean 'xavier'? [NC127]")
