"""pycaffe's Net: constructors, names, forward, backward, files, and the errors of each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from pycaffe_nets import DEPLOY, TRAIN_TEST, copy_params, image_batch, label_batch, write

import netcli.pycaffe as caffe
from netcli.errors import ConfigError, NetcliError, RunError


def raises(code: str, message: str = ""):
    return pytest.raises(NetcliError, match=rf"(?s){message}.*\[{code}\]")


@pytest.fixture
def net(deploy: str) -> caffe.Net:
    return caffe.Net(deploy, caffe.TEST)


@pytest.mark.parametrize(
    "make",
    [
        lambda f, w: caffe.Net(f, caffe.TEST, weights=w),
        lambda f, w: caffe.Net(f, w, caffe.TEST),
        lambda f, w: caffe.Net(network_file=f, phase=caffe.TEST, weights=w),
        lambda f, w: caffe.Net(f, weights=w, phase=caffe.TEST),
        lambda f, w: caffe.Net(Path(f), Path(w), 1),
        lambda f, w: caffe.Net(f, caffe.TEST, 0, None, w),
    ],
)
def test_every_form_of_the_constructor_loads_the_weights(deploy, tmp_path, make):
    net = caffe.Net(deploy, caffe.TEST)
    net.save(str(tmp_path / "small.caffemodel"))
    again = make(deploy, str(tmp_path / "small.caffemodel"))
    for name, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            np.testing.assert_array_equal(again.params[name][index].data, blob.data)


def test_phase_level_and_stages_choose_the_layers(tmp_path):
    text = (
        DEPLOY
        + """
