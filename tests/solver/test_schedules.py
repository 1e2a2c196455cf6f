"""The eight learning rate policies against their closed forms, at their edges, and what is said of wrong fields."""

from __future__ import annotations

import doctest
import math
import subprocess
import sys

import pytest

from netcli.errors import ConfigError
from netcli.prototxt import SolverSource
from netcli.solver import schedules
from netcli.solver.schedules import POLICIES, schedule, schedule_findings, steps_taken


def source(text: str) -> SolverSource:
    return SolverSource.from_text(text, "solver.prototxt")


CLOSED_FORMS = {
    'lr_policy: "fixed"': lambda i: 0.1,
    'lr_policy: "step" gamma: 0.5 stepsize: 7': lambda i: 0.1 * 0.5 ** math.floor(i / 7),
    'lr_policy: "exp" gamma: 0.9': lambda i: 0.1 * 0.9**i,
    'lr_policy: "inv" gamma: 0.1 power: 0.75': lambda i: 0.1 / (1 + 0.1 * i) ** 0.75,
    'lr_policy: "multistep" gamma: 0.3 stepvalue: [3, 7, 15]': lambda i: 0.1 * 0.3 ** sum(i >= s for s in (3, 7, 15)),
    'lr_policy: "poly" power: 1.5 max_iter: 20': lambda i: 0.1 * (1 - i / 20) ** 1.5 if i < 20 else 0,
    'lr_policy: "sigmoid" gamma: -0.5 stepsize: 10': lambda i: 0.1 / (1 + math.exp(0.5 * (i - 10))),
    'lr_policy: "cosine" max_iter: 20 min_lr: 0.01': lambda i: 0.055 + 0.045 * math.cos(math.pi * min(i, 20) / 20),
}


def test_every_policy_is_tested() -> None:
    assert {text.split('"')[1] for text in CLOSED_FORMS} == set(POLICIES)


@pytest.mark.parametrize("text", CLOSED_FORMS, ids=lambda text: text.split('"')[1])
def test_the_rate_is_the_closed_form_in_any_order(text: str) -> None:
    rate = schedule(source("base_lr: 0.1 " + text))
    forward = [rate(i) for i in range(30)]
    backward = [rate(i) for i in reversed(range(30))]
    assert forward == backward[::-1]
    assert forward == pytest.approx([CLOSED_FORMS[text](i) for i in range(30)], rel=1e-12)


def test_examples_in_the_documentation() -> None:
    result = doctest.testmod(schedules)
    assert result.attempted >= 15
    assert result.failed == 0


def test_the_rate_is_the_number_that_was_written() -> None:
    assert schedule(source('base_lr: 0.01 lr_policy: "fixed"'))(0) == 0.01


@pytest.mark.parametrize(
    ("text", "iteration", "expected"),
    [
        ('lr_policy: "multistep" gamma: 0.5 stepvalue: 0', 0, 0.05),
        ('lr_policy: "poly" power: 0.5 max_iter: 10', 11, 0.0),
        ('lr_policy: "poly" power: 0 max_iter: 10', 9, 0.1),
        ('lr_policy: "sigmoid" gamma: 1 stepsize: 100000', 0, 0.0),
        ('lr_policy: "sigmoid" gamma: -1 stepsize: 0', 100000, 0.0),
        ('lr_policy: "exp" gamma: 2', 100000, math.inf),
        ('lr_policy: "exp" gamma: 0.5', 100000, 0.0),
        ('lr_policy: "step" gamma: 0 stepsize: 1', 0, 0.1),
        ('lr_policy: "fixed" warmup_iter: 4', 0, 0.0),
        ('lr_policy: "fixed" warmup_iter: 4 warmup_start_lr: 0.2', 2, pytest.approx(0.15)),
        ('lr_policy: "fixed" warmup_iter: 4 warmup_start_lr: 0.2', 4, 0.1),
        ('lr_policy: "step" gamma: 0.5 stepsize: 2 warmup_iter: 4', 3, pytest.approx(0.025 * 3 / 4)),
        ('lr_policy: "step" gamma: 0.5 stepsize: 2 warmup_iter: 4', 6, 0.0125),
    ],
)
def test_edges(text: str, iteration: int, expected: float) -> None:
    assert schedule(source("base_lr: 0.1 " + text))(iteration) == expected


def test_steps_taken_count_as_caffe_does() -> None:
    step = source('base_lr: 1 lr_policy: "step" gamma: 0.5 stepsize: 4').param
    multistep = source('base_lr: 1 lr_policy: "multistep" gamma: 0.5 stepvalue: [3, 7]').param
    assert [steps_taken(step, i) for i in (-1, 0, 3, 4, 9)] == [0, 0, 0, 1, 2]
    assert [steps_taken(multistep, i) for i in (-1, 2, 3, 7)] == [0, 0, 1, 2]
    assert steps_taken(source('base_lr: 1 lr_policy: "fixed"').param, 100) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'lr_policy: "fixed"',
            "solver.prototxt: base_lr is missing, expected a learning rate [NC401]",
        ),
        (
            "base_lr: 0.1",
            "solver.prototxt: lr_policy is missing, "
            "expected one of fixed, step, exp, inv, multistep, poly, sigmoid, cosine [NC401]",
        ),
        (
            'base_lr: 0.1\nlr_policy: "mulitstep"',
            "solver.prototxt:2:12: unknown lr_policy, expected one of fixed, step, exp, inv, multistep, poly, sigmoid, "
            "cosine, actual \"mulitstep\". hint: did you mean 'multistep'? [NC402]",
        ),
        (
            'base_lr: 0.1 lr_policy: "poly" power: 1',
            'solver.prototxt:1:25: lr_policy "poly" needs max_iter, expected base_lr, power, max_iter [NC403]',
        ),
        (
            'base_lr: 0.1 lr_policy: "multistep" gamma: 0.1',
            'solver.prototxt:1:25: lr_policy "multistep" needs stepvalue, expected base_lr, gamma, stepvalue [NC403]',
        ),
        (
            'base_lr: 0.1 lr_policy: "step" gamma: 0.1 stepsize: 0',
            'solver.prototxt:1:53: stepsize is out of range for lr_policy "step", '
            "expected at least 1, actual 0 [NC404]",
        ),
        (
            'base_lr: 0.1 lr_policy: "multistep" gamma: 0.1 stepvalue: 10 stepvalue: 10',
            "solver.prototxt:1:73: stepvalues must increase, expected more than 10, actual 10 [NC404]",
        ),
        (
            'base_lr: 0.1 lr_policy: "inv" gamma: -1 power: 1',
            'solver.prototxt:1:38: gamma is out of range for lr_policy "inv", expected at least 0, actual -1 [NC404]',
        ),
        (
            'base_lr: nan lr_policy: "fixed"',
            "solver.prototxt:1:10: base_lr is not finite, expected a number, actual nan [NC404]",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        schedule(source(text))
    assert str(caught.value) == expected


def test_all_that_is_wrong_is_said_at_once() -> None:
    findings = schedule_findings(source('lr_policy: "step" stepsize: -1'))
    assert [finding.code for finding in findings] == ["NC401", "NC403", "NC404"]


def test_schedules_need_no_compiler() -> None:
    program = (
        "import sys, netcli.solver, netcli.solver.schedules; print([m for m in ('numba', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
