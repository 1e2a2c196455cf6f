"""One side of ``training_speed.py``, a process of its own: sets a net up and runs iterations of it when asked to.

    python speed_worker.py netcli|torch FOLDER

FOLDER has ``net.prototxt`` and ``settings.json``, {"inference": bool, "threads": N, "check": bool}. Lines of JSON are
read from standard input, each a call {"do": METHOD, ...arguments}, and each is answered by one line on standard output;
the first line that comes says that the net stands. In between the process waits for input and uses no core.

netcli comes first: it writes the weights to ``weights.npz``, from which PyTorch takes them. With "check", both write
what the first pass gives, the loss or the outputs, to ``netcli.npz``, ``nchw.npz`` and ``channels-last.npz``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from zoo import without_dropout

from netcli.net.graph import Graph, build_graph
from netcli.prototxt import NetSource, SolverSource
from netcli.schema import caffe_pb2 as pb

RATE = 1e-6
"""So small that the weights hardly move: what is measured must not depend on how training goes."""
MOMENTUM = 0.9
DECAY = 0.0005
SEED = 1
WEIGHTS = "weights.npz"
NETCLI = "netcli"
LAYOUTS = ("nchw", "channels-last")
Arrays = dict[str, np.ndarray]


class Side(Protocol):
    """What both sides can do."""

    def run(self, variant: str, iterations: int, lead: int) -> dict[str, Any]:
        """Seconds of ``iterations`` together, after ``lead`` that are not counted."""

    def layers(self, variant: str, iterations: int) -> list[dict[str, Any]]:
        """Name, type, and milliseconds forward and backward of each layer."""

    def memory(self) -> dict[str, float]:
        """MiB: the most that the process has held so far, what it held before it had a net, and netcli's forecast."""


class Settings:
    """What FOLDER says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = (folder / "net.prototxt").read_text()
        given = json.loads((folder / "settings.json").read_text())
        self.inference: bool = given["inference"]
        self.threads: int = given["threads"]
        self.check: bool = given["check"]
        self.phase = pb.TEST if self.inference else pb.TRAIN

    def source(self, *, drops: bool = True) -> NetSource:
        return NetSource.from_text(self.text if drops else without_dropout(self.text))

    def write_checked(self, variant: str, values: Arrays) -> None:
        _save(self.folder / f"{variant}.npz", values)


def _save(path: Path, values: Arrays) -> None:
    np.savez(path, **values)  # type: ignore[arg-type]  # numpy's stub takes them for allow_pickle


def input_values(graph: Graph) -> Arrays:
    """Values that look like images after their mean is subtracted, and labels."""
    rng = np.random.default_rng(0)
    values: Arrays = {"data": rng.standard_normal(graph.shapes["data"], np.float32)}
    if "label" in graph.shapes:
        scores = next(step.bottoms[0] for step in graph.steps if step.layer.is_loss)
        values["label"] = rng.integers(0, graph.shapes[scores][1], graph.shapes["label"])
    return values


def peak_mib() -> float:
    """The most memory that this process has held so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


class Netcli:
    """netcli: a solver's iterations, or forward passes on inputs that are written anew, whose outputs are read."""

    def __init__(self, settings: Settings) -> None:
        from netcli.cli.recorded_pass import PassOfNet
        from netcli.cli.second_compiler import SecondCompiler
        from netcli.net.net import Net
        from netcli.runtime.threads import set_threads

        set_threads(settings.threads)
        self._before_mib = peak_mib()
        given = None if settings.inference else _solver_source(settings.source())
        ahead = PassOfNet(
            settings.source(), settings.phase, forward_only=settings.inference, solver=given.param if given else None
        )
        # As the commands do; with one thread nothing must run beside it.
        self._compiler = SecondCompiler(lambda: [ahead] if settings.threads > 1 else [], "cpu")
        self.solver = _solver(given) if given else None
        self.net = (
            self.solver.net if self.solver else Net(settings.source(), settings.phase, seed=SEED, forward_only=True)
        )
        self._values = input_values(self.net.graph)
        if self.solver:
            self.solver.before_iteration.append(self._write_inputs)
        write_weights(self.net, settings.folder / WEIGHTS)
        if settings.check:
            settings.write_checked(NETCLI, self._first_results(settings))

    def run(self, variant: str, iterations: int, lead: int) -> dict[str, Any]:
        self._iterate(lead)
        begin = time.perf_counter()
        self._iterate(iterations)
        seconds = time.perf_counter() - begin
        self._compiler.close()
        return {"seconds": seconds}

    def layers(self, variant: str, iterations: int) -> list[dict[str, Any]]:
        self._write_inputs()
        self._iterate(1)
        self._compiler.close()
        steps = self.net.graph.steps
        ways: list[tuple[str, Callable[[int], object], Sequence[int]]] = [
            ("forward", lambda index: self.net.forward(index, index), range(len(steps)))
        ]
        if self.solver:
            backward_order = range(len(steps) - 1, -1, -1)
            ways.append(("backward", lambda index: self.net.backward(index, index), backward_order))
        seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
        for _ in range(iterations):
            self.net.clear_param_diffs()
            for way, run, order in ways:
                for index in order:
                    begin = time.perf_counter()
                    run(index)
                    seconds[way, index].append(time.perf_counter() - begin)
        medians = {key: 1000 * statistics.median(values) for key, values in seconds.items()}
        return [
            {
                "name": step.name,
                "type": step.layer.type_name,
                "forward": medians["forward", index],
                "backward": medians.get(("backward", index), 0.0),
            }
            for index, step in enumerate(steps)
        ]

    def memory(self) -> dict[str, float]:
        from netcli.report.net_memory import net_memory

        forecast = net_memory(self.net.graph, histories=1 if self.solver else 0).total / 2**20
        return {"peak_mib": peak_mib(), "before_mib": self._before_mib, "forecast_mib": forecast}

    def _iterate(self, iterations: int) -> None:
        if self.solver:
            self.solver.step(iterations)
            return
        for _ in range(iterations):
            self._answer()

    def _answer(self) -> Arrays:
        from netcli.runtime.blob import PLAIN

        self._write_inputs()
        self.net.forward()
        return {name: self.net.blobs[name].values.read(PLAIN) for name in self.net.outputs}

    def _write_inputs(self) -> None:
        """As a data layer does."""
        _write(self.net, self._values)

    def _first_results(self, settings: Settings) -> Arrays:
        """Without Dropout: in a net of its own, if there is any."""
        from netcli.net.net import Net

        if settings.inference:
            return self._answer()
        drops = any(step.layer.type_name == "Dropout" for step in self.net.graph.steps)
        net = Net(settings.source(drops=False), settings.phase, seed=SEED) if drops else self.net
        _write(net, self._values)
        return {"loss": np.array(net.forward())}


