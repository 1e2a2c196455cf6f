"""What the catalogue says of a code, and the small files and calls that show how it comes about."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """Something small that leads to the code, and to no other.

    Attributes:
        files: content by name, in the working directory; texts, or bytes.
        command: of netcli, without the program's name.
        before: commands of netcli that make more files first.
        python: instead of a command: code that raises the error.
        also: codes that cannot but come with it.
    """

    files: dict[str, str | bytes] = field(default_factory=dict)
    command: str = ""
    before: tuple[str, ...] = ()
    python: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A code: ``title`` in a few words, what it ``means``, how to ``fix`` it, and an ``example``."""

    title: str
    means: str
    fix: str
    example: Example


def net(text: str, *also: str) -> Example:
    """``netcli check`` of a net."""
    return Example({"net.prototxt": text}, "check net.prototxt", also=also)


def solver(text: str, net_text: str | None = None) -> Example:
    """``netcli check`` of a solver, with the net "net.prototxt" beside it."""
    files: dict[str, str | bytes] = {"solver.prototxt": text}
    if net_text is not None:
        files["net.prototxt"] = net_text
    return Example(files, "check solver.prototxt")


def python(text: str, **files: str | bytes) -> Example:
    """Code that raises; the names of ``files`` have an underscore for their dot."""
    return Example({name.replace("_", ".", 1): content for name, content in files.items()}, python=text)


DATA = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
"""
LABEL = """layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 2 } } }
"""
IP = """layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
        param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 } inner_product_param { num_output: 4 } }
"""
LOSS = """layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
DUMMY = """layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
        shape { dim: 2 dim: 3 } shape { dim: 2 } data_filler { type: "gaussian" } data_filler { type: "constant" } } }
"""
TRAINABLE = DUMMY + IP + LOSS
SOLVER = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 2 random_seed: 1\n'

WRITE_LMDB = """from pathlib import Path
import lmdb
from netcli.schema import caffe_pb2 as pb
def write(name, datums):
    with lmdb.open(name, map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        for index, datum in enumerate(datums):
            transaction.put(b'%08d' % index, datum)
def datum(side=2, label=0):
    values = pb.Datum(channels=1, height=side, width=side, data=bytes(side * side))
    if label is not None:
        values.label = label
    return values.SerializeToString()
import netcli.pycaffe as caffe
def read():
    net = caffe.Net('net.prototxt', caffe.TRAIN)
    for _ in range(3):
        net.forward()
"""
"""Code that makes LMDBs of grey squares, and reads the net over one of them."""
