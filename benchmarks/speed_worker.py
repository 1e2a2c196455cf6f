"""One side of ``training_speed.py``, a process of its own: runs a block of iterations whenever it is asked to.

Reads lines of JSON, ``{"run": N}``, from standard input and answers each with ``{"seconds": [...]}``, one an iteration;
the first line that it writes tells what it has set up. Between blocks it waits for input and uses no core.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

RATE = 1e-6
"""So small that the weights hardly move: what is measured must not depend on how training goes."""
MOMENTUM = 0.9
DECAY = 0.0005
CHANNELS_LAST = "channels-last"


def netcli_net(text: Path, phase: int):  # type: ignore[no-untyped-def]
    """The net with the inputs of ``inputs`` in it."""
    from netcli.net.net import Net
    from netcli.prototxt import load_net
    from netcli.runtime.blob import PLAIN

    net = Net(load_net(text), phase, seed=1)
    for name, values in inputs(net).items():
        net.blobs[name].values.write(PLAIN)[...] = values
    return net


def inputs(net) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    """Values that look like images after their mean is subtracted, and labels."""
    rng = np.random.default_rng(0)
    data, label = net.blobs["data"].shape, net.blobs["label"].shape
    classes = net.learnable[-1].blob.shape[0]
    return {"data": rng.standard_normal(data, np.float32), "label": rng.integers(0, classes, label)}


def netcli_iteration(text: Path, training: bool) -> tuple[Callable[[], float], float]:
    """What runs one iteration and returns the loss, and the multiply-accumulates of a forward pass."""
    from netcli.runtime.threads import set_threads
    from netcli.schema import caffe_pb2 as pb
    from netcli.solver.optimizer import Optimizer

    set_threads(int(os.environ["OMP_NUM_THREADS"]))
    net = netcli_net(text, pb.TRAIN if training else pb.TEST)
    macs = sum(net.graph.macs(step) for step in net.graph.steps)
    if not training:
        return net.forward, macs
    settings = pb.SolverParameter(type="SGD", momentum=MOMENTUM, weight_decay=DECAY)
    optimizer = Optimizer(settings, net.learnable, net.context.dtype)

    def iteration() -> float:
        net.clear_param_diffs()
        loss = net.forward()
        net.backward()
        optimizer.update(RATE, 0)
        return loss

    return iteration, macs


def torch_iteration(text: Path, training: bool, layout: str) -> tuple[Callable[[], float], float]:
    """The same of PyTorch."""
    import torch
    from torch_nets import TorchNet

    from netcli.schema import caffe_pb2 as pb

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    net = netcli_net(text, pb.TRAIN if training else pb.TEST)
    module = TorchNet(net).train(training)
    values = {name: torch.from_numpy(array) for name, array in inputs(net).items()}
    if layout == CHANNELS_LAST:
        module = module.to(memory_format=torch.channels_last)
        values["data"] = values["data"].contiguous(memory_format=torch.channels_last)
    if not training:

        def inference() -> float:
            with torch.inference_mode():
                return module(values).item()

        return inference, 0.0
    optimizer = torch.optim.SGD(module.parameters(), RATE, MOMENTUM, weight_decay=DECAY, fused=True)

    def iteration() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = module(values)
        loss.backward()
        optimizer.step()
        return loss.item()

    return iteration, 0.0


def main() -> None:
    """Sets up, then answers until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("side", choices=["netcli", "nchw", CHANNELS_LAST])
    parser.add_argument("net", type=Path)
    parser.add_argument("--inference", action="store_true")
    arguments = parser.parse_args()
    training = not arguments.inference
    if arguments.side == "netcli":
        iteration, macs = netcli_iteration(arguments.net, training)
    else:
        iteration, macs = torch_iteration(arguments.net, training, arguments.side)
    first = iteration()
    iteration()
    print(json.dumps({"loss": first, "macs": macs}), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(json.loads(line)["run"]):
            begin = time.perf_counter()
            iteration()
            seconds.append(time.perf_counter() - begin)
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
        print(json.dumps({"seconds": seconds, "peak_kib": used.ru_maxrss, "cpu_s": cpu}), flush=True)


if __name__ == "__main__":
    main()
