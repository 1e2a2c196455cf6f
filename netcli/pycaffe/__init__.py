"""pycaffe's names over netcli's nets and solvers: ``import netcli.pycaffe as caffe``.

Code written for pycaffe 1.0 runs unchanged after that import. What differs: nothing is printed unless
``init_log`` asks for it, mistakes raise a ``netcli.errors.NetcliError`` instead of ending the process, there is no
GPU yet and one solver only. In modules of Python layers the plain ``import caffe`` means this package.
"""

from netcli.layers.python.blobs import Blob
from netcli.layers.python.interface import Layer
from netcli.pycaffe import coord_map, draw, io, net_spec, proto
from netcli.pycaffe.classifier import Classifier
from netcli.pycaffe.detector import Detector
from netcli.pycaffe.log import init_log, log
from netcli.pycaffe.modes import TEST, TRAIN, layer_type_list, set_device, set_mode_cpu, set_mode_gpu
from netcli.pycaffe.net_spec import NetSpec, layers, params, to_proto
from netcli.pycaffe.parallel import (
    NCCL,
    has_nccl,
    set_multiprocess,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
from netcli.pycaffe.pycaffe import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    Net,
    RMSPropSolver,
    SGDSolver,
    Timer,
)
from netcli.pycaffe.seeds import set_random_seed
from netcli.pycaffe.solver import Solver, get_solver

__version__ = "1.0.0"
"""The version of pycaffe whose names these are; netcli's own is ``netcli.__version__``."""

__all__ = [
    "NCCL",
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "Classifier",
    "Detector",
    "Layer",
    "NesterovSolver",
    "Net",
    "NetSpec",
    "RMSPropSolver",
    "SGDSolver",
    "Solver",
    "Timer",
    "coord_map",
    "draw",
    "get_solver",
    "has_nccl",
    "init_log",
    "io",
    "layer_type_list",
    "layers",
    "log",
    "net_spec",
    "params",
    "proto",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
    "to_proto",
]
