"""Rules about what changes while training: the learning rate, and lambda of the layers with a margin."""

from __future__ import annotations

import math
from collections.abc import Iterator

from netcli.errors import Finding
from netcli.layers.margin.annealing import MarginSettings
from netcli.layers.registry import layer_types
from netcli.lint.losses import MARGIN_LAYERS
from netcli.lint.subject import Subject, solver_warning, warning
from netcli.prototxt import SolverSource
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
            field = _field(source.param.type)
            settings = getattr(source.param, field)
            if not _lambda_matters(settings):
                continue
            if settings.gamma == 0 or settings.power == 0 or settings.base <= settings.lambda_min:
                stays = max(settings.lambda_min, settings.base)
                yield warning(
                    "NC310", f"lambda stays at {stays:g} from the first iteration on", source, field,
                    hint="SphereFace anneals with base: 1000 gamma: 0.12 power: 1 lambda_min: 5",
                )  # fmt: skip


def lambda_at_its_floor_too_early(subject: Subject) -> Iterator[Finding]:
    """NC311: the margin is at its hardest before the learning rate has dropped once, a usual cause of divergence."""
    drop = _first_drop(subject.solver)
    if drop is None:
        return
    for net in subject.in_phase(pb.TRAIN):
        for _, source in net.of_type(*MARGIN_LAYERS):
            settings = getattr(source.param, _field(source.param.type))
            if not _lambda_matters(settings):
                continue
            if min(settings.gamma, settings.power, settings.lambda_min) <= 0:
                continue
            if settings.base <= settings.lambda_min:
                continue
            ratio = (settings.base / settings.lambda_min) ** (1 / settings.power)
            floor = max(0, math.ceil((ratio - 1) / settings.gamma) - settings.iteration - 1)
            if floor < drop:
                message = f"lambda is at its floor {settings.lambda_min:g} from iteration {floor} on, "
                yield warning(
                    "NC311", f"{message}while the learning rate drops first at {drop}", source,
                    _field(source.param.type), "gamma", hint="a smaller gamma anneals longer",
                )  # fmt: skip


def _lambda_matters(settings: MarginSettings) -> bool:
    """False where a margin of one is none, and for the later margins, which do without unless they are told to."""
    if isinstance(settings, pb.AngularMarginParameter):
        return max(settings.base, settings.lambda_min) > 0
    return settings.type != 0


def _field(layer_type: str) -> str:
    return str(layer_types()[layer_type].param_field)


def _first_drop(solver: SolverSource | None) -> int | None:
    if solver is None:
        return None
    param = solver.param
    if param.lr_policy == "multistep" and param.stepvalue:
        return param.stepvalue[0]
    return param.stepsize if param.lr_policy == "step" and param.stepsize > 0 else None


RULES = (steps_beyond_the_end, lambda_never_anneals, lambda_at_its_floor_too_early)
