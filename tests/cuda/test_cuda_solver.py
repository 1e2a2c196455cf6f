"""Training on a GPU goes the way that it goes on the CPU: losses, weights, histories, snapshots."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.errors import DivergedError, RunError
from netcli.prototxt import SolverSource
from netcli.solver import Solver, events

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
        shape { dim: 3 dim: 2 dim: 4 dim: 4 } shape { dim: 3 }
        data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
        convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" dropout_param { dropout_ratio: 0.3 } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
        inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""

RULES = ["SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam", "AdamW"]
_NO_MOMENTUM = ("AdaGrad", "RMSProp")


def make(tmp_path, device: str, settings: str = "", net: str = NET, **options) -> tuple[Solver, list[float]]:
    """A solver and the losses that it will display."""
    text = (
        f'net_param {{ {net} }} base_lr: 0.05 lr_policy: "step" gamma: 0.5 stepsize: 2 max_iter: 6 display: 1 '
        f'random_seed: 3 {settings} snapshot_prefix: "{tmp_path}/{device}"'
    )
    losses: list[float] = []

    def listen(event: events.Event) -> None:
        if isinstance(event, events.Train):
            losses.append(event.loss)

    return Solver(SolverSource.from_text(text), listeners=[listen], device=device, **options), losses


def weights(solver: Solver) -> list[np.ndarray]:
    from netcli.runtime.blob import PLAIN

    return [item.blob.values.read(PLAIN).copy() for item in solver.net.learnable]


def assert_same_course(tmp_path, settings: str = "", iterations: int = 4, **options) -> None:
    cpu, cpu_losses = make(tmp_path, "cpu", settings, **options)
    cuda, cuda_losses = make(tmp_path, "cuda", settings, **options)
    for solver in (cpu, cuda):
        solver.step(iterations)
    np.testing.assert_allclose(cuda_losses, cpu_losses, rtol=1e-4)
    assert len(cpu_losses) == iterations
    for mine, theirs in zip(weights(cuda), weights(cpu), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_trains_as_on_the_cpu(tmp_path, rule):
    momentum = "" if rule in _NO_MOMENTUM else "momentum: 0.9"
    assert_same_course(tmp_path, f'type: "{rule}" {momentum} weight_decay: 0.01')


def test_passes_add_up_and_gradients_are_clipped(tmp_path):
    assert_same_course(tmp_path, "iter_size: 2 momentum: 0.9 clip_gradients: 0.5 weight_decay: 0.1", iterations=3)


def test_l1_regularisation(tmp_path):
    assert_same_course(tmp_path, 'regularization_type: "L1" weight_decay: 0.1 momentum: 0.5', iterations=3)


def test_frozen_layers_stay(tmp_path):
    solver, _ = make(tmp_path, "cuda", "momentum: 0.9 weight_decay: 0.1", freeze=["conv"])
    before = weights(solver)
    solver.step(2)
    after = weights(solver)
    assert all((a == b).all() for a, b in zip(before[:2], after[:2], strict=True))
    assert not (before[2] == after[2]).all()


def test_a_run_that_goes_on_from_a_snapshot_is_the_run_that_was_not_interrupted(tmp_path):
    settings = "momentum: 0.9 weight_decay: 0.01"
    through, expected = make(tmp_path, "cuda", settings)
    through.step(2)
    state = through.snapshot()
    through.step(2)
    resumed, losses = make(tmp_path, "cuda", settings)
    resumed.restore(state)
    resumed.step(2)
    assert losses == expected[2:]
    for mine, theirs in zip(weights(resumed), weights(through), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_state_of_the_gpu_goes_on_on_the_cpu(tmp_path):
    settings = 'type: "Adam" momentum: 0.9 momentum2: 0.99'
    cuda, expected = make(tmp_path, "cuda", settings)
    cuda.step(2)
    state = cuda.snapshot()
    cuda.step(2)
    cpu, losses = make(tmp_path, "cpu", settings)
    cpu.restore(state)
    cpu.step(2)
    np.testing.assert_allclose(losses, expected[2:], rtol=1e-4)


MARGIN = NET.replace(
    'type: "InnerProduct" bottom: "conv"', 'type: "MarginInnerProduct" bottom: "conv" bottom: "label"'
).replace(
    "inner_product_param {", "margin_inner_product_param { type: QUADRUPLE base: 20 gamma: 0.5 power: 1 lambda_min: 1 "
)


@pytest.mark.parametrize("net", [NET, MARGIN], ids=["plain", "margin"])
def test_iterations_as_a_graph_are_the_iterations_step_by_step(tmp_path, net):
    """Rates, the key of dropout, lambda and Adam's correction change under a graph."""
    settings = 'type: "Adam" momentum: 0.9 momentum2: 0.99 weight_decay: 0.01'
    graph, losses = make(tmp_path, "cuda", settings, net)
    steps, expected = make(tmp_path, "cuda", settings, net)
    steps._course.not_captured = "to compare"
    for solver in (graph, steps):
        solver.step(8)
    assert graph._course.is_captured
    assert not steps._course.is_captured
    assert losses == expected
    for mine, theirs in zip(weights(graph), weights(steps), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_weights_that_a_user_changes_are_those_that_a_graph_goes_on_with(tmp_path):
    from netcli.runtime.blob import PLAIN

    graph, losses = make(tmp_path, "cuda")
    steps, expected = make(tmp_path, "cuda")
    steps._course.not_captured = "to compare"
    for solver in (graph, steps):
        solver.step(6)
        for item in solver.net.learnable:
            item.blob.values.write(PLAIN).fill(0.125)
        solver.step(2)
    assert graph._course.is_captured
    assert losses == expected


def test_losses_are_read_when_they_are_displayed(tmp_path, monkeypatch):
    from netcli.runtime.cuda.memory import DeviceArray

    solver, losses = make(tmp_path, "cuda", "average_loss: 3")
    solver.param.display = 4
    solver.step(7)
    copies = []
    copy = DeviceArray.copy_to_host
    monkeypatch.setattr(DeviceArray, "copy_to_host", lambda self, array: (copies.append(1), copy(self, array))[1])
    solver._iterate()
    assert not copies
    solver._iterate()
    assert copies
    assert len(losses) == 3


@pytest.mark.filterwarnings("ignore:.*encountered in scalar:RuntimeWarning")
def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    solver, _ = make(tmp_path, "cuda", "momentum: 0.9")
    solver.param.display = 0
    solver.param.base_lr = 1e30
    solver.learning_rate = lambda iteration: 1e30
    with pytest.raises(DivergedError):
        solver.step(4)


def test_a_net_with_a_layer_on_the_cpu_trains_too(tmp_path):
    pyramid = 'layer { name: "spp" type: "SPP" bottom: "conv" top: "spp" spp_param { pyramid_height: 2 } }'
    net = NET.replace('bottom: "conv" top: "ip"', 'bottom: "spp" top: "ip"').replace(
        'layer { name: "ip"', f'{pyramid}\nlayer {{ name: "ip"'
    )
    assert_same_course(tmp_path, "momentum: 0.9", net=net, iterations=5)
    solver, _ = make(tmp_path, "cuda", net=net)
    assert solver.net.cuda.on_cpu == ["spp"]
    assert solver._course.not_captured == "on the CPU: spp"


def test_a_parameter_shared_in_two_shapes_is_refused(tmp_path):
    layer = (
        'layer {{ name: "{0}" type: "InnerProduct" bottom: "{1}" top: "{0}" '
        'param {{ name: "w" share_mode: PERMISSIVE }} '
        "inner_product_param {{ num_output: {2} bias_term: false }} }}"
    )
    data = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
    loss = 'layer { name: "loss" type: "EuclideanLoss" bottom: "c" bottom: "x" top: "loss" }'
    net = f"{data} {layer.format('b', 'x', 2)} {layer.format('c', 'b', 3)} {loss}"
    make(tmp_path, "cpu", net=net)
    with pytest.raises(RunError, match="NC519"):
        make(tmp_path, "cuda", net=net)
