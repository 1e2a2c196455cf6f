"""The update of all parameters of a net: clip, divide by iter_size, regularise, apply the rule.

Caffe's order: the global L2 norm is clipped first, over the sum of all passes of an iteration; then the sum is
divided by iter_size; then the regularisation is added; then the rule makes an update of it. Here a parameter
goes through all of that in one kernel.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from netcli.net import Net
from netcli.net.learnable import Learnable
from netcli.runtime.blob import PLAIN, aligned_zeros
from netcli.schema import caffe_pb2 as pb
from netcli.solver.update_rules import RULES

if TYPE_CHECKING:
    from netcli.solver.cuda import CudaOptimizer


def optimizer_for(net: Net, param: pb.SolverParameter) -> Optimizer | CudaOptimizer:
    """What updates the parameters of ``net`` on its device; their blobs are its own from now on."""
    if net.cuda is None:
        return Optimizer(param, net.learnable, net.context.dtype)
    from netcli.solver.cuda import CudaOptimizer

    optimizer = CudaOptimizer(param, net.learnable, net.context.dtype)
    net.cuda.gradients = optimizer.gradients
    return optimizer


class Optimizer:
    """The histories of a net's parameters, and the step that uses them.

    Args:
        param: the solver's settings, checked.
        learnable: the parameters, in Caffe's order.
        dtype: of the net.

    Attributes:
        history: one array for each parameter, of its shape; for rules that keep two, all first ones, then all
            second ones: the order of Caffe's snapshots.
    """

    def __init__(self, param: pb.SolverParameter, learnable: Sequence[Learnable], dtype: np.dtype) -> None:
        self._param = param
        self._rule = RULES[param.type]
        self._learnable = list(learnable)
        self._dtype = dtype
        self.history = [
            aligned_zeros(item.blob.shape, dtype) for _ in range(self._rule.histories) for item in self._learnable
        ]

    @functools.cached_property
    def _kernels(self) -> ModuleType:
        """numba is imported here and not before."""
        return importlib.import_module("netcli.solver.cpu")

    def restore(self, history: Sequence[np.ndarray]) -> None:
        """Takes the history of a snapshot, checked."""
        for own, stored in zip(self.history, history, strict=True):
            own[...] = stored.reshape(own.shape)

    def update(self, rate: float, iteration: int) -> None:
        """Changes every parameter by its gradient, which is replaced by the update.

        Args:
            rate: the learning rate of this iteration, before lr_mult.
            iteration: from 0; Adam's correction of its moments depends on it.
        """
        param, real = self._param, self._dtype.type
        run = getattr(self._kernels, self._rule.kernel)
        takes_l1, weight_decay = param.regularization_type == "L1", param.weight_decay
        # What is too large for the net's type becomes infinite, as the run will show.
        with np.errstate(over="ignore"):
            coefficients = [real(value) for value in self._rule.coefficients(param, iteration)]
            scale, none = real(self._clipping_factor() / param.iter_size), real(0)
            own = [(real(rate * item.lr_mult), real(weight_decay * item.decay_mult)) for item in self._learnable]
        for index, (item, (own_rate, decay)) in enumerate(zip(self._learnable, own, strict=True)):
            run(
                item.blob.values.update(PLAIN).reshape(-1),
                item.blob.gradients.update(PLAIN).reshape(-1),
                *(array.reshape(-1) for array in self.history[index :: len(self._learnable)]),
                scale,
                none if takes_l1 else decay,
                decay if takes_l1 else none,
                own_rate,
                *coefficients,
            )

    def _clipping_factor(self) -> float:
        """clip_gradients / norm where the L2 norm over all gradients is larger than that, else 1."""
        most = self._param.clip_gradients
        if most < 0:
            return 1.0
        norm = math.sqrt(sum(self._sum_of_squares(item) for item in self._learnable))
        return most / norm if norm > most else 1.0

    def _sum_of_squares(self, item: Learnable) -> float:
        gradients = item.blob.gradients.read(PLAIN).reshape(-1)
        sums = np.zeros(-(-gradients.size // self._kernels.CHUNK))
        self._kernels.chunk_squares(gradients, sums)
        return float(sums.sum())
