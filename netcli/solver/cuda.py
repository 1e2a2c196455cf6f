"""The update of all parameters on a GPU: one launch for the rule, two more where gradients are clipped.

Parameters, gradients and histories stand in arenas, one array beside the other. The host writes what changes between
iterations into device memory (``prepare``); the launches (``launch``) can stand in a graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.net.learnable import Learnable
from netcli.runtime.blob import CUDA, PLAIN, Replicas
from netcli.runtime.cuda.arena import Arena
from netcli.runtime.cuda.changing import ChangingNumbers
from netcli.runtime.cuda.memory import DeviceArray, device_array, device_zeros
from netcli.schema import caffe_pb2 as pb
from netcli.solver import cuda_kernels as kernels
from netcli.solver.update_rules import RULES


class CudaOptimizer:
    """As ``netcli.solver.optimizer.Optimizer``, for a net on a GPU: the parameters' blobs move into arenas."""

    def __init__(self, param: pb.SolverParameter, learnable: Sequence[Learnable], dtype: np.dtype) -> None:
        self._param = param
        self._rule = RULES[param.type]
        self._learnable = list(learnable)
        self._kernel = getattr(kernels, self._rule.kernel)
        sizes = [item.blob.count for item in self._learnable]
        histories = self._rule.histories
        self._arenas = [Arena(sizes, kernels.UNIT, dtype) for _ in range(2 + histories)]
        self._histories = [Replicas(item.blob.shape, dtype) for _ in range(histories) for item in self._learnable]
        values, gradients, *kept = self._arenas
        for item, place in zip(self._learnable, values.parts, strict=True):
            item.blob.values.stand_on(place)
        for item, place in zip(self._learnable, gradients.parts, strict=True):
            item.blob.gradients.stand_on(place)
        for replicas, place in zip(self._histories, [part for arena in kept for part in arena.parts], strict=True):
            replicas.stand_on(place)
        self._owners = device_array(values.owners)
        self._own = ChangingNumbers(2 * len(self._learnable), np.float32)
        self._common = ChangingNumbers(1 + len(self._rule.coefficients(param, 0)), np.float32)
        self._clipping = device_zeros(1)
        self._clipping.fill(1)
        self._partial = device_zeros(2 * kernels.NORM_BLOCKS)

    @property
    def history(self) -> list[np.ndarray]:
        """As the other optimizer's, read from the device."""
        return [replicas.read(PLAIN) for replicas in self._histories]

    @property
    def gradients(self) -> DeviceArray:
        """The gradients of all parameters, with zeros between them."""
        return self._arenas[1].memory

    @property
    def replicas(self) -> list[Replicas]:
        """What ``launch`` writes."""
        blobs = [item.blob for item in self._learnable]
        return [*(blob.values for blob in blobs), *(blob.gradients for blob in blobs), *self._histories]

    def restore(self, history: Sequence[np.ndarray]) -> None:
        """Takes the history of a snapshot."""
        for own, stored in zip(self._histories, history, strict=True):
            own.write(PLAIN)[...] = stored.reshape(own.shape)

    def update(self, rate: float, iteration: int) -> None:
        """As the other optimizer's."""
        self.prepare(rate, iteration)
        self.launch()

    def prepare(self, rate: float, iteration: int) -> None:
        """Writes what is this iteration's own to the device."""
        param = self._param
        # What is too large for float32 becomes infinite, as the run will show.
        with np.errstate(over="ignore"):
            self._own.set(
                *(x for item in self._learnable for x in (rate * item.lr_mult, param.weight_decay * item.decay_mult))
            )
            self._common.set(1 / param.iter_size, *self._rule.coefficients(param, iteration))

    def launch(self) -> None:
        """Changes every parameter by its gradient, which is replaced by the update."""
        for replicas in self.replicas:
            replicas.update(CUDA)
        values, gradients, *kept = (arena.memory for arena in self._arenas)
        if not values.size:
            return
        limit = self._param.clip_gradients
        if limit >= 0:
            kernels.partial_norms(kernels.NORM_BLOCKS, gradients, self._partial, gradients.size)
            kernels.clipping_factor(1, self._partial, self._clipping, kernels.NORM_BLOCKS, limit)
        self._kernel(
            values.size // kernels.UNIT,
            values,
            gradients,
            *kept,
            self._owners,
            self._own.array,
            self._common.array,
            self._clipping,
            int(self._param.regularization_type == "L1"),
        )
