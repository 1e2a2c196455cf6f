"""Findings about a solver's settings: each at its place, all together."""

from __future__ import annotations

import pytest
from solver_cases import RATE, make_solver, solver_source

from netcli.errors import ConfigError
from netcli.prototxt import SolverSource
from netcli.solver import Solver
from netcli.solver.settings import check_max_iter, check_settings


def findings(text: str) -> list[str]:
    return [str(finding) for finding in check_settings(SolverSource.from_text(RATE + text, "s"))]


AT = len(RATE) + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'type: "Adma"',
            f"s:1:{AT + 6}: unknown solver type, expected one of SGD, Nesterov, AdaGrad, RMSProp, AdaDelta, Adam, "
            "AdamW, actual \"Adma\". hint: did you mean 'Adam'? [NC400]",
        ),
        (
            'momentum: 0.9 type: "AdaGrad"',
            f"s:1:{AT + 10}: AdaGrad has no momentum, expected 0, or no such field, actual 0.9. "
            'hint: remove it, or use type "SGD", "Nesterov" or "Adam" [NC406]',
        ),
        (
            'momentum: 0.9 type: "RMSProp"',
            f"s:1:{AT + 10}: RMSProp has no momentum, expected 0, or no such field, actual 0.9. "
            'hint: remove it, or use type "SGD", "Nesterov" or "Adam" [NC406]',
        ),
        (
            'rms_decay: 1 type: "RMSProp"',
            f"s:1:{AT + 11}: rms_decay is out of range for RMSProp, expected at least 0 and below 1, actual 1 [NC407]",
        ),
        (
            'momentum2: 1 type: "Adam"',
            f"s:1:{AT + 11}: momentum2 is out of range for Adam, expected at least 0 and below 1, actual 1 [NC407]",
        ),
        ("iter_size: 0", f"s:1:{AT + 11}: iter_size is out of range, expected at least 1, actual 0 [NC407]"),
        ("average_loss: 0", f"s:1:{AT + 14}: average_loss is out of range, expected at least 1, actual 0 [NC407]"),
        ("snapshot: -1", f"s:1:{AT + 10}: snapshot is out of range, expected at least 0, actual -1 [NC407]"),
        ("weight_decay: inf", f"s:1:{AT + 14}: weight_decay is not finite, expected a number, actual inf [NC407]"),
        (
            "test_interval: 1 test_iter: 0",
            f"s:1:{AT + 28}: test_iter is out of range, expected at least 1, actual 0 [NC407]",
        ),
        (
            "test_iter: 10",
            f"s:1:{AT + 11}: test_iter without test_interval, expected a test_interval. "
            "hint: say how many iterations lie between two tests [NC408]",
        ),
        (
            'regularization_type: "l2"',
            f's:1:{AT + 21}: unknown regularization_type, expected "L1" or "L2", actual "l2". '
            "hint: did you mean 'L2'? [NC409]",
        ),
    ],
)
def test_errors(text: str, expected: str) -> None:
    assert findings(text) == [expected]


def test_adadelta_and_adam_have_a_momentum() -> None:
    assert findings('type: "AdaDelta" momentum: 0.95') == []
    assert findings('type: "Adam" momentum: 0.9 momentum2: 0.999') == []


def test_all_errors_stop_the_solver_together() -> None:
    with pytest.raises(ConfigError) as caught:
        make_solver('type: "Adma" iter_size: 0 regularization_type: "L3"')
    assert [finding.code for finding in caught.value.findings] == ["NC400", "NC407", "NC409"]


def test_what_caffe_ignores_is_only_told() -> None:
    solver = make_solver("solver_mode: GPU test_interval: 10")
    assert [(notice.code, notice.severity) for notice in solver.notices] == [("NC408", "warning"), ("NC411", "note")]
    assert make_solver("solver_mode: CPU").notices == []


def test_max_iter_is_needed_for_a_run_to_the_end_only() -> None:
    solver = make_solver("snapshot_after_train: false")
    solver.step(1)
    assert solver.iteration == 1
    with pytest.raises(ConfigError, match="max_iter is missing, expected at least 1") as caught:
        solver.solve()
    assert caught.value.code == "NC405"
    assert [finding.code for finding in check_max_iter(solver_source("max_iter: 0"))] == ["NC405"]


def test_seeds() -> None:
    text = 'base_lr: 0.1 lr_policy: "fixed"'
    assert Solver(solver_source(text + " random_seed: 5")).seed == 5
    assert Solver(solver_source(text + " random_seed: 5"), seed=6).seed == 6
    drawn = {Solver(solver_source(text + " random_seed: -1")).seed for _ in range(3)}
    assert len(drawn) == 3
