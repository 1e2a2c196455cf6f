"""How lambda, the weight of the plain inner product beside the one with a margin, falls while training.

    lambda(n) = max(lambda_min, base (1 + gamma n)^-power),   n = ``iteration`` + iterations done + 1

It is a function of the solver's iteration, so that a run that goes on from a snapshot goes on with its lambda, and
training and test nets have the same. The forks count forward passes instead, which is the same for a net that is run
once an iteration. Source: SphereFace's margin_inner_product_layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from netcli.layers.layer import Layer
from netcli.schema import caffe_pb2 as pb

MarginSettings = pb.MarginInnerProductParameter | pb.LargeMarginInnerProductParameter | pb.AngularMarginParameter


def annealing(settings: MarginSettings) -> Callable[[int], float]:
    """The function from iterations done to lambda.

    >>> settings = pb.MarginInnerProductParameter(base=1000, gamma=0.15, lambda_min=5)
    >>> [round(annealing(settings)(done), 5) for done in (900, 1200, 10000)]
    [7.34484, 5.52029, 5.0]
    """
    base, gamma, power = settings.base, settings.gamma, settings.power
    first = settings.iteration + 1
    return lambda done: max(settings.lambda_min, base * _power(1 + gamma * (first + done), -power))


def anneals(settings: MarginSettings) -> bool:
    """Whether lambda falls at all."""
    return settings.gamma > 0 and settings.power > 0 and settings.base > settings.lambda_min


def floor_iteration(settings: MarginSettings) -> int | None:
    """The number of iterations done from which on lambda is ``lambda_min``; None if it never gets there.

    >>> floor_iteration(pb.MarginInnerProductParameter(base=1000, gamma=0.12, lambda_min=5))
    1658
    """
    if not anneals(settings) or settings.lambda_min <= 0:
        return None
    reached = (_power(settings.base / settings.lambda_min, 1 / settings.power) - 1) / settings.gamma
    return max(0, math.ceil(reached) - settings.iteration - 1) if math.isfinite(reached) else None


def lambda_matters(settings: MarginSettings) -> bool:
    """False where a margin of one is none, and for the later margins, which do without unless they are told to."""
    if isinstance(settings, pb.AngularMarginParameter):
        return max(settings.base, settings.lambda_min) > 0
    return settings.type != 0


def check_annealing(layer: Layer, field: str, settings: MarginSettings) -> None:
    """Raises ConfigError NC121 for a value with which lambda would be negative or no number."""
    for name in ("base", "gamma", "lambda_min", "iteration"):
        value = getattr(settings, name)
        if not 0 <= value < math.inf:
            raise layer.error(
                "NC121", f"{name} is out of range", field, name, expected="at least 0", actual=f"{value:g}"
            )
    if not math.isfinite(settings.power):
        raise layer.error("NC121", "power is no number to raise to", field, "power", actual=f"{settings.power:g}")


def _power(value: float, exponent: float) -> float:
    """``value`` to the ``exponent``, infinite where that is too large for a float."""
    try:
        return value**exponent
    except OverflowError:
        return math.inf
