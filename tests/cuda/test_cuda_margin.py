"""A small SphereFace net on a GPU: residuals, PReLU, and a lambda that falls from iteration to iteration of a graph."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.prototxt import SolverSource
from netcli.solver import Solver, events

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
        shape { dim: 3 dim: 2 dim: 4 dim: 4 } shape { dim: 3 }
        data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 3 kernel_size: 3 stride: 2 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "prelu1" type: "PReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
        convolution_param { num_output: 3 kernel_size: 3 pad: 1 bias_term: false
                            weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "sum" type: "Eltwise" bottom: "conv1" bottom: "conv2" top: "sum" }
layer { name: "fc5" type: "InnerProduct" bottom: "sum" top: "fc5"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "fc6" type: "%s" bottom: "fc5" bottom: "label" top: "fc6" top: "lambda" %s }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc6" bottom: "label" top: "loss" }
"""
ANNEALED = 'num_output: 7 base: 10 gamma: 0.5 power: 1 lambda_min: 2 weight_filler { type: "xavier" }'
MARGINS = {
    "reference": ("MarginInnerProduct", f"margin_inner_product_param {{ type: QUADRUPLE {ANNEALED} }}"),
    "exact": ("MarginInnerProduct", f"margin_inner_product_param {{ type: TRIPLE gradient: EXACT {ANNEALED} }}"),
    "l_softmax": ("LargeMarginInnerProduct", f"largemargin_inner_product_param {{ type: DOUBLE {ANNEALED} }}"),
    "arcface": ("AngularMargin", f"angular_margin_param {{ type: ARCFACE margin: 0.5 scale: 8 {ANNEALED} }}"),
}


def course(margin: str, device: str, tmp_path) -> tuple[list[float], list[float]]:
    """Losses and lambdas of four iterations."""
    losses, lambdas = [], []

    def listen(event: events.Event) -> None:
        if isinstance(event, events.Train):
            losses.append(event.loss)
            lambdas.extend(event.lambdas.values())

    solver = Solver(
        SolverSource.from_text(
            f"net_param {{ {NET % MARGINS[margin]} }} base_lr: 0.1 lr_policy: 'fixed' momentum: 0.9 display: 1 "
            f"max_iter: 4 random_seed: 3 snapshot_after_train: false snapshot_prefix: '{tmp_path}/model'"
        ),
        listeners=[listen],
        device=device,
    )
    solver.step(4)
    return losses, lambdas


@pytest.mark.parametrize("margin", MARGINS)
def test_a_net_with_a_margin_trains_as_on_the_cpu(margin, tmp_path):
    losses, lambdas = course(margin, "cuda", tmp_path)
    expected_losses, expected_lambdas = course(margin, "cpu", tmp_path)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    np.testing.assert_allclose(lambdas, expected_lambdas, rtol=1e-6)
    assert len(set(lambdas)) == 4
