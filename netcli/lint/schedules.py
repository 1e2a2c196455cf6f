"""Rules about what changes while training: the learning rate, and lambda of the layers with a margin."""

from __future__ import annotations

from collections.abc import Iterator

from netcli.errors import Finding
from netcli.layers.margin.annealing import MarginSettings, anneals, floor_iteration, lambda_matters
from netcli.layers.registry import layer_types
from netcli.lint.losses import MARGIN_LAYERS
from netcli.lint.subject import Subject, solver_warning, warning
from netcli.prototxt import LayerSource, SolverSource
from netcli.schema import caffe_pb2 as pb


def steps_beyond_the_end(subject: Subject) -> Iterator[Finding]:
    """NC305: a drop of the learning rate at or behind ``max_iter`` never happens."""
    solver = subject.solver
    if solver is None or solver.param.max_iter < 1:
        return
    param = solver.param
    drops = list(param.stepvalue) if param.lr_policy == "multistep" else []
    for index, drop in enumerate(drops):
        if drop >= param.max_iter:
            yield solver_warning(
                solver, "NC305", f"stepvalue {drop} is never reached: max_iter is {param.max_iter}", "stepvalue", index
            )
            return
    if param.lr_policy == "step" and param.stepsize >= param.max_iter:
        message = f"stepsize {param.stepsize} is never reached: max_iter is {param.max_iter}"
        yield solver_warning(solver, "NC305", message, "stepsize")


def lambda_never_anneals(subject: Subject) -> Iterator[Finding]:
    """NC310: with the fields' defaults (base 1, gamma 0) lambda stays what it is, and the margin with it."""
    for net in subject.in_phase(pb.TRAIN):
        for _, source in net.of_type(*MARGIN_LAYERS):
            yield from never_anneals(source)


def lambda_at_its_floor_too_early(subject: Subject) -> Iterator[Finding]:
    """NC311: the margin is at its hardest before the learning rate has dropped once, a usual cause of divergence."""
    for net in subject.in_phase(pb.TRAIN):
        for _, source in net.of_type(*MARGIN_LAYERS):
            yield from at_its_floor_too_early(source, subject.solver)


def never_anneals(source: LayerSource) -> Iterator[Finding]:
    """NC310 of one margin layer."""
    field, settings = _settings(source)
    if lambda_matters(settings) and not anneals(settings):
        stays = max(settings.lambda_min, settings.base)
        yield warning(
            "NC310", f"lambda stays at {stays:g} from the first iteration on", source, field,
            hint="SphereFace anneals with base: 1000 gamma: 0.12 power: 1 lambda_min: 5",
        )  # fmt: skip


def at_its_floor_too_early(source: LayerSource, solver: SolverSource | None) -> Iterator[Finding]:
    """NC311 of one margin layer."""
    field, settings = _settings(source)
    drop, floor = _first_drop(solver), floor_iteration(settings)
    if lambda_matters(settings) and drop is not None and floor is not None and floor < drop:
        message = f"lambda is at its floor {settings.lambda_min:g} from iteration {floor} on, "
        yield warning(
            "NC311", f"{message}while the learning rate drops first at {drop}", source, field, "gamma",
            hint="a smaller gamma anneals longer",
        )  # fmt: skip


def _settings(source: LayerSource) -> tuple[str, MarginSettings]:
    field = str(layer_types()[source.param.type].param_field)
    return field, getattr(source.param, field)


def _first_drop(solver: SolverSource | None) -> int | None:
    if solver is None:
        return None
    param = solver.param
    if param.lr_policy == "multistep" and param.stepvalue:
        return param.stepvalue[0]
    return param.stepsize if param.lr_policy == "step" and param.stepsize > 0 else None


RULES = (steps_beyond_the_end, lambda_never_anneals, lambda_at_its_floor_too_early)
