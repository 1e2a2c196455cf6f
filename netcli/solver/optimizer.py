"""The update of all parameters of a net: clip, divide by iter_size, regularise, apply the rule.

Caffe's order: the global L2 norm is clipped first, over the sum of all passes of an iteration; then the sum is
divided by iter_size; then the regularisation is added; then the rule makes an update of it. Here a parameter
goes through all of that in one kernel.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from netcli.net import Net
from netcli.net.learnable import Learnable
from netcli.runtime.blob import PLAIN, aligned_zeros
from netcli.runtime.pieces import Pieces
from netcli.schema import caffe_pb2 as pb
from netcli.solver.update_rules import RULES

if TYPE_CHECKING:
    from netcli.solver.cuda import CudaOptimizer


def optimizer_for(net: Net, param: pb.SolverParameter) -> Optimizer | CudaOptimizer:
    """What updates the parameters of ``net`` on its device; their blobs are its own from now on."""
    if net.cuda is None:
        kept = net.keep_gradients or param.debug_info or param.snapshot_diff
        return Optimizer(param, net.learnable, net.context.dtype, None if kept else net.param_diffs_are_zero)
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
        tell_zeros: called after each update, which then leaves zeros in the place of the gradients: the next
            iteration starts from them anyway, and there and then they cost nothing.

    Attributes:
        history: one array for each parameter, of its shape; for rules that keep two, all first ones, then all
            second ones: the order of Caffe's snapshots.
    """

    def __init__(
        self,
        param: pb.SolverParameter,
        learnable: Sequence[Learnable],
        dtype: np.dtype,
        tell_zeros: Callable[[], None] | None = None,
    ) -> None:
        self._param = param
        self._tell_zeros = tell_zeros
        self._rule = RULES[param.type]
        self._learnable = list(learnable)
        self._dtype = dtype
        self.history = [
            aligned_zeros(item.blob.shape, dtype) for _ in range(self._rule.histories) for item in self._learnable
        ]
        count = len(self._learnable)
        self._histories = [self.history[first : first + count] for first in range(0, len(self.history), count or 1)]
        self._pieces, self._gradient_pieces = Pieces(), Pieces()
        # They stay the same for many iterations, some for all.
        self._own = functools.lru_cache(1)(self._make_own)
        self._of_the_type = functools.lru_cache(1)(self._make_of_the_type)

    @functools.cached_property
    def _kernels(self) -> ModuleType:
        """numba is imported here and not before."""
        return importlib.import_module("netcli.solver.cpu")

    @functools.cached_property
    def _kernel(self) -> Callable[..., None]:
        kernel: Callable[..., None] = getattr(self._kernels, self._rule.kernel)
        return kernel

    def restore(self, history: Sequence[np.ndarray]) -> None:
        """Takes the history of a snapshot, checked."""
        for own, stored in zip(self.history, history, strict=True):
            own[...] = stored.reshape(own.shape)

    def update(self, rate: float, iteration: int) -> None:
        """Changes every parameter by its gradient, which is replaced by the update, or by 0 where that is told.

        Args:
            rate: the learning rate of this iteration, before lr_mult.
            iteration: from 0; Adam's correction of its moments depends on it.
        """
        scale = self._clipping_factor() / self._param.iter_size
        numbers = self._of_the_type((scale, *self._rule.coefficients(self._param, iteration)))
        weights = [item.blob.values.update(PLAIN) for item in self._learnable]
        gradients = [item.blob.gradients.update(PLAIN) for item in self._learnable]
        table, kept = self._pieces.table(weights, gradients, *self._histories), self._tell_zeros is None
        self._kernel(table, self._own(rate), *numbers, kept, self._dtype.type(0))
        if self._tell_zeros is not None:
            self._tell_zeros()

    def gradient_norm(self) -> float:
        """The L2 norm over all gradients, the same for any number of threads."""
        table = self._gradient_pieces.table([item.blob.gradients.read(PLAIN) for item in self._learnable])
        sums = np.zeros(len(table))
        self._kernels.sums_of_squares(table, self._dtype.type(1), sums)
        return math.sqrt(sums.sum())

    def _make_own(self, rate: float) -> np.ndarray:
        """(parameters, 3): of each its decay by L2 and by L1, and its rate."""
        takes_l1, weight_decay = self._param.regularization_type == "L1", self._param.weight_decay
        own = np.zeros((len(self._learnable), 3))
        for row, item in zip(own, self._learnable, strict=True):
            row[1 if takes_l1 else 0] = weight_decay * item.decay_mult
            row[2] = rate * item.lr_mult
        # What is too large for the net's type becomes infinite, as the run will show.
        with np.errstate(over="ignore"):
            return own.astype(self._dtype)

    def _make_of_the_type(self, numbers: tuple[float, ...]) -> list[Any]:
        with np.errstate(over="ignore"):
            return [self._dtype.type(number) for number in numbers]

    def _clipping_factor(self) -> float:
        """clip_gradients / norm where the L2 norm over all gradients is larger than that, else 1."""
        most = self._param.clip_gradients
        if most < 0:
            return 1.0
        norm = self.gradient_norm()
        return most / norm if norm > most else 1.0
