"""What is wrong, or doubtful, about a solver's settings: all of it at once, each at its place in the file."""

from __future__ import annotations

import math

from netcli.errors import ConfigError, Finding, did_you_mean
from netcli.prototxt import SolverSource
from netcli.schema import caffe_pb2 as pb
from netcli.solver.schedules import schedule_findings
from netcli.solver.update_rules import RULES

REGULARIZATIONS = ("L1", "L2")

_LEAST = {"iter_size": 1, "average_loss": 1, "display": 0, "snapshot": 0, "test_interval": 0}
_FINITE = ("momentum", "weight_decay", "clip_gradients", "delta", "momentum2", "rms_decay")


def check_settings(source: SolverSource) -> list[Finding]:
    """Errors, warnings and notes about the solver's own fields; its nets are not looked at.

    NC400 unknown type; NC401 to NC404 the learning rate; NC406 a momentum that the type does not have; NC407 a
    value out of range; NC408 tests that never run; NC409 unknown regularization_type; NC411 a field without effect.
    """
    return [
        *_type_findings(source),
        *schedule_findings(source),
        *_momentum_findings(source),
        *_range_findings(source),
        *_regularization_findings(source),
        *_test_findings(source),
        *_device_findings(source),
    ]


def check_max_iter(source: SolverSource) -> list[Finding]:
    """NC405 if a run to the end would have no end. Single steps need none."""
    if source.param.max_iter >= 1:
        return []
    given = source.param.HasField("max_iter")
    message = "max_iter is out of range" if given else "max_iter is missing"
    return [_error(source, "NC405", message, "max_iter", "at least 1", source.param.max_iter if given else None)]


def raise_errors(findings: list[Finding]) -> list[Finding]:
    """The findings that are no errors. Raises ConfigError with all that are."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise ConfigError(errors)
    return findings


def _type_findings(source: SolverSource) -> list[Finding]:
    name = source.param.type
    if name in RULES:
        return []
    hint, suggestion = did_you_mean(name, RULES)
    return ConfigError.of(
        "NC400", "unknown solver type", place=source.place("type"), expected=f"one of {', '.join(RULES)}",
        actual=f'"{name}"', hint=hint, suggestion=suggestion,
    ).findings  # fmt: skip


def _momentum_findings(source: SolverSource) -> list[Finding]:
    param = source.param
    rule = RULES.get(param.type)
    if rule is None:
        return []
    if rule.momentum_means is None and param.momentum != 0:
        message, hint = f"{param.type} has no momentum", 'remove it, or use type "SGD", "Nesterov" or "Adam"'
        return [_error(source, "NC406", message, "momentum", "0, or no such field", f"{param.momentum:g}", hint)]
    findings = []
    moments = ("momentum", "momentum2")
    decays = {"RMSProp": ("rms_decay",), "AdaDelta": ("momentum",), "Adam": moments, "AdamW": moments}
    for name in decays.get(param.type, ()):
        value = getattr(param, name)
        if not 0 <= value < 1:
            message = f"{name} is out of range for {param.type}"
            findings.append(_error(source, "NC407", message, name, "at least 0 and below 1", f"{value:g}"))
    return findings


def _range_findings(source: SolverSource) -> list[Finding]:
    param = source.param
    findings = []
    for name, least in _LEAST.items():
        value = getattr(param, name)
        if value < least:
            findings.append(_error(source, "NC407", f"{name} is out of range", name, f"at least {least}", value))
    for name in _FINITE:
        value = getattr(param, name)
        if not math.isfinite(value):
            findings.append(_error(source, "NC407", f"{name} is not finite", name, "a number", value))
    for index, value in enumerate(param.test_iter):
        if value < 1:
            where = ("test_iter", index)
            findings.append(_error(source, "NC407", "test_iter is out of range", where, "at least 1", value))
    return findings


def _regularization_findings(source: SolverSource) -> list[Finding]:
    name = source.param.regularization_type
    if name in REGULARIZATIONS:
        return []
    hint, suggestion = did_you_mean(name, REGULARIZATIONS)
    return ConfigError.of(
        "NC409", "unknown regularization_type", place=source.place("regularization_type"),
        expected='"L1" or "L2"', actual=f'"{name}"', hint=hint, suggestion=suggestion,
    ).findings  # fmt: skip


def _test_findings(source: SolverSource) -> list[Finding]:
    """Caffe refuses test_iter without test_interval, and ignores the reverse."""
    param = source.param
    if param.test_iter and not param.HasField("test_interval"):
        message, hint = "test_iter without test_interval", "say how many iterations lie between two tests"
        return [_error(source, "NC408", message, "test_iter", "a test_interval", hint=hint)]
    if param.test_interval > 0 and not param.test_iter:
        message = "test_interval without test_iter: nothing will be tested"
        hint = "say with test_iter how many batches a test takes"
        return [Finding("NC408", message, "warning", place=source.place("test_interval"), hint=hint)]
    return []


def _device_findings(source: SolverSource) -> list[Finding]:
    if source.param.HasField("solver_mode") and source.param.solver_mode == pb.SolverParameter.GPU:
        message = "solver_mode is ignored: the device is chosen when the program is called"
        return [Finding("NC411", message, "note", place=source.place("solver_mode"))]
    return []


def _error(
    source: SolverSource,
    code: str,
    message: str,
    where: str | tuple[str | int, ...],
    expected: object = None,
    actual: object = None,
    hint: str | None = None,
) -> Finding:
    path = (where,) if isinstance(where, str) else where
    error = ConfigError.of(code, message, place=source.place(*path), expected=expected, actual=actual, hint=hint)
    return error.findings[0]