layer { name: "late" type: "Softmax" bottom: "ip2" top: "late" include { min_level: 2 } }
layer { name: "staged" type: "Softmax" bottom: "ip2" top: "staged" include { stage: "extra" } }
layer { name: "training" type: "Softmax" bottom: "ip2" top: "training" include { phase: TRAIN } }
"""
    )
    file = write(tmp_path, "rules.prototxt", text)
    assert caffe.Net(file, caffe.TEST).outputs == ["prob"]
    assert caffe.Net(file, caffe.TRAIN).outputs == ["prob", "training"]
    assert caffe.Net(file, caffe.TEST, level=2).outputs == ["late", "prob"]
    assert caffe.Net(file, caffe.TEST, stages=["extra"]).outputs == ["prob", "staged"]


def test_a_solver_is_not_a_net(solver_file):
    with pytest.raises(ConfigError, match=r"solver\.prototxt: the file is a solver.*NC019"):
        caffe.Net(solver_file, caffe.TRAIN)


@pytest.mark.parametrize("arguments", [("weights.caffemodel",), (2,), (None,), ("TEST",)])
def test_a_net_needs_a_phase(deploy, arguments):
    with raises("NC583", "a net needs a phase, expected caffe.TRAIN or caffe.TEST"):
        caffe.Net(deploy, *arguments)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.prototxt: no such file.*NC001"):
        caffe.Net(str(tmp_path / "absent.prototxt"), caffe.TEST)


def test_blobs_params_and_layers_bear_pycaffes_names(net):
    assert isinstance(net.blobs, OrderedDict)
    assert list(net.blobs) == ["data", "conv1", "pool1", "ip1", "ip2", "prob"] == net._blob_names
    assert isinstance(net.params, OrderedDict)
    assert {name: [blob.shape for blob in blobs] for name, blobs in net.params.items()} == {
        "conv1": [(4, 2, 3, 3), (4,)],
        "ip1": [(6, 36), (6,)],
        "ip2": [(3, 6), (3,)],
    }
    assert net._layer_names == ["data", "conv1", "pool1", "ip1", "relu1", "ip2", "prob"]
    assert [layer.type for layer in net.layers][:3] == ["Input", "Convolution", "Pooling"]
    assert [len(layer.blobs) for layer in net.layers] == [0, 2, 0, 2, 0, 2, 0]
    assert net.layer_dict["ip1"] is net.layers[3]
    assert net.layer_dict["ip1"].blobs[0] is net.params["ip1"][0]
    assert net.top_names["relu1"] == net.bottom_names["relu1"] == ["ip1"]
    assert net.bottom_names["data"] == []
    assert (net.inputs, net.outputs, net.name) == (["data"], ["prob"], "Small")


def test_split_copies_and_loss_weights_are_as_in_caffe(tmp_path):
    net = caffe.Net(write(tmp_path, "n.prototxt", TRAIN_TEST), caffe.TEST)
    assert net.inputs == ["data", "label"]
    assert net.outputs == ["accuracy", "loss"]
    assert "label_label_0_split_0" in net.blobs
    assert "ip2_ip2_0_split" in net._layer_names
    assert {name for name, weight in net.blob_loss_weights.items() if weight} == {"loss"}
    assert net.blob_loss_weights["loss"] == 1
    assert net.blobs["loss"].shape == ()


def test_a_blob_has_shape_count_and_the_legacy_sizes(net):
    blob = net.blobs["conv1"]
    assert (tuple(blob.shape), list(blob.shape), blob.shape[1], len(blob.shape)) == ((5, 4, 6, 6), [5, 4, 6, 6], 4, 4)
    assert (blob.num, blob.channels, blob.height, blob.width, blob.count) == (5, 4, 6, 6, 720)
    bias = net.params["conv1"][1]
    assert (bias.num, bias.channels, bias.height, bias.width) == (4, 1, 1, 1)
    for array in (blob.data, blob.diff):
        assert array.shape == (5, 4, 6, 6)
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert array.flags.writeable
    with pytest.raises(AttributeError):
        blob.data = np.zeros((5, 4, 6, 6))


def test_five_axes_have_no_legacy_sizes(net):
    net.blobs["data"].reshape(5, 2, 1, 8, 8)
    with raises("NC581", "blob 'data' has no num, channels, height and width"):
        _ = net.blobs["data"].num


def test_a_negative_size_is_refused(net):
    with raises("NC582", "blob 'data'"):
        net.blobs["data"].reshape(-1, 2, 8, 8)


def test_reshape_carries_the_new_shape_through_the_net(net):
    net.blobs["data"].reshape(3, 2, 8, 8)
    net.reshape()
    assert [blob.shape[0] for blob in net.blobs.values()] == [3] * 6
    net.blobs["data"].reshape(1, 2, 8, 8)
    assert net.forward(data=image_batch(0)[:1])["prob"].shape == (1, 3)


def test_a_shape_that_would_change_parameters_is_refused(net):
    net.blobs["data"].reshape(5, 2, 12, 12)
    with raises("NC131", "layer 'ip1'"):
        net.forward()


def test_forward_returns_outputs_and_the_blobs_asked_for(net):
    out = net.forward(data=image_batch(0), blobs=["conv1", "ip1"])
    assert set(out) == {"prob", "conv1", "ip1"}
    np.testing.assert_allclose(out["prob"].sum(axis=1), np.ones(5), rtol=1e-5)
    assert set(net.forward(end="pool1")) == {"pool1"}
    assert set(net.forward(start="ip1", end="ip2", blobs=["data"])) == {"ip2", "data"}


def test_forward_computes_the_layers_of_the_prototxt(net):
    x = image_batch(1)
    net.forward(data=x)
    weight, bias = (blob.data for blob in net.params["conv1"])
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    conv1 = np.einsum("nchwij,kcij->nkhw", windows, weight) + bias[:, None, None]
    np.testing.assert_allclose(net.blobs["conv1"].data, conv1, rtol=1e-4, atol=1e-5)
    pool1 = conv1.reshape(5, 4, 3, 2, 3, 2).max(axis=(3, 5))
    np.testing.assert_allclose(net.blobs["pool1"].data, pool1, rtol=1e-4, atol=1e-5)
    hidden = np.maximum(pool1.reshape(5, -1) @ net.params["ip1"][0].data.T + net.params["ip1"][1].data, 0)
    np.testing.assert_allclose(net.blobs["ip1"].data, hidden, rtol=1e-4, atol=1e-5)


def test_backward_returns_the_inputs_gradients_and_those_asked_for(net):
    net.forward(data=image_batch(0))
    top = np.random.default_rng(1).standard_normal((5, 3))
    out = net.backward(prob=top, diffs=["ip2"])
    assert set(out) == {"data", "ip2"}
    prob = net.blobs["prob"].data
    np.testing.assert_allclose(out["ip2"], prob * (top - (top * prob).sum(axis=1, keepdims=True)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(net.params["ip2"][1].diff, out["ip2"].sum(axis=0), rtol=1e-4, atol=1e-6)
    assert set(net.backward(end="ip1")) == {"pool1"}
    assert set(net.backward(start="ip2", end="ip2")) == {"ip1"}


def test_forward_by_index_returns_the_loss(tmp_path):
    net = caffe.Net(write(tmp_path, "n.prototxt", TRAIN_TEST), caffe.TRAIN)
    net.blobs["data"].data[...] = image_batch(0)
    net.blobs["label"].data[...] = label_batch(0)
    loss = net._forward(0, len(net.layers) - 1)
    assert loss == pytest.approx(float(net.blobs["loss"].data))
    net._backward(len(net.layers) - 1, 0)
    assert np.abs(net.params["conv1"][0].diff).max() > 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"dat": np.zeros((5, 2, 8, 8))}, "NC585", "the arguments are not the net's inputs, expected data, actual dat"),
        ({"data": np.zeros((4, 2, 8, 8))}, "NC586", r"does not fit blob 'data', expected \(5, 2, 8, 8\)"),
        ({"data": np.zeros((5, 2, 8, 9))}, "NC586", r"actual \(5, 2, 8, 9\)"),
        ({"data": 0.0}, "NC586", r"actual \(\)"),
        ({"start": "conv2"}, "NC584", "the net has no layer 'conv2'. hint: did you mean 'conv1'?"),
        ({"end": "nowhere"}, "NC584", "it has data, conv1"),
        ({"blobs": ["pol1"]}, "NC584", "the net has no blob 'pol1'. hint: did you mean 'pool1'?"),
    ],
)
def test_forward_says_what_is_wrong_with_its_arguments(net, arguments, code, message):
    with raises(code, message):
        net.forward(**arguments)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"data": np.zeros((5, 2, 8, 8))}, "NC585", "the arguments are not the net's outputs, expected prob"),
        ({"prob": np.zeros((4, 3))}, "NC586", "does not fit blob 'prob'"),
        ({"diffs": ["nothing"]}, "NC584", "the net has no blob 'nothing'"),
        ({"start": "conv"}, "NC584", "the net has no layer 'conv'"),
    ],
)
def test_backward_says_what_is_wrong_with_its_arguments(net, arguments, code, message):
    with raises(code, message):
        net.backward(**arguments)


@pytest.mark.parametrize("items", [1, 5, 7, 10])
def test_forward_all_runs_any_number_of_items(net, items):
    x = np.concatenate([image_batch(0), image_batch(1)])[:items]
    out = net.forward_all(data=x, blobs=["ip1"])
    assert {name: array.shape for name, array in out.items()} == {"prob": (items, 3), "ip1": (items, 6)}
    for item in range(items):
        net.forward(data=np.repeat(x[item : item + 1], 5, axis=0))
        np.testing.assert_allclose(out["prob"][item], net.blobs["prob"].data[0], rtol=1e-5)
        np.testing.assert_allclose(out["ip1"][item], net.blobs["ip1"].data[0], rtol=1e-5, atol=1e-6)


def test_forward_backward_all_runs_any_number_of_items(net):
    x = np.concatenate([image_batch(0), image_batch(1)])[:7]
    top = np.random.default_rng(2).standard_normal((7, 3)).astype(np.float32)
    outputs, gradients = net.forward_backward_all(blobs=["ip2"], diffs=["ip1"], data=x, prob=top)
    assert {name: array.shape for name, array in outputs.items()} == {"prob": (7, 3), "ip2": (7, 3)}
    assert {name: array.shape for name, array in gradients.items()} == {"data": (7, 2, 8, 8), "ip1": (7, 6)}
    net.blobs["data"].reshape(7, 2, 8, 8)
    np.testing.assert_allclose(net.forward(data=x)["prob"], outputs["prob"], rtol=1e-5)
    np.testing.assert_allclose(net.backward(prob=top)["data"], gradients["data"], rtol=1e-4, atol=1e-6)


def test_a_scalar_output_comes_once_for_each_batch(tmp_path):
    net = caffe.Net(write(tmp_path, "n.prototxt", TRAIN_TEST), caffe.TEST)
    x = np.concatenate([image_batch(0), image_batch(1)])
    out = net.forward_all(data=x, label=np.concatenate([label_batch(0), label_batch(1)]))
    assert out["loss"].shape == out["accuracy"].shape == (2,)
    net.forward(data=image_batch(1), label=label_batch(1))
    assert out["loss"][1] == pytest.approx(float(net.blobs["loss"].data), rel=1e-5)


@pytest.mark.parametrize(
    "arrays", [{}, {"data": np.zeros((0, 2, 8, 8))}, {"data": np.zeros((2, 2, 8, 8)), "prob": [1]}]
)
def test_batches_need_the_same_items_everywhere(net, arrays):
    with raises("NC588", "cut into batches"):
        net.forward_backward_all(**arrays)


def test_save_and_copy_from_carry_the_weights(deploy, tmp_path):
    net, other = caffe.Net(deploy, caffe.TEST), caffe.Net(deploy, caffe.TEST)
    held = other.params["ip1"][0].data
    net.save(str(tmp_path / "a.caffemodel"))
    other.copy_from(str(tmp_path / "a.caffemodel"))
    np.testing.assert_array_equal(held, net.params["ip1"][0].data)
    np.testing.assert_array_equal(net.forward(data=image_batch(0))["prob"], other.forward(data=image_batch(0))["prob"])
    stored = caffe.proto.caffe_pb2.NetParameter.FromString((tmp_path / "a.caffemodel").read_bytes())
    assert [layer.name for layer in stored.layer if layer.blobs] == ["conv1", "ip1", "ip2"]


@pytest.mark.parametrize("name", ["a.caffemodel.h5", "a.hdf5"])
def test_save_hdf5_and_load_hdf5_carry_the_weights(deploy, tmp_path, name):
    pytest.importorskip("h5py", reason="needs the hdf5 extra")
    net, other = caffe.Net(deploy, caffe.TEST), caffe.Net(deploy, caffe.TEST)
    net.save_hdf5(str(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(b"\x89HDF")
    other.load_hdf5(str(tmp_path / name))
    np.testing.assert_array_equal(net.forward(data=image_batch(0))["prob"], other.forward(data=image_batch(0))["prob"])


def test_share_with_uses_the_other_nets_parameters(deploy):
    net, other = caffe.Net(deploy, caffe.TEST), caffe.Net(deploy, caffe.TEST)
    net.share_with(other)
    assert np.shares_memory(net.params["ip1"][0].data, other.params["ip1"][0].data)
    other.params["ip2"][1].data[...] = (0, 100, 0)
    assert net.forward(data=image_batch(0))["prob"][:, 1].min() > 0.99


def test_set_random_seed_makes_nets_repeatable_and_different(deploy):
    def weights() -> list[np.ndarray]:
        return [caffe.Net(deploy, caffe.TEST).params["ip1"][0].data.copy() for _ in range(2)]

    caffe.set_random_seed(7)
    first = weights()
    caffe.set_random_seed(7)
    again = weights()
    caffe.set_random_seed(8)
    other = weights()
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 1e-3
    assert np.abs(first[0] - other[0]).max() > 1e-3


def test_set_input_arrays_says_what_to_do_instead(net):
    with raises("NC587", "MemoryData"):
        net.set_input_arrays(image_batch(0), label_batch(0))


def test_importing_and_building_need_no_numba(deploy):
    code = f"""
