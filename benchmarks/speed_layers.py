"""Where the time goes: each layer of a net alone, netcli beside PyTorch.

Layers are run one by one, so what netcli fuses when a whole net runs is apart here. ``both_sides`` has made sure that
the nets are the same; PyTorch's column is that of the layout that takes less time in all.
"""

from __future__ import annotations

from typing import Any

from speed_rows import Case, both_sides, iteration_flops
from speed_worker import LAYOUTS, NETCLI

from netcli.net.graph import build_graph
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb


def measure_layers(case: Case, iterations: int, peak_gflops: float) -> dict[str, Any]:
    """One entry for each layer, medians in milliseconds; a Scale's PyTorch time is in its BatchNorm."""
    graph = build_graph(NetSource.from_text(case.text()), pb.TEST if case.inference else pb.TRAIN)
    flops = dict(zip((step.name for step in graph.steps), iteration_flops(graph, case.inference), strict=True))
    with both_sides(case) as workers:
        times = {
            variant: worker.call("layers", variant=variant, iterations=iterations)
            for variant, worker in workers.items()
        }
    layout = min(LAYOUTS, key=lambda variant: sum(map(_both_ways, times[variant])))
    theirs = {layer["name"]: layer for layer in times[layout]}
    layers = []
    for layer in times[NETCLI]:
        seconds = _both_ways(layer) / 1000
        gflops = flops[layer["name"]] / seconds / 1e9 if flops[layer["name"]] and seconds else None
        layers.append(
            {
                "name": layer["name"],
                "type": layer["type"],
                "netcli_ms": {"forward": layer["forward"], "backward": layer["backward"]},
                "pytorch_ms": _passes(theirs.get(layer["name"])),
                "gflops": gflops,
                "share_of_peak": gflops / peak_gflops if gflops else None,
            }
        )
    return {"row": case.name, "threads": case.threads, "layout": layout, "layers": layers}


def _both_ways(layer: dict[str, Any]) -> float:
    total: float = layer["forward"] + layer["backward"]
    return total


def _passes(layer: dict[str, Any] | None) -> dict[str, float] | None:
    return {"forward": layer["forward"], "backward": layer["backward"]} if layer else None
