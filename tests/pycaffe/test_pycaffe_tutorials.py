"""What pycaffe's users write: the steps of the well-known tutorials, on small data and small nets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pycaffe_nets import write

import netcli.pycaffe as caffe
from netcli.data.lmdb_writer import LmdbWriter

LENET = """
name: "LeNet"
layer {{
  name: "data" type: "Data" top: "data" top: "label"
  transform_param {{ scale: 0.00392156862745098 }}
  data_param {{ source: "{folder}/stripes_lmdb" batch_size: 16 backend: LMDB }}
}}
layer {{
  name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {{ num_output: 8 kernel_size: 5 weight_filler {{ type: "xavier" }} }}
}}
layer {{
  name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }}
}}
layer {{
  name: "fc1" type: "InnerProduct" bottom: "pool1" top: "fc1"
  inner_product_param {{ num_output: 20 weight_filler {{ type: "xavier" }} }}
}}
layer {{ name: "relu1" type: "ReLU" bottom: "fc1" top: "fc1" }}
layer {{
  name: "score" type: "InnerProduct" bottom: "fc1" top: "score"
  inner_product_param {{ num_output: 4 weight_filler {{ type: "xavier" }} }}
}}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss" }}
"""

LENET_SOLVER = """
train_net: "lenet_train.prototxt"
test_net: "lenet_test.prototxt"
test_iter: 4
test_interval: 500
test_initialization: false
base_lr: 0.05
momentum: 0.9
weight_decay: 0.0005
lr_policy: "inv"
gamma: 0.0001
power: 0.75
max_iter: 100
random_seed: 1
snapshot_prefix: "lenet"
"""

CONVOLUTIONAL_HEAD = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 20 dim: 20 } } }
layer {
  name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 5 }
}
layer {
  name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 }
}
"""
FULLY_CONNECTED = (
    CONVOLUTIONAL_HEAD
    + """
layer { name: "fc1" type: "InnerProduct" bottom: "pool1" top: "fc1" inner_product_param { num_output: 20 } }
layer { name: "relu1" type: "ReLU" bottom: "fc1" top: "fc1" }
layer { name: "score" type: "InnerProduct" bottom: "fc1" top: "score" inner_product_param { num_output: 4 } }
layer { name: "prob" type: "Softmax" bottom: "score" top: "prob" }
"""
)
FULLY_CONVOLUTIONAL = (
    CONVOLUTIONAL_HEAD
    + """
layer {
  name: "fc1-conv" type: "Convolution" bottom: "pool1" top: "fc1-conv"
  convolution_param { num_output: 20 kernel_size: 8 }
}
layer { name: "relu1" type: "ReLU" bottom: "fc1-conv" top: "fc1-conv" }
layer {
  name: "score-conv" type: "Convolution" bottom: "fc1-conv" top: "score-conv"
  convolution_param { num_output: 4 kernel_size: 1 }
}
layer { name: "prob" type: "Softmax" bottom: "score-conv" top: "prob" }
"""
)


def stripes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey images (count, 1, 20, 20) uint8 of stripes in one of four directions, and which one it is."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:20, :20]
    labels = rng.integers(0, 4, count)
    angles = labels * np.pi / 4
    phases = rng.uniform(0, 2 * np.pi, count)
    waves = np.cos(angles)[:, None, None] * x + np.sin(angles)[:, None, None] * y + phases[:, None, None]
    noise = rng.normal(0, 25, (count, 20, 20))
    return np.clip(127 + 90 * np.sin(waves) + noise, 0, 255).astype(np.uint8)[:, None], labels


@pytest.fixture
def lenet_solver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    images, labels = stripes(64)
    with LmdbWriter(tmp_path / "stripes_lmdb") as writer:
        for image, label in zip(images, labels, strict=True):
            writer.add(image, int(label))
    for phase in ("train", "test"):
        write(tmp_path, f"lenet_{phase}.prototxt", LENET.format(folder=tmp_path))
    return write(tmp_path, "lenet_solver.prototxt", LENET_SOLVER)


