"""The PyTorch side of the benchmark computes what netcli does: loss, outputs and all gradients."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is for benchmarks only")

from torch_layer_times import layer_times  # noqa: E402
from torch_nets import TorchNet, Untranslated  # noqa: E402

from netcli.net import Net  # noqa: E402
from netcli.prototxt import NetSource  # noqa: E402
from netcli.runtime.blob import PLAIN  # noqa: E402
from netcli.schema import caffe_pb2 as pb  # noqa: E402

INPUTS = """
layer { name: "input" type: "Input" top: "data" top: "label"
  input_param { shape { dim: 3 dim: 4 dim: 9 dim: 8 } shape { dim: 3 } } }
"""
FILLED = 'weight_filler { type: "gaussian" std: 0.2 } bias_filler { type: "uniform" }'

WINDOWS = f"""{INPUTS}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv" param {{ lr_mult: 1 }} param {{ lr_mult: 0 }}
  convolution_param {{ num_output: 6 kernel_h: 3 kernel_w: 2 stride: 1 pad: 1 dilation: 1 group: 2 {FILLED} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "max" type: "Pooling" bottom: "conv" top: "max" pooling_param {{ kernel_size: 3 stride: 2 pad: 1 }} }}
layer {{ name: "norm" type: "LRN" bottom: "max" top: "norm" lrn_param {{ local_size: 3 alpha: 0.5 beta: 0.75 k: 2 }} }}
layer {{ name: "mean" type: "Pooling" bottom: "conv" top: "mean"
  pooling_param {{ pool: AVE kernel_size: 3 stride: 2 pad: 1 }} }}
layer {{ name: "both" type: "Concat" bottom: "norm" bottom: "mean" top: "both" }}
layer {{ name: "wide" type: "Convolution" bottom: "both" top: "wide"
  convolution_param {{ num_output: 4 kernel_size: 2 dilation: 2 {FILLED} }} }}
