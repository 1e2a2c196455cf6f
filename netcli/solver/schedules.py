"""The learning rate as a pure function of the iteration: Caffe's seven policies, and what netcli adds to them.

A schedule has no state, so plotting it, testing it and resuming from any iteration cost nothing. The rate at
iteration i is the one that the update of iteration i uses, with i counted from 0.

Not in Caffe: the policy "cosine", and the warm-up, which may precede any policy.

Sources: Caffe's SGDSolver::GetLearningRate; where Caffe counts steps as it goes, the formulas give what it gives in
a run without breaks. Loshchilov and Hutter, "SGDR", ICLR 2017, for the cosine; Goyal et al., arXiv:1706.02677, for the
warm-up, whose fields are those of Intel's fork.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netcli.errors import ConfigError, Finding, did_you_mean
from netcli.prototxt import SolverSource
from netcli.schema import caffe_pb2 as pb

Schedule = Callable[[int], float]


def fixed(base_lr: float) -> Schedule:
    """The same rate for ever: ``lr(i) = base_lr``.

    >>> rate = fixed(0.1)
    >>> [rate(0), rate(1000)]
    [0.1, 0.1]
    """
    return lambda iteration: base_lr


def step(base_lr: float, gamma: float, stepsize: int) -> Schedule:
    """A drop every ``stepsize`` iterations: ``lr(i) = base_lr gamma^floor(i / stepsize)``.

    >>> rate = step(0.1, gamma=0.5, stepsize=10)
    >>> [rate(0), rate(9), rate(10), rate(20)]
    [0.1, 0.1, 0.05, 0.025]
    """
    return lambda iteration: base_lr * _power(gamma, iteration // stepsize)


def exp(base_lr: float, gamma: float) -> Schedule:
    """Exponential decay: ``lr(i) = base_lr gamma^i``.

    >>> rate = exp(0.1, gamma=0.5)
    >>> [rate(0), rate(1), rate(2)]
    [0.1, 0.05, 0.025]
    """
    return lambda iteration: base_lr * _power(gamma, iteration)


def inv(base_lr: float, gamma: float, power: float) -> Schedule:
    """Inverse decay: ``lr(i) = base_lr (1 + gamma i)^-power``, with ``gamma`` at least 0.

    >>> rate = inv(0.01, gamma=0.0001, power=0.75)
    >>> [round(rate(i), 6) for i in (0, 500, 10000)]
    [0.01, 0.009641, 0.005946]
    """
    return lambda iteration: base_lr * _power(1 + gamma * iteration, -power)


def multistep(base_lr: float, gamma: float, stepvalue: Sequence[int]) -> Schedule:
    """A drop at each of the given iterations: ``lr(i) = base_lr gamma^k``, k = how many stepvalues are <= i.

    >>> rate = multistep(0.1, gamma=0.5, stepvalue=[3, 7])
    >>> [rate(2), rate(3), rate(6), rate(7)]
    [0.1, 0.05, 0.05, 0.025]
    """
    steps = tuple(stepvalue)
    return lambda iteration: base_lr * _power(gamma, bisect_right(steps, iteration))


def poly(base_lr: float, power: float, max_iter: int) -> Schedule:
    """Down to 0 at ``max_iter``: ``lr(i) = base_lr (1 - i / max_iter)^power``; 0 from there on.

    (Beyond max_iter Caffe's formula turns into NaN or grows again.)

    >>> rate = poly(0.1, power=2, max_iter=10)
    >>> [rate(0), rate(5), rate(10), rate(11)]
    [0.1, 0.025, 0.0, 0.0]
    """
    return lambda iteration: base_lr * _power(1 - iteration / max_iter, power) if iteration < max_iter else 0.0


def sigmoid(base_lr: float, gamma: float, stepsize: int) -> Schedule:
    """A smooth switch round ``stepsize``: ``lr(i) = base_lr / (1 + exp(-gamma (i - stepsize)))``.

    >>> rate = sigmoid(0.1, gamma=-0.5, stepsize=10)
    >>> [round(rate(i), 4) for i in (0, 10, 20)]
    [0.0993, 0.05, 0.0007]
    """

    def rate(iteration: int) -> float:
        x = gamma * (iteration - stepsize)
        # Each branch raises e to a negative number only, which cannot overflow.
        return base_lr / (1 + math.exp(-x)) if x >= 0 else base_lr * math.exp(x) / (1 + math.exp(x))

    return rate


def cosine(base_lr: float, min_lr: float, max_iter: int) -> Schedule:
    """Half a wave down to ``min_lr``: ``lr(i) = min_lr + (base_lr - min_lr) (1 + cos(pi i / max_iter)) / 2``.

    Stays at min_lr from max_iter on.

    >>> rate = cosine(0.1, min_lr=0.02, max_iter=10)
    >>> [round(rate(i), 4) for i in (0, 5, 10, 11)]
    [0.1, 0.06, 0.02, 0.02]
    """
    half = (base_lr - min_lr) / 2
    return lambda iteration: min_lr + half * (1 + math.cos(math.pi * min(iteration, max_iter) / max_iter))


def warm_up(rate: Schedule, warmup_iter: int, start: float) -> Schedule:
    """``rate``, but up to ``warmup_iter`` a straight line that begins at ``start`` and meets it there.

    >>> warmed = warm_up(fixed(0.1), warmup_iter=4, start=0.02)
    >>> [round(warmed(i), 4) for i in (0, 1, 4, 5)]
    [0.02, 0.04, 0.1, 0.1]
    """
    end = rate(warmup_iter)
    return lambda i: start + (end - start) * i / warmup_iter if i < warmup_iter else rate(i)


@dataclass(frozen=True)
class Policy:
    """A policy and the solver's fields that it needs beside base_lr, and those that it takes."""

    make: Callable[..., Schedule]
    fields: tuple[str, ...]
    optional: tuple[str, ...] = ()


POLICIES: dict[str, Policy] = {
    "fixed": Policy(fixed, ()),
    "step": Policy(step, ("gamma", "stepsize")),
    "exp": Policy(exp, ("gamma",)),
    "inv": Policy(inv, ("gamma", "power")),
    "multistep": Policy(multistep, ("gamma", "stepvalue")),
    "poly": Policy(poly, ("power", "max_iter")),
    "sigmoid": Policy(sigmoid, ("gamma", "stepsize")),
    "cosine": Policy(cosine, ("max_iter",), ("min_lr",)),
}


def schedule(source: SolverSource) -> Schedule:
    """The learning rate that a solver asks for: ``schedule(source)(iteration)``.

    Raises:
        ConfigError: all findings of ``schedule_findings``.
    """
    findings = schedule_findings(source)
    if findings:
        raise ConfigError(findings)
    param = source.param
    policy = POLICIES[param.lr_policy]
    fields = {name: _value(param, name) for name in (*policy.fields, *policy.optional)}
    rate = policy.make(as_written(param.base_lr), **fields)
    return warm_up(rate, param.warmup_iter, as_written(param.warmup_start_lr)) if param.warmup_iter else rate


def steps_taken(param: pb.SolverParameter, iteration: int) -> int:
    """Caffe's ``current_step`` after the update of ``iteration``: kept in snapshots for Caffe's sake.

    It counts drops for the policies "step" and "multistep" and stays 0 for all others.
    """
    if param.lr_policy == "step":
        return max(iteration, 0) // param.stepsize
    return bisect_right(list(param.stepvalue), iteration) if param.lr_policy == "multistep" else 0


def schedule_findings(source: SolverSource) -> list[Finding]:
    """All that is wrong with the learning rate's fields (NC401 to NC404), each at its place."""
    param = source.param
    findings = []
    if not param.HasField("base_lr"):
        findings.append(_finding(source, "NC401", "base_lr is missing", "base_lr", expected="a learning rate"))
    elif not math.isfinite(param.base_lr):
        findings.append(
            _finding(source, "NC404", "base_lr is not finite", "base_lr", expected="a number", actual=param.base_lr)
        )
    for name in ("warmup_iter", "warmup_start_lr", "min_lr"):
        value = _value(param, name)
        if not 0 <= value < math.inf:
            findings.append(
                _finding(source, "NC404", f"{name} is out of range", name, expected="at least 0", actual=f"{value:g}")
            )
    policy = POLICIES.get(param.lr_policy)
    if policy is None:
        return [*findings, _unknown_policy(source)]
    for name in policy.fields:
        given = len(param.stepvalue) > 0 if name == "stepvalue" else param.HasField(name)
        if given:
            findings += _field_findings(source, name)
        else:
            message = f'lr_policy "{param.lr_policy}" needs {name}'
            needs = ", ".join(("base_lr", *policy.fields))
            findings.append(_finding(source, "NC403", message, "lr_policy", expected=needs))
    return findings


def as_written(value: float) -> float:
    """A float field as the user wrote it: 0.01, where the message holds the float32 0.0099999997765.

    >>> as_written(0.009999999776482582)
    0.01
    """
    return float(str(np.float32(value)))


def _power(base: float, exponent: float) -> float:
    """``base ** exponent``, infinite where it overflows, as in Caffe."""
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


def _value(param: pb.SolverParameter, name: str) -> Any:
    value = getattr(param, name)
    if name == "stepvalue":
        return list(value)
    return as_written(value) if isinstance(value, float) else value


def _unknown_policy(source: SolverSource) -> Finding:
    name = source.param.lr_policy
    known = ", ".join(POLICIES)
    if not name:
        return _finding(source, "NC401", "lr_policy is missing", "lr_policy", expected=f"one of {known}")
    hint, suggestion = did_you_mean(name, POLICIES)
    return _finding(
        source, "NC402", "unknown lr_policy", "lr_policy", expected=f"one of {known}", actual=f'"{name}"', hint=hint,
        suggestion=suggestion,
    )  # fmt: skip


def _field_findings(source: SolverSource, name: str) -> list[Finding]:
    """What is wrong with the value of one field that the policy reads."""
    param = source.param
    policy, value = param.lr_policy, _value(param, name)
    if name == "stepvalue":
        return _stepvalue_findings(source, value)
    if name in ("gamma", "power") and not math.isfinite(value):
        expected = "a number"
    elif (policy, name) in (("inv", "gamma"), ("poly", "power")) and value < 0:
        expected = "at least 0"
    elif (name == "max_iter" or (policy, name) == ("step", "stepsize")) and value < 1:
        expected = "at least 1"
    else:
        return []
    message = f'{name} is out of range for lr_policy "{policy}"'
    return [_finding(source, "NC404", message, name, expected=expected, actual=f"{value:g}")]


def _stepvalue_findings(source: SolverSource, values: list[int]) -> list[Finding]:
    findings = []
    if values[0] < 0:
        findings.append(
            _finding(source, "NC404", "stepvalue is negative", "stepvalue", expected="at least 0", actual=values[0])
        )
    for index in range(1, len(values)):
        before, value = values[index - 1], values[index]
        if value <= before:
            where = ("stepvalue", index)
            message = "stepvalues must increase"
            findings.append(_finding(source, "NC404", message, *where, expected=f"more than {before}", actual=value))
    return findings


def _finding(
    source: SolverSource,
    code: str,
    message: str,
    *where: str | int,
    expected: object = None,
    actual: object = None,
    hint: str | None = None,
    suggestion: str | None = None,
) -> Finding:
    error = ConfigError.of(
        code, message, place=source.place(*where), expected=expected, actual=actual, hint=hint, suggestion=suggestion
    )
    return error.findings[0]