def test_learning_lenet(lenet_solver):
    caffe.set_mode_cpu()
    solver = caffe.SGDSolver(lenet_solver)
    shapes = [(k, v.data.shape) for k, v in solver.net.blobs.items()]
    assert shapes == [
        ("data", (16, 1, 20, 20)),
        ("label", (16,)),
        ("conv1", (16, 8, 16, 16)),
        ("pool1", (16, 8, 8, 8)),
        ("fc1", (16, 20)),
        ("score", (16, 4)),
        ("loss", ()),
    ]
    assert [(k, v[0].data.shape, v[1].data.shape) for k, v in solver.net.params.items()] == [
        ("conv1", (8, 1, 5, 5), (8,)),
        ("fc1", (20, 512), (20,)),
        ("score", (4, 20), (4,)),
    ]

    assert set(solver.net.forward()) == {"loss"}
    solver.test_nets[0].forward()
    images, labels = stripes(64)
    tiled = solver.net.blobs["data"].data[:8, 0].transpose(1, 0, 2).reshape(20, 8 * 20)
    wanted = images[:8, 0].transpose(1, 0, 2).reshape(20, 160) / 255
    np.testing.assert_allclose(tiled, wanted, atol=1e-5)
    np.testing.assert_array_equal(solver.net.blobs["label"].data[:8], labels[:8])
    np.testing.assert_array_equal(solver.test_nets[0].blobs["label"].data[:8], labels[:8])

    solver.step(1)
    filters = solver.net.params["conv1"][0].diff[:, 0].reshape(2, 4, 5, 5).transpose(0, 2, 1, 3).reshape(10, 20)
    assert np.abs(filters).max() > 0

    niter, test_interval = 60, 20
    train_loss = np.zeros(niter)
    test_acc = np.zeros(int(np.ceil(niter / test_interval)))
    output = np.zeros((niter, 8, 4))
    for it in range(niter):
        solver.step(1)
        train_loss[it] = solver.net.blobs["loss"].data
        solver.test_nets[0].forward(start="conv1")
        output[it] = solver.test_nets[0].blobs["score"].data[:8]
        if it % test_interval == 0:
            correct = 0
            for _ in range(4):
                solver.test_nets[0].forward()
                correct += sum(
                    solver.test_nets[0].blobs["score"].data.argmax(1) == solver.test_nets[0].blobs["label"].data
                )
            test_acc[it // test_interval] = correct / 64
    assert train_loss[-10:].mean() < train_loss[:5].mean() / 4
    assert test_acc[-1] > 0.9
    assert np.abs(output[-1] - output[0]).max() > 1


def test_the_same_batch_stays_until_the_data_layer_runs_again(lenet_solver):
    solver = caffe.SGDSolver(lenet_solver)
    net = solver.net
    net.forward()
    held = net.blobs["data"].data
    batch = held.copy()
    net.forward(start="conv1")
    np.testing.assert_array_equal(held, batch)
    net.forward()
    assert np.abs(held - batch).max() > 0.1


def test_classification_with_a_deployed_net(lenet_solver, tmp_path):
    solver = caffe.SGDSolver(lenet_solver)
    solver.step(60)
    solver.net.save("trained.caffemodel")
    net = caffe.Net(write(tmp_path, "deploy.prototxt", FULLY_CONNECTED), "trained.caffemodel", caffe.TEST)
    images, labels = stripes(64)
    net.blobs["data"].reshape(10, 1, 20, 20)
    net.blobs["data"].data[...] = images[:10] / 255
    output = net.forward()
    assert output["prob"].shape == (10, 4)
    assert (output["prob"].argmax(axis=1) == labels[:10]).mean() >= 0.9

    net.blobs["data"].reshape(1, 1, 20, 20)
    net.reshape()
    net.blobs["data"].data[...] = images[0] / 255
    assert net.forward()["prob"][0].argmax() == output["prob"][0].argmax()

    everything = net.forward_all(data=images / 255, blobs=["fc1"])
    assert everything["fc1"].shape == (64, 20)
    assert (everything["prob"].argmax(axis=1) == labels).mean() > 0.9

    feature = net.blobs["conv1"].data[0, :4]
    assert feature.shape == (4, 16, 16)
    weight = net.params["conv1"][0].data
    assert weight.transpose(0, 2, 3, 1).shape == (8, 5, 5, 1)
    for name, blob in net.blobs.items():
        assert str(blob.data.shape) == str(tuple(blob.shape)), name


def test_net_surgery_makes_a_classifier_a_detector(tmp_path):
    caffe.set_random_seed(1)
    net = caffe.Net(write(tmp_path, "fc.prototxt", FULLY_CONNECTED), caffe.TEST)
    rng = np.random.default_rng(2)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = rng.normal(0, 0.2, blob.data.shape)
    net.save(str(tmp_path / "fc.caffemodel"))

    params = ["fc1", "score"]
    fc_params = {pr: (net.params[pr][0].data, net.params[pr][1].data) for pr in params}
    net_full_conv = caffe.Net(
        write(tmp_path, "full_conv.prototxt", FULLY_CONVOLUTIONAL), str(tmp_path / "fc.caffemodel"), caffe.TEST
    )
    params_full_conv = ["fc1-conv", "score-conv"]
    conv_params = {pr: (net_full_conv.params[pr][0].data, net_full_conv.params[pr][1].data) for pr in params_full_conv}
    for pr, pr_conv in zip(params, params_full_conv, strict=True):
        conv_params[pr_conv][0].flat = fc_params[pr][0].flat
        conv_params[pr_conv][1][...] = fc_params[pr][1]
    net_full_conv.save(str(tmp_path / "full_conv.caffemodel"))

    image = rng.uniform(0, 1, (1, 1, 28, 28)).astype(np.float32)
    net_full_conv.blobs["data"].reshape(*image.shape)
    dense = net_full_conv.forward(data=image)["prob"]
    assert dense.shape == (1, 4, 5, 5)
    for i, j in ((0, 0), (0, 4), (2, 3), (4, 4)):
        window = image[:, :, 2 * i : 2 * i + 20, 2 * j : 2 * j + 20]
        np.testing.assert_allclose(dense[0, :, i, j], net.forward(data=window)["prob"][0], rtol=1e-4, atol=1e-6)

    again = caffe.Net(str(tmp_path / "full_conv.prototxt"), caffe.TEST, weights=str(tmp_path / "full_conv.caffemodel"))
    again.blobs["data"].reshape(*image.shape)
    np.testing.assert_array_equal(again.forward(data=image)["prob"], dense)


def test_editing_filters_by_hand(tmp_path):
    net = caffe.Net(write(tmp_path, "fc.prototxt", FULLY_CONNECTED), caffe.TEST)
    filters = net.params["conv1"][0].data
    im_input = np.random.default_rng(0).uniform(0, 1, (1, 1, 20, 20))
    net.blobs["data"].data[...] = im_input
    filters[...] = 0
    filters[0, 0, 2, 2] = 1
    net.params["conv1"][1].data[0] = 1.0
    net.forward()
    np.testing.assert_allclose(net.blobs["conv1"].data[0, 0], 1 + im_input[0, 0, 2:-2, 2:-2], rtol=1e-5)
    assert not net.blobs["conv1"].data[0, 1].any()
    filters[1, 0, 1:4, 1:4] = 1 / 9
    net.forward()
    blurred = np.lib.stride_tricks.sliding_window_view(im_input[0, 0, 1:-1, 1:-1], (3, 3)).mean(axis=(2, 3))
    np.testing.assert_allclose(net.blobs["conv1"].data[0, 1], blurred, rtol=1e-4)


def test_gradient_of_a_class_score_by_the_image(tmp_path):
    """Saliency: backward from one class, as net.backward(prob=...) on a deployed net with force_backward."""
    net = caffe.Net(write(tmp_path, "fc.prototxt", "force_backward: true\n" + FULLY_CONNECTED), caffe.TEST)
    rng = np.random.default_rng(3)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = rng.normal(0, 0.2, blob.data.shape)
    image = rng.uniform(0, 1, (1, 1, 20, 20)).astype(np.float32)
    net.forward(data=image)
    caffe_label = net.blobs["prob"].data[0].argmax()
    diff = np.zeros_like(net.blobs["prob"].data)
    diff[0, caffe_label] = 1
    saliency = net.backward(prob=diff)["data"][0, 0].copy()

    flat = np.argsort(-np.abs(saliency).ravel())[:3]
    step = 1e-2
    for index in flat:
        moved = []
        for sign in (1, -1):
            shifted = image.copy()
            shifted.reshape(-1)[index] += sign * step
            moved.append(net.forward(data=shifted)["prob"][0, caffe_label].astype(np.float64))
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(saliency.ravel()[index], rel=0.05, abs=1e-3)
