"""``caffe.pycaffe``: the names that pycaffe keeps in a module of its own."""

from netcli.layers.python.blobs import Blob
from netcli.pycaffe.net import Net
from netcli.pycaffe.parallel import NCCL
from netcli.pycaffe.solver import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
)
from netcli.pycaffe.timer import Timer

__all__ = [
    "NCCL",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "NesterovSolver",
    "Net",
    "RMSPropSolver",
    "SGDSolver",
    "Timer",
]