import sys
import netcli.pycaffe as caffe
net = caffe.Net({deploy!r}, caffe.TEST)
net.blobs["data"].data[...] = 1
heavy = {{"numba", "lmdb", "cv2", "h5py", "rich", "matplotlib"}} & set(sys.modules)
sys.exit(", ".join(sorted(heavy)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ.copy())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_printed(deploy, capfd):
    net = caffe.Net(deploy, caffe.TEST)
    net.forward(data=image_batch(0))
    net.backward(prob=np.ones((5, 3)))
    caffe.log("nobody listens")
    assert capfd.readouterr() == ("", "")


def test_init_log_listens(caplog):
    caffe.init_log(0)
    caffe.log("Using devices [0]")
    caffe.init_log(1)
    caffe.log("too low")
    assert [(r.name, r.getMessage()) for r in caplog.records] == [("netcli.pycaffe", "Using devices [0]")]


def test_init_log_prints_on_request(capfd):
    code = "import netcli.pycaffe as c; c.init_log(0, True); c.init_log(0, True); c.log('hello')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ.copy())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "hello\n")


def test_the_module_has_pycaffes_switches():
    assert (caffe.TRAIN, caffe.TEST, caffe.__version__) == (0, 1, "1.0.0")
    caffe.set_mode_cpu()
    for call in (caffe.set_mode_gpu, lambda: caffe.set_device(0)):
        with pytest.raises(RunError, match=r"GPU yet. hint: call set_mode_cpu\(\).*NC580"):
            call()
    types = caffe.layer_type_list()
    assert {"Convolution", "SoftmaxWithLoss", "Input"} <= set(types)
    assert types == sorted(types)


def test_two_nets_agree_when_their_parameters_do(deploy):
    net, other = caffe.Net(deploy, caffe.TEST), caffe.Net(deploy, caffe.TEST)
    copy_params(net, other)
    np.testing.assert_array_equal(net.forward(data=image_batch(0))["prob"], other.forward(data=image_batch(0))["prob"])