def _solver_source(source: NetSource) -> SolverSource:
    param = pb.SolverParameter(
        net_param=source.param, base_lr=RATE, lr_policy="fixed", momentum=MOMENTUM, weight_decay=DECAY,
        max_iter=10**9,
    )  # fmt: skip
    return SolverSource.from_message(param)


def _solver(source: SolverSource):  # type: ignore[no-untyped-def]
    from netcli.solver import Solver

    return Solver(source, seed=SEED, keep_gradients=False)


def _write(net, values: Arrays) -> None:  # type: ignore[no-untyped-def]
    from netcli.runtime.blob import PLAIN

    for name, array in values.items():
        net.blobs[name].values.write(PLAIN)[...] = array


def write_weights(net, path: Path) -> None:  # type: ignore[no-untyped-def]
    """Makes BatchNorm's stored statistics 0 and 1 first: as they start, all 0, they would blow the outputs up.

    The weights are the same each time, and so is a file that is there.
    """
    from netcli.runtime.blob import PLAIN

    for layer in net.layers:
        if layer.type_name == "BatchNorm":
            for blob in layer.params[1:]:
                blob.values.write(PLAIN).fill(1)
    if path.exists():
        return
    blobs = ((f"{name}/{index}", blob) for name, params in net.params.items() for index, blob in enumerate(params))
    _save(path, {key: blob.values.read(PLAIN) for key, blob in blobs})


class Torch:
    """PyTorch, in the layout that is asked for: each has its own copy of the net, made at its first use."""

    def __init__(self, settings: Settings) -> None:
        import torch

        torch.set_num_threads(settings.threads)
        self._before_mib = peak_mib()
        self._torch = torch
        self._settings = settings
        self._graph = build_graph(settings.source(), settings.phase)
        self._variants: dict[str, Any] = {}
        if settings.check:
            for variant in LAYOUTS:
                settings.write_checked(variant, self._first_results(variant))

    def run(self, variant: str, iterations: int, lead: int) -> dict[str, Any]:
        iterate = self._answer if self._settings.inference else self._train
        for _ in range(lead):
            iterate(variant)
        begin = time.perf_counter()
        for _ in range(iterations):
            iterate(variant)
        return {"seconds": time.perf_counter() - begin}

    def layers(self, variant: str, iterations: int) -> list[dict[str, Any]]:
        from torch_layer_times import layer_times

        net, values, _ = self._variant(variant)
        return layer_times(net, values, iterations, forward_only=self._settings.inference)

    def memory(self) -> dict[str, float]:
        return {"peak_mib": peak_mib(), "before_mib": self._before_mib}

    def _train(self, variant: str) -> float:
        net, values, optimizer = self._variant(variant)
        optimizer.zero_grad(set_to_none=True)
        loss = net.loss(values)
        loss.backward()
        optimizer.step()
        return loss.item()

    def _answer(self, variant: str) -> Arrays:
        net, values, _ = self._variant(variant)
        with self._torch.inference_mode():
            return {name: tensor.numpy() for name, tensor in net(values).items()}

    def _variant(self, variant: str):  # type: ignore[no-untyped-def]
        if variant not in self._variants:
            from torch_nets import TorchNet

            torch = self._torch
            stored = np.load(self._settings.folder / WEIGHTS)
            weights = {
                step.name: [stored[f"{step.name}/{index}"] for index in range(len(step.slots))]
                for step in self._graph.steps
            }
            net: Any = TorchNet(self._graph, weights)
            values = {name: torch.from_numpy(array) for name, array in input_values(self._graph).items()}
            if variant == LAYOUTS[1]:
                net = net.to(memory_format=torch.channels_last)
                values["data"] = values["data"].contiguous(memory_format=torch.channels_last)
            optimizer = None
            if not self._settings.inference:
                optimizer = net.optimizer(rate=RATE, momentum=MOMENTUM, weight_decay=DECAY)
            self._variants[variant] = (net, values, optimizer)
        return self._variants[variant]

    def _first_results(self, variant: str) -> Arrays:
        if self._settings.inference:
            return self._answer(variant)
        net, values, _ = self._variant(variant)
        net.running.drops = False
        with self._torch.no_grad():
            loss = net.loss(values)
        net.running.drops, net.running.passes = True, 0
        return {"loss": loss.numpy()}


def main() -> None:
    """Sets up, then answers until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("side", choices=["netcli", "torch"])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # so that nothing else is written among the answers
    settings = Settings(arguments.folder)
    side: Side = Netcli(settings) if arguments.side == NETCLI else Torch(settings)
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        call = json.loads(line)
        method = call.pop("do")
        print(json.dumps(getattr(side, method)(**call)), file=answers, flush=True)


if __name__ == "__main__":
    main()
