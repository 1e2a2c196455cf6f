r"""How a gradient becomes an update: Caffe's six solver types and AdamW, as one table.

g is the gradient of the regularised loss, divided by iter_size and clipped; r the rate times lr_mult; w the
weight; i the iteration from 0. In each case w loses the update u.

    SGD        h = momentum h + r g;                       u = h
    Nesterov   h' = momentum h + r g;                      u = (1 + momentum) h' - momentum h
    AdaGrad    s = s + g^2;                                u = r g / (sqrt(s) + delta)
    RMSProp    s = d s + (1 - d) g^2, d = rms_decay;       u = r g / (sqrt(s) + delta)
    AdaDelta   s = d s + (1 - d) g^2, d = momentum;        v = g sqrt((x + delta) / (s + delta));
               x = d x + (1 - d) v^2;                      u = r v
    Adam       m = b1 m + (1 - b1) g, b1 = momentum;       s = b2 s + (1 - b2) g^2, b2 = momentum2;
               u = r sqrt(1 - b2^(i+1)) / (1 - b1^(i+1)) m / (sqrt(s) + delta)
    AdamW      as Adam, with g the gradient of the loss alone; u = (Adam's u) + r (gradient of the regularisation)

AdamW is netcli's own: Caffe stops at a solver of that type.

Sources: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013 (SGD,
Nesterov); Duchi et al., JMLR 12, 2011 (AdaGrad); Tieleman and Hinton, Coursera lecture 6.5, 2012 (RMSProp);
Zeiler, arXiv:1212.5701 (AdaDelta); Kingma and Ba, arXiv:1412.6980 (Adam); the details are Caffe's. Loshchilov and
Hutter, "Decoupled weight decay regularization", ICLR 2019 (AdamW; its schedule multiplier is our rate).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from netcli.schema import caffe_pb2 as pb


@dataclass(frozen=True)
class UpdateRule:
    """One solver type.

    Attributes:
        kernel: its name in ``netcli.solver.cpu``.
        coefficients: (settings, iteration) -> what the kernel takes after the rate.
        histories: arrays that it keeps for each parameter. Snapshots hold all first ones, then all second ones.
        momentum_means: what the field ``momentum`` is to it; None if it must not be set.
    """

    kernel: str
    coefficients: Callable[[pb.SolverParameter, int], tuple[float, ...]]
    histories: int = 1
    momentum_means: str | None = None


def _momentum(param: pb.SolverParameter, iteration: int) -> tuple[float, ...]:
    return (param.momentum,)


def _adagrad(param: pb.SolverParameter, iteration: int) -> tuple[float, ...]:
    return (param.delta,)


def _rmsprop(param: pb.SolverParameter, iteration: int) -> tuple[float, ...]:
    return (param.rms_decay, 1 - param.rms_decay, param.delta)


def _adadelta(param: pb.SolverParameter, iteration: int) -> tuple[float, ...]:
    return (param.momentum, 1 - param.momentum, param.delta)


def _adam(param: pb.SolverParameter, iteration: int) -> tuple[float, ...]:
    beta1, beta2 = param.momentum, param.momentum2
    correction = math.sqrt(1 - beta2 ** (iteration + 1)) / (1 - beta1 ** (iteration + 1))
    return (beta1, 1 - beta1, beta2, 1 - beta2, correction, param.delta)


RULES: dict[str, UpdateRule] = {
    "SGD": UpdateRule("sgd", _momentum, momentum_means="momentum"),
    "Nesterov": UpdateRule("nesterov", _momentum, momentum_means="momentum"),
    "AdaGrad": UpdateRule("adagrad", _adagrad),
    "RMSProp": UpdateRule("rmsprop", _rmsprop),
    "AdaDelta": UpdateRule("adadelta", _adadelta, histories=2, momentum_means="decay of the running means"),
    "Adam": UpdateRule("adam", _adam, histories=2, momentum_means="beta1"),
    "AdamW": UpdateRule("adamw", _adam, histories=2, momentum_means="beta1"),
}


def histories_of(param: pb.SolverParameter) -> int:
    """Arrays that a solver keeps for each parameter; 0 for a type that is not known."""
    return RULES[param.type].histories if param.type in RULES else 0
