"""What ``show`` says of memory, beside what a solver's iterations allocate in a process of their own."""

import json
import subprocess
import sys

import pytest

from netcli.net.graph import build_graph
from netcli.prototxt import NetSource
from netcli.report.net_memory import FLOAT_BYTES, net_memory, scratch_sizes
from netcli.schema import caffe_pb2 as pb

FILLER = 'weight_filler { type: "msra" }'
SMALL = {"places", "pixels"}
"""Scratch that is not worth a forecast."""

COUNT = """
import json, sys, tracemalloc
import numpy as np
from netcli.prototxt import NetSource, SolverSource
from netcli.runtime import scratch
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.solver import Solver

net = NetSource.from_text(sys.stdin.read()).param
param = pb.SolverParameter(net_param=net, base_lr=0.01, lr_policy="fixed", momentum=0.9, max_iter=9)
tracemalloc.start()
solver = Solver(SolverSource.from_message(param), seed=1, keep_gradients=False)
solver.before_iteration.append(lambda: solver.net.blobs["x"].values.write(PLAIN).fill(1))
solver.step(2)
arrays = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)])
names = {name: array.nbytes for (name, dtype), array in scratch._memory.arrays.items()}
print(json.dumps([sum(trace.size for trace in arrays.traces), names]))
"""


def convolution(name, bottom, outputs, more=""):
    settings = f"convolution_param {{ num_output: {outputs} kernel_size: 3 pad: 1 {FILLER} {more} }}"
    return f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" {settings} }}\n'


def net_text(batch):
    """A residual block behind a convolution by tap tables, activations in place, a pooling and an inner product."""
    return f"""
    layer {{ name: "in" type: "Input" top: "x" top: "label"
      input_param {{ shape {{ dim: {batch} dim: 8 dim: 16 dim: 16 }} shape {{ dim: {batch} }} }} }}
    {convolution("a", "x", 64, "engine: CAFFE")}
    layer {{ name: "ra" type: "PReLU" bottom: "a" top: "a" }}
    {convolution("b", "a", 64)}
    layer {{ name: "rb" type: "ReLU" bottom: "b" top: "b" }}
    {convolution("c", "b", 64)}
    layer {{ name: "rc" type: "PReLU" bottom: "c" top: "c" }}
    layer {{ name: "sum" type: "Eltwise" bottom: "a" bottom: "c" top: "sum" }}
    layer {{ name: "pool" type: "Pooling" bottom: "sum" top: "pool" pooling_param {{ kernel_size: 2 stride: 2 }} }}
    layer {{ name: "scores" type: "InnerProduct" bottom: "pool" top: "scores"
      inner_product_param {{ num_output: 10 {FILLER} }} }}
    layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "scores" bottom: "label" top: "loss" }}
    """


@pytest.mark.parametrize("batch", [32, 2])
def test_the_forecast_is_what_an_iteration_allocates(batch):
    text = net_text(batch)
    done = subprocess.run([sys.executable, "-c", COUNT], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    allocated, scratch = json.loads(done.stdout)
    graph = build_graph(NetSource.from_text(text), pb.TRAIN)
    forecast = net_memory(graph, histories=1)
    assert forecast.total - forecast.program == pytest.approx(allocated, rel=0.1)
    sizes = {name: FLOAT_BYTES * size for name, size in scratch_sizes(graph).items()}
    windows = {"packed", "tiles", "sums", "lane sums", "bias sums", "transposed", "d", "patches", "results"}
    assert {name: scratch[name] for name in windows & scratch.keys()} == pytest.approx(sizes, rel=0.1)


def test_what_a_convolution_hands_to_the_pooling_alone_takes_no_memory():
    """Half of the values of this net are between the convolution and the pooling."""
    text = f"""
    layer {{ name: "in" type: "Input" top: "x" top: "label"
      input_param {{ shape {{ dim: 64 dim: 2 dim: 28 dim: 28 }} shape {{ dim: 64 }} }} }}
    layer {{ name: "a" type: "Convolution" bottom: "x" top: "a"
      convolution_param {{ num_output: 20 kernel_size: 5 {FILLER} }} }}
    layer {{ name: "pool" type: "Pooling" bottom: "a" top: "pool" pooling_param {{ kernel_size: 2 stride: 2 }} }}
    layer {{ name: "means" type: "Pooling" bottom: "pool" top: "means" pooling_param {{ pool: AVE kernel_size: 12 }} }}
    layer {{ name: "scores" type: "InnerProduct" bottom: "means" top: "scores"
      inner_product_param {{ num_output: 10 {FILLER} }} }}
    layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "scores" bottom: "label" top: "loss" }}
    """
    done = subprocess.run([sys.executable, "-c", COUNT], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    forecast = net_memory(build_graph(NetSource.from_text(text), pb.TRAIN), histories=1)
    assert forecast.total - forecast.program == pytest.approx(json.loads(done.stdout)[0], rel=0.1)
