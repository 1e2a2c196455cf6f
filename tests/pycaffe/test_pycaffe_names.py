"""What pycaffe 1.0 exports is there; callbacks, Timer, and what is left of several solvers."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import numpy as np
import pytest
from pycaffe_nets import image_batch

import netcli.pycaffe as caffe
from netcli.errors import RunError

EXPORTS = [
    "Net",
    "SGDSolver",
    "NesterovSolver",
    "AdaGradSolver",
    "RMSPropSolver",
    "AdaDeltaSolver",
    "AdamSolver",
    "NCCL",
    "Timer",
    "init_log",
    "log",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_device",
    "Layer",
    "get_solver",
    "layer_type_list",
    "set_random_seed",
    "solver_count",
    "set_solver_count",
    "solver_rank",
    "set_solver_rank",
    "set_multiprocess",
    "has_nccl",
    "__version__",
    "TRAIN",
    "TEST",
    "Classifier",
    "Detector",
    "io",
    "layers",
    "params",
    "NetSpec",
    "to_proto",
]
MODULES = {
    "pycaffe": ["Net", "SGDSolver", "Timer", "NCCL"],
    "io": ["Transformer", "load_image", "resize_image", "oversample", "array_to_datum", "blobproto_to_array"],
    "net_spec": ["Top", "Function", "NetSpec", "to_proto", "layers", "params"],
    "coord_map": ["coord_map", "coord_map_from_to", "crop", "compose", "inverse"],
    "draw": ["draw_net", "draw_net_to_file", "get_pydot_graph"],
    "classifier": ["Classifier"],
    "detector": ["Detector"],
    "proto": ["caffe_pb2"],
    "proto.caffe_pb2": ["NetParameter", "Datum", "TRAIN"],
}


@pytest.mark.parametrize("name", EXPORTS)
def test_pycaffes_exports(name):
    assert hasattr(caffe, name)


@pytest.mark.parametrize("module", MODULES)
def test_pycaffes_modules(module):
    imported = importlib.import_module(f"netcli.pycaffe.{module}")
    assert not [name for name in MODULES[module] if not hasattr(imported, name)]


def test_the_names_import_nothing_heavy():
    code = (
        "import sys, netcli.pycaffe, netcli.pycaffe.draw\n"
        "heavy = {'numba', 'lmdb', 'cv2', 'h5py', 'rich', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_callbacks_are_told_every_layer(deploy):
    net = caffe.Net(deploy, caffe.TEST)
    calls = []
    for name in ("before_forward", "after_forward", "before_backward", "after_backward"):
        getattr(net, name)(lambda index, name=name: calls.append((name, index)))
    net.forward(data=image_batch(0))
    count = len(net.layers)
    assert calls == [(f"{when}_forward", index) for index in range(count) for when in ("before", "after")]
    calls.clear()
    net.backward()
    assert calls == [(f"{when}_backward", index) for index in reversed(range(count)) for when in ("before", "after")]
    calls.clear()
    net.forward(start="ip1", end="relu1")
    first = list(net.layer_dict).index("ip1")
    assert [index for _, index in calls] == [first, first, first + 1, first + 1]


def test_a_callback_sees_and_changes_the_arrays(deploy):
    net = caffe.Net(deploy, caffe.TEST)
    held, seen = net.blobs["conv1"].data, []

    def clear(index):
        if net.layers[index].name == "conv1":
            seen.append(held.copy())
            held[...] = 0

    net.after_forward(clear)
    for seed in range(2):
        net.forward(data=image_batch(seed))
        assert not net.blobs["pool1"].data.any()
    other = caffe.Net(deploy, caffe.TEST)
    other.params["conv1"][0].data[...] = net.params["conv1"][0].data
    for seed in range(2):
        np.testing.assert_array_equal(seen[seed], other.forward(data=image_batch(seed), blobs=["conv1"])["conv1"])


def test_callbacks_hold_for_a_solver_too(solver_file):
    solver = caffe.SGDSolver(solver_file)
    calls = []
    solver.net.before_backward(calls.append)
    solver.step(2)
    assert calls == 2 * list(reversed(range(len(solver.net.layers))))


def test_timer(monkeypatch):
    now = iter([10.0, 10.5, 20.0, 20.25])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    timer = caffe.Timer()
    assert timer.ms == 0
    timer.start()
    timer.start()
    timer.stop()
    timer.stop()
    assert timer.ms == 500
    timer.start()
    assert timer.ms == 250


def test_one_solver_is_fine():
    assert (caffe.solver_count(), caffe.solver_rank(), caffe.has_nccl()) == (1, 0, False)
    caffe.set_solver_count(1)
    caffe.set_solver_rank(0)
    caffe.set_multiprocess(True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: caffe.set_solver_count(4), "trains with one solver, on one device, expected 1, actual 4"),
        (lambda: caffe.set_solver_rank(1), "expected 0, actual 1"),
        (lambda: caffe.NCCL(None, "uid"), "NCCL: netcli.pycaffe trains with one solver"),
        (caffe.NCCL.new_uid, "NCCL.new_uid: netcli.pycaffe trains with one solver"),
    ],
)
def test_several_solvers_are_not(call, message):
    with pytest.raises(RunError, match=re.escape(message)) as caught:
        call()
    assert caught.value.code == "NC580"
