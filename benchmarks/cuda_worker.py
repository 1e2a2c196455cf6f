"""One side of ``cuda_speed.py``, a process of its own: a net on the GPU that trains when asked to.

    python cuda_worker.py netcli:ENGINE[+tf32] FOLDER
    python cuda_worker.py torch FOLDER

FOLDER and the lines on standard input and output are as for ``speed_worker.py``. Inputs are on the device from the
first iteration on, on both sides, and nobody reads a loss while time is taken, so that neither side waits for the host
or for the bus. A block of iterations begins and ends when the device has nothing left to do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from speed_worker import DECAY, LAYOUTS, MOMENTUM, NETCLI, RATE, SEED, WEIGHTS, Settings, input_values, write_weights

from netcli.net.graph import build_graph
from netcli.prototxt import SolverSource
from netcli.schema import caffe_pb2 as pb

TF32 = "+tf32"


class Side(Protocol):
    """What both sides can do."""

    def about(self) -> dict[str, str]:
        """The device's name, and the versions of what runs."""

    def run(self, variant: str, iterations: int, lead: int) -> dict[str, Any]:
        """Seconds of ``iterations`` together, after ``lead`` that are not counted."""


class NetcliOnCuda:
    """netcli: a solver's iterations, with one engine."""

    def __init__(self, settings: Settings, engine: str, tf32: bool) -> None:
        from netcli.runtime.cuda import device
        from netcli.runtime.cuda.engines import choose
        from netcli.solver import Solver

        self._device = device.use(0)
        choose(engine, tf32=tf32)
        param = pb.SolverParameter(
            net_param=settings.source().param, base_lr=RATE, lr_policy="fixed", momentum=MOMENTUM, weight_decay=DECAY,
            max_iter=10**9,
        )  # fmt: skip
        self._solver = Solver(SolverSource.from_message(param), seed=SEED, device="cuda")
        _write(self._solver.net, input_values(self._solver.net.graph))
        write_weights(self._solver.net, settings.folder / WEIGHTS)
        settings.write_checked(NETCLI, {"loss": self._first_loss(settings)})

    def about(self) -> dict[str, str]:
        from importlib.metadata import version

        return {"device": self._device.name, "numba-cuda": version("numba-cuda"), "cuda-core": version("cuda-core")}

    def run(self, variant: str, iterations: int, lead: int) -> dict[str, Any]:
        self._solver.step(lead)
        self._device.synchronize()
        begin = time.perf_counter()
        self._solver.step(iterations)
        self._device.synchronize()
        return {"seconds": time.perf_counter() - begin}

    def _first_loss(self, settings: Settings) -> np.ndarray:
        """Of a net without Dropout, whose draws PyTorch's are not."""
        from netcli.net import Net

        net = Net(settings.source(drops=False), pb.TRAIN, seed=SEED, device="cuda")
        _write(net, input_values(net.graph))
        return np.array(net.forward())


class TorchOnCuda:
    """PyTorch, eager; a variant is LAYOUT or LAYOUT+tf32, each with its own copy of the net."""

    def __init__(self, settings: Settings) -> None:
        import torch

        torch.backends.cudnn.benchmark = True
        self._torch = torch
        self._settings = settings
        self._graph = build_graph(settings.source(), pb.TRAIN)
        self._variants: dict[str, Any] = {}
        for layout in LAYOUTS:
            net, values, _ = self._variant(layout)
            net.running.drops = False
            with torch.no_grad():
                settings.write_checked(layout, {"loss": net.loss(values).cpu().numpy()})
            net.running.drops, net.running.passes = True, 0

    def about(self) -> dict[str, str]:
        torch = self._torch
        cudnn = torch.backends.cudnn.version()
        return {
            "device": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "CUDA": str(torch.version.cuda),
            "cuDNN": str(cudnn),
        }

    def run(self, variant: str, iterations: int, lead: int) -> dict[str, Any]:
        for _ in range(lead):
            self._train(variant)
        self._torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(iterations):
            self._train(variant)
        self._torch.cuda.synchronize()
        return {"seconds": time.perf_counter() - begin}

    def _train(self, variant: str) -> None:
        net, values, optimizer = self._variant(variant)
        optimizer.zero_grad(set_to_none=True)
        net.loss(values).backward()
        optimizer.step()

    def _variant(self, variant: str) -> tuple[Any, Any, Any]:
        torch = self._torch
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = variant.endswith(TF32)
        layout = variant.removesuffix(TF32)
        if layout not in self._variants:
            from torch_nets import TorchNet

            stored = np.load(self._settings.folder / WEIGHTS)
            weights = {
                step.name: [stored[f"{step.name}/{index}"] for index in range(len(step.slots))]
                for step in self._graph.steps
            }
            with torch.device("cuda"):
                net: Any = TorchNet(self._graph, weights)
                values = {name: torch.tensor(array) for name, array in input_values(self._graph).items()}
            if layout == LAYOUTS[1]:
                net = net.to(memory_format=torch.channels_last)
                values["data"] = values["data"].contiguous(memory_format=torch.channels_last)
            optimizer = net.optimizer(rate=RATE, momentum=MOMENTUM, weight_decay=DECAY)
            self._variants[layout] = (net, values, optimizer)
        return self._variants[layout]  # type: ignore[no-any-return]


def _write(net: Any, values: dict[str, np.ndarray]) -> None:
    from netcli.runtime.blob import PLAIN

    for name, array in values.items():
        net.blobs[name].values.write(PLAIN)[...] = array


def main() -> None:
    """Sets up, then answers until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("side", metavar="netcli:ENGINE[+tf32]|torch")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # so that nothing else is written among the answers
    settings = Settings(arguments.folder)
    name, _, engine = arguments.side.partition(":")
    if name == NETCLI:
        side: Side = NetcliOnCuda(settings, engine.removesuffix(TF32), engine.endswith(TF32))
    else:
        side = TorchOnCuda(settings)
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        call = json.loads(line)
        method = call.pop("do")
        print(json.dumps(getattr(side, method)(**call)), file=answers, flush=True)


if __name__ == "__main__":
    main()
