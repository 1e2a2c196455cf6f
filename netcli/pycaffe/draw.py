"""``caffe.draw``: a net as a graph of layers (boxes) and blobs (octagons), in Graphviz's language.

The text needs nothing but netcli; a picture (png, svg, pdf ...) needs Graphviz's program ``dot`` on the PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from netcli.errors import RunError
from netcli.prototxt import NetSource
from netcli.prototxt.filtering import is_included
from netcli.schema import caffe_pb2 as pb

PathName = str | os.PathLike[str]

LAYER_COLOURS = {
    "Convolution": "#ff8a80",
    "Deconvolution": "#ff8a80",
    "Pooling": "#ffd180",
    "InnerProduct": "#b388ff",
}
"""Fill colours by layer type."""

OTHER_LAYERS_COLOUR = "#82b1ff"
BLOB_COLOUR = "#e0e0e0"
TEXT_FORMATS = ("dot", "gv", "raw")


class Dot:
    """A directed graph, with the methods that users of pydot call."""

    def __init__(self, name: str, rankdir: str) -> None:
        self._lines = [f"digraph {_quoted(name or 'Net')} {{", f"  rankdir={rankdir};"]

    def add_node(self, name: str, label: str, shape: str, colour: str) -> None:
        """A filled node."""
        self._lines.append(
            f'  {_quoted(name)} [label={_quoted(label)}, shape={shape}, style=filled, fillcolor="{colour}"];'
        )

    def add_edge(self, source: str, target: str, label: str = "") -> None:
        """An arrow."""
        self._lines.append(
            f"  {_quoted(source)} -> {_quoted(target)}" + (f" [label={_quoted(label)}]" if label else "") + ";"
        )

    def to_string(self) -> str:
        """The graph as text in Graphviz's language."""
        return "\n".join([*self._lines, "}", ""])

    def create(self, format: str = "png") -> bytes:
        """The graph as a picture, or as text for the formats "dot", "gv" and "raw".

        Raises:
            RunError: NC589 if Graphviz is not there or does not know the format.
        """
        if format in TEXT_FORMATS:
            return self.to_string().encode()
        program = shutil.which("dot")
        if program is None:
            raise RunError.of(
                "NC589", f"a drawing in the format '{format}' needs Graphviz, and there is no program 'dot'",
                hint="install Graphviz, or draw to a file that ends in .dot",
            )  # fmt: skip
        done = subprocess.run(
            [program, f"-T{format}"], input=self.to_string().encode(), capture_output=True, check=False
        )
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip()
            raise RunError.of("NC589", f"Graphviz cannot draw in the format '{format}': {reason}")
        return done.stdout

    def create_png(self) -> bytes:
        """The graph as a PNG file. Raises RunError as ``create``."""
        return self.create("png")

    def write(self, path: PathName, format: str = "raw") -> None:
        """Writes what ``create`` makes. Raises RunError as ``create``, or NC589 if the file cannot be written."""
        content = self.create(format)
        try:
            Path(path).write_bytes(content)
        except OSError as error:
            raise RunError.of("NC589", f"cannot write '{path}': {error.strerror or error}") from None


def get_pydot_graph(
    caffe_net: pb.NetParameter,
    rankdir: str = "LR",
    label_edges: bool = True,
    phase: int | None = None,
    display_lrm: bool = False,
) -> Dot:
    """The graph of a net.

    Args:
        caffe_net: the net's message, of any age.
        rankdir: the direction of reading: LR, TB, BT or RL.
        label_edges: say at the arrows how many channels or items they carry.
        phase: draw only the layers that exist in this phase; all by default.
        display_lrm: show the layers' learning rate multipliers.
    """
    param = NetSource.from_message(caffe_net).param
    state = None if phase is None else pb.NetState(phase=pb.Phase.Name(phase))
    graph = Dot(param.name, rankdir)
    drawn: set[str] = set()
    for layer in param.layer:
        if state is not None and not is_included(layer, state):
            continue
        node = f"{layer.name} ({layer.type})"
        colour = LAYER_COLOURS.get(layer.type, OTHER_LAYERS_COLOUR)
        graph.add_node(node, get_layer_label(layer, rankdir, display_lrm), "box", colour)
        for blob in [*layer.bottom, *layer.top]:
            if blob not in drawn:
                drawn.add(blob)
                graph.add_node(f"{blob} (blob)", blob, "octagon", BLOB_COLOUR)
        for blob in layer.bottom:
            graph.add_edge(f"{blob} (blob)", node)
        for blob in layer.top:
            graph.add_edge(node, f"{blob} (blob)", get_edge_label(layer) if label_edges else "")
    return graph


def draw_net(
    caffe_net: pb.NetParameter,
    rankdir: str = "LR",
    ext: str = "png",
    phase: int | None = None,
    display_lrm: bool = False,
) -> bytes:
    """The drawing of a net in the format ``ext``; see ``get_pydot_graph``. Raises RunError NC589."""
    return get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm).create(ext)


def draw_net_to_file(
    caffe_net: pb.NetParameter,
    filename: PathName,
    rankdir: str = "LR",
    phase: int | None = None,
    display_lrm: bool = False,
) -> None:
    """Writes the drawing of a net in the format that the file's ending names. Raises RunError NC589."""
    ext = Path(filename).suffix.removeprefix(".") or "dot"
    get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm).write(filename, ext)


def get_layer_label(layer: pb.LayerParameter, rankdir: str = "LR", display_lrm: bool = False) -> str:
    """Name, type, and for layers with windows their sizes; on one line where layers stand side by side."""
    parts = [layer.name, f"({_kind(layer)})", *_window_sizes(layer)]
    multipliers = get_layer_lr_mult(layer)
    if display_lrm and multipliers:
        parts.append("lr_mult: " + ", ".join(f"{value:g}" for value in multipliers))
    return (" " if rankdir in ("TB", "BT") else "\n").join(parts)


def get_edge_label(layer: pb.LayerParameter) -> str:
    """What flows out of a layer, where its message tells: channels of a product, items of a batch."""
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    return ""


def get_layer_lr_mult(layer: pb.LayerParameter) -> list[float]:
    """The multipliers that the layer's ``param`` entries name; 1 where an entry names none."""
    return [spec.lr_mult for spec in layer.param]


def _kind(layer: pb.LayerParameter) -> str:
    if layer.type == "Pooling":
        return f"{pb.PoolingParameter.PoolMethod.Name(layer.pooling_param.pool)} Pooling"
    return layer.type


def _window_sizes(layer: pb.LayerParameter) -> list[str]:
    param: pb.ConvolutionParameter | pb.PoolingParameter
    if layer.type in ("Convolution", "Deconvolution", "Im2col"):
        param = layer.convolution_param
    elif layer.type == "Pooling":
        param = layer.pooling_param
        if param.global_pooling:
            return ["global"]
    else:
        return []
    return [
        f"kernel size: {_size(param, 'kernel_size', 'kernel', 0)}",
        f"stride: {_size(param, 'stride', 'stride', 1)}",
        f"pad: {_size(param, 'pad', 'pad', 0)}",
    ]


def _size(param: Any, field: str, side: str, default: int) -> str:
    """``3``, or ``3x5`` where the axes differ: as a list, or as height and width."""
    if param.HasField(f"{side}_h"):
        return f"{getattr(param, f'{side}_h')}x{getattr(param, f'{side}_w')}"
    value = getattr(param, field)
    return str(value) if isinstance(value, int) else "x".join(map(str, value or [default]))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
