"""Who runs backward: Caffe's rules."""

from net_texts import graph_of, input_layer

from netcli.schema import caffe_pb2 as pb

DATA = input_layer("x", 4, 6) + input_layer("label", 4)


def ip(name, bottom, extra=""):
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" {extra}'
        " inner_product_param { num_output: 5 } }\n"
    )


def loss(bottom, extra=""):
    return f'layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "{bottom}" bottom: "label" top: "loss" {extra} }}\n'


def plan(text):
    return {step.name: (step.needs_backward, step.propagate_down) for step in graph_of(text).steps}


def test_a_chain_learns_down_to_the_first_parameters():
    assert plan(DATA + ip("a", "x") + ip("b", "a") + loss("b")) == {
        "x": (False, []),
        "label": (False, []),
        "a": (True, [False]),
        "b": (True, [True]),
        "loss": (True, [True, False]),
    }


def test_frozen_layers_below_are_pruned():
    frozen = "param { lr_mult: 0 } param { lr_mult: 0 }"
    result = plan(DATA + ip("a", "x", frozen) + ip("b", "a") + loss("b"))
    assert result["a"] == (False, [False])
    assert result["b"] == (True, [False])


def test_frozen_layers_above_learning_ones_pass_gradients():
    frozen = "param { lr_mult: 0 } param { lr_mult: 0 }"
    graph = graph_of(DATA + ip("a", "x") + ip("b", "a", frozen) + loss("b"))
    step = next(step for step in graph.steps if step.name == "b")
    assert step.needs_backward
    assert step.propagate_down == [True]
    assert step.layer.trains == [False, False]


def test_a_branch_that_leads_to_no_loss_stays_out():
    result = plan(DATA + ip("a", "x") + ip("b", "a") + ip("idle", "a") + loss("b"))
    assert result["idle"] == (False, [False])
    assert result["a"] == (True, [False])
    assert result["a_a_0_split"] == (True, [True])


def test_propagate_down_false_cuts_everything_below():
    result = plan(DATA + ip("a", "x") + ip("b", "a", "propagate_down: false") + loss("b"))
    assert result["b"] == (True, [False])
    assert result["a"] == (False, [False])


def test_without_a_loss_nothing_runs_backward():
    assert not any(needs for needs, _ in plan(DATA + ip("a", "x")).values())


def test_force_backward_reaches_data_but_not_labels():
    result = plan("force_backward: true\n" + DATA + ip("a", "x") + loss("a"))
    assert result["a"] == (True, [True])
    assert result["loss"] == (True, [True, False])


def test_a_loss_weight_makes_a_loss_of_any_layer():
    assert plan(DATA + ip("a", "x", "loss_weight: 1"))["a"] == (True, [False])


def test_the_phase_comes_from_the_net_unless_given():
    text = "state { phase: TRAIN }\n" + DATA
    assert graph_of(text, phase=None).context.phase == pb.TRAIN
    assert graph_of(DATA, phase=None).context.phase == pb.TEST
