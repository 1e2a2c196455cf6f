"""pycaffe's names over netcli's nets and solvers: ``import netcli.pycaffe as caffe``.

Code written for pycaffe 1.0 runs unchanged after that import. What differs: nothing is printed unless
``init_log`` asks for it, mistakes raise a ``netcli.errors.NetcliError`` instead of ending the process, and
there is no GPU yet.
"""

from netcli.layers.python.blobs import Blob
from netcli.layers.python.interface import Layer
from netcli.pycaffe import proto
from netcli.pycaffe.log import init_log, log
from netcli.pycaffe.modes import TEST, TRAIN, layer_type_list, set_device, set_mode_cpu, set_mode_gpu
from netcli.pycaffe.net import Net
from netcli.pycaffe.seeds import set_random_seed
from netcli.pycaffe.solver import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    Solver,
    get_solver,
)

__version__ = "1.0.0"
"""The version of pycaffe whose names these are; netcli's own is ``netcli.__version__``."""

__all__ = [
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "Layer",
    "NesterovSolver",
    "Net",
    "RMSPropSolver",
    "SGDSolver",
    "Solver",
    "get_solver",
    "init_log",
    "layer_type_list",
    "log",
    "proto",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_random_seed",
]