layer {{ name: "leaky" type: "ReLU" bottom: "wide" top: "leaky" relu_param {{ negative_slope: 0.1 }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "leaky" top: "ip" inner_product_param {{ num_output: 5 {FILLED} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" loss_weight: 2 }}
"""

RESIDUAL = f"""{INPUTS}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 4 kernel_size: 3 pad: 1 bias_term: false {FILLED} }} }}
layer {{ name: "norm" type: "BatchNorm" bottom: "conv" top: "conv" }}
layer {{ name: "scale" type: "Scale" bottom: "conv" top: "conv"
  scale_param {{ bias_term: true filler {{ type: "uniform" }} bias_filler {{ type: "uniform" }} }} }}
layer {{ name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }}
layer {{ name: "sum" type: "Eltwise" bottom: "conv" bottom: "data" top: "sum" }}
layer {{ name: "relu" type: "ReLU" bottom: "sum" top: "sum" }}
layer {{ name: "conv2" type: "Convolution" bottom: "sum" top: "conv2"
  convolution_param {{ num_output: 4 kernel_size: 1 {FILLED} }} }}
layer {{ name: "sum2" type: "Eltwise" bottom: "sum" bottom: "conv2" top: "sum2"
  eltwise_param {{ coeff: 1 coeff: -2 }} }}
layer {{ name: "max" type: "Eltwise" bottom: "sum2" bottom: "conv2" top: "max" eltwise_param {{ operation: MAX }} }}
layer {{ name: "pool" type: "Pooling" bottom: "max" top: "pool" pooling_param {{ pool: AVE global_pooling: true }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "pool" top: "ip"
  inner_product_param {{ num_output: 5 transpose: true {FILLED} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""

MARGIN = f"""{INPUTS}
layer {{ name: "features" type: "InnerProduct" bottom: "data" top: "features"
  inner_product_param {{ num_output: 7 {FILLED} }} }}
layer {{ name: "margin" type: "MarginInnerProduct" bottom: "features" bottom: "label" top: "margin" top: "lambda"
  top: "accuracy"
  margin_inner_product_param {{ num_output: 5 type: %s gradient: %s base: 2 gamma: 1 lambda_min: 0.5
    weight_filler {{ type: "gaussian" std: 1 }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "margin" bottom: "label" top: "loss" }}
"""


def both(text: str, phase: int = pb.TRAIN) -> tuple[Net, TorchNet, dict[str, torch.Tensor]]:
    """The two nets, and their inputs, which netcli's has already; they have yet to run."""
    net = Net(NetSource.from_text(text), phase, seed=3)
    rng = np.random.default_rng(5)
    inputs = {"data": rng.standard_normal(net.blobs["data"].shape, np.float32), "label": rng.integers(0, 5, 3)}
    for name, array in inputs.items():
        net.blobs[name].values.write(PLAIN)[...] = array
    weights = {name: [blob.values.read(PLAIN) for blob in params] for name, params in net.params.items()}
    return net, TorchNet(net.graph, weights), {name: torch.from_numpy(array) for name, array in inputs.items()}


def check_gradients(net: Net, module: TorchNet) -> None:
    net.clear_param_diffs()
    net.backward()
    theirs = dict(module.named_parameters())
    for name, params in net.params.items():
        for index, (blob, slot_wanted) in enumerate(zip(params, net.layer(name).trains, strict=True)):
            gradient = theirs[f"{name}[{index}]"].grad if f"{name}[{index}]" in theirs else None
            assert (gradient is not None) == slot_wanted, f"{name}[{index}]"
            if gradient is not None:
                ours = blob.gradients.read(PLAIN)
                np.testing.assert_allclose(ours, gradient, rtol=1e-3, atol=1e-4 * np.abs(ours).max())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "text", [WINDOWS, RESIDUAL, MARGIN % ("TRIPLE", "EXACT")], ids=["windows", "residual", "margin"]
)
def test_loss_and_gradients_are_those_of_netcli(text: str, layout: torch.memory_format) -> None:
    net, module, inputs = both(text)
    module = module.to(memory_format=layout)
    inputs["data"] = inputs["data"].contiguous(memory_format=layout)
    loss = module.loss(inputs)
    loss.backward()
    assert net.forward() == pytest.approx(loss.item(), rel=1e-5)
    check_gradients(net, module)


@pytest.mark.parametrize("margin", ["SINGLE", "DOUBLE", "QUADRUPLE"])
def test_the_authors_margin_gives_the_same_loss_while_lambda_falls(margin: str) -> None:
    net, module, inputs = both(MARGIN % (margin, "REFERENCE"))
    for _ in range(3):
        with torch.no_grad():
            outputs = module(inputs)
        net.forward()
        for name in ("loss", "lambda", "accuracy"):
            np.testing.assert_allclose(net.blobs[name].values.read(PLAIN), outputs[name], rtol=1e-5)


def test_stored_statistics_serve_in_phase_test() -> None:
    text = RESIDUAL.replace(
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }', ""
    )
    net = Net(NetSource.from_text(text), pb.TEST, seed=3)
    rng = np.random.default_rng(7)
    for blob, value in zip(net.params["norm"], (rng.random(4), 1 + rng.random(4), 2), strict=True):
        blob.values.write(PLAIN)[...] = value
    data = rng.standard_normal(net.blobs["data"].shape, np.float32)
    net.blobs["data"].values.write(PLAIN)[...] = data
    weights = {name: [blob.values.read(PLAIN) for blob in params] for name, params in net.params.items()}
    net.forward()
    with torch.inference_mode():
        outputs = TorchNet(net.graph, weights)({"data": torch.from_numpy(data), "label": torch.zeros(3)})
    np.testing.assert_allclose(net.blobs["ip"].values.read(PLAIN), outputs["ip"], rtol=1e-4, atol=1e-5)


def test_an_update_is_that_of_the_solver() -> None:
    from netcli.solver.optimizer import Optimizer

    net, module, inputs = both(WINDOWS.replace("param { lr_mult: 0 }", "param { lr_mult: 2 decay_mult: 0 }"))
    ours = Optimizer(pb.SolverParameter(type="SGD", momentum=0.9, weight_decay=0.1), net.learnable, net.context.dtype)
    theirs = module.optimizer(rate=0.05, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        net.clear_param_diffs()
        net.forward()
        net.backward()
        ours.update(0.05, 0)
        theirs.zero_grad()
        module.loss(inputs).backward()
        theirs.step()
    for name, parameter in module.named_parameters():
        layer, _, index = name[:-1].rpartition("[")
        values = net.params[layer][int(index)].values.read(PLAIN)
        np.testing.assert_allclose(values, parameter.detach(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("text", [WINDOWS, RESIDUAL, MARGIN % ("TRIPLE", "REFERENCE")])
def test_each_layer_is_timed_alone(text: str) -> None:
    net, module, inputs = both(text)
    times = {layer["name"]: layer for layer in layer_times(module, inputs, 2, forward_only=False)}
    own = [step.name for step in net.graph.steps if step.bottoms and step.layer.type_name not in ("Split", "Scale")]
    assert list(times) == own
    assert all(layer["forward"] > 0 and layer["backward"] > 0 for layer in times.values())


def test_what_has_no_counterpart_is_named() -> None:
    text = INPUTS + 'layer { name: "odd" type: "MVN" bottom: "data" top: "odd" }'
    with pytest.raises(Untranslated, match=r"layer 'odd' \(MVN\): no counterpart for the type"):
        both(text)
