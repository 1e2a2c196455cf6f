"""Options that several commands share, so that they are spelt and explained alike everywhere."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from netcli.cli import errors

F = TypeVar("F", bound=Callable[..., Any])

PROTOTXT = click.Path(path_type=str)
"""A file that the prototxt reader opens itself, since its message for a missing file has a hint."""


class DeviceType(click.ParamType):
    """``cpu``, ``cuda`` or ``cuda:N``."""

    name = "device"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"cpu|cuda(:\d+)?", value):
            self.fail(f"{value!r} is not a device: cpu, cuda or cuda:N", param, ctx)
        if value != "cpu":
            # Before anything is read or made; this is where the packages, the driver and the device are looked for.
            from netcli.net.cuda_runners import on_device

            on_device(value)
        return value


class ShapeType(click.ParamType):
    """``C,H,W``: three positive numbers."""

    name = "C,H,W"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        if isinstance(value, tuple):
            return value
        sizes = value.replace("x", ",").split(",")
        if len(sizes) != 3 or not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
            self.fail(f"{value!r} is not three positive sizes C,H,W, as in 1,28,28", param, ctx)
        channels, height, width = map(int, sizes)
        return channels, height, width


class AssignmentType(click.ParamType):
    """``field=value``."""

    name = "field=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        field, equals, text = value.partition("=")
        if not equals or not field.strip():
            self.fail(f"{value!r} is not of the form field=value, as in base_lr=0.01", param, ctx)
        return field.strip(), text.strip()


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        errors.show_tracebacks(ctx)


def debug_option(function: F) -> F:
    """``--debug``, which every command has."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_set_debug,
        help="Show the traceback of an error.",
    )(function)  # fmt: skip


def json_option(function: F) -> F:
    """``--json``: the result as one JSON object on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")(function)


def threads_option(function: F) -> F:
    """``--threads N``."""
    return click.option(
        "--threads", type=click.IntRange(min=1), help="Threads to compute with.  [default: all cores]"
    )(function)  # fmt: skip


def seed_option(function: F) -> F:
    """``--seed N``."""
    return click.option(
        "--seed", type=click.IntRange(0, 2**31 - 1),
        help="Seed of everything random; overrides random_seed.  [default: drawn, and printed]",
    )(function)  # fmt: skip


def device_option(function: F) -> F:
    """``--device cpu|cuda[:N]``, and with it ``--cuda-engine`` and ``--tf32``, which hold for the whole process."""

    @functools.wraps(function)
    def with_engine(*arguments: Any, device: str, cuda_engine: str | None, tf32: bool, **given: Any) -> Any:
        if cuda_engine or tf32:
            if device == "cpu":
                raise click.UsageError("--cuda-engine and --tf32 are for --device cuda")
            from netcli.runtime.cuda import engines

            engines.choose(cuda_engine or "own", tf32=tf32)
        return function(*arguments, device=device, **given)

    decorated: Any = with_engine
    for decorate in reversed(
        (
            click.option(
                "--device", type=DeviceType(), default="cpu", show_default=True, metavar="cpu|cuda[:N]",
                help="Where to compute.",
            ),
            click.option(
                "--cuda-engine", type=click.Choice(["own", "cublas", "cudnn"]), metavar="NAME",
                help="Whose products and convolutions a GPU runs: own, cublas or cudnn.  [default: own]",
            ),
            click.option("--tf32", is_flag=True, help="Let cublas and cudnn round the factors of products to 10 bits."),
        )
    ):  # fmt: skip
        decorated = decorate(decorated)
    return cast(F, decorated)


def set_option(function: F) -> F:
    """``--set field=value``, repeatable."""
    return click.option(
        "--set", "assignments", type=AssignmentType(), multiple=True, metavar="FIELD=VALUE",
        help="Override a field of the solver, as in --set base_lr=0.02; may be repeated.",
    )(function)  # fmt: skip


def skip_bad_option(function: F) -> F:
    """``--skip-bad``."""
    return click.option(
        "--skip-bad", is_flag=True,
        help="Pass over images that cannot be read, with the next readable ones in their places, and name them.",
    )(function)  # fmt: skip


def input_shape_option(function: F) -> F:
    """``--input-shape C,H,W``."""
    return click.option(
        "--input-shape", type=ShapeType(), metavar="C,H,W",
        help="Shape of one item of the data layers, where their data are not at hand.",
    )(function)  # fmt: skip


def state_options(function: F) -> F:
    """``--level N`` and ``--stage NAME``: what include and exclude rules are matched with, besides the phase."""
    function = click.option(
        "--stage", "stages", multiple=True, metavar="NAME", help="A stage of the net's state; may be repeated."
    )(function)  # fmt: skip
    return click.option("--level", type=int, help="The level of the net's state.")(function)


def phase_option(function: F) -> F:
    """``--phase TRAIN|TEST``."""
    return click.option(
        "--phase", type=click.Choice(["TRAIN", "TEST"], case_sensitive=False),
        help="The phase of the net.  [default: TRAIN for a solver, the net's own or TEST for a net]",
    )(function)  # fmt: skip


def verbosity_options(function: F) -> F:
    """``-q`` and ``-v``, as one number: -1 quiet, 0 normal, 1 or more for detail."""

    @functools.wraps(function)
    def with_verbosity(*args: Any, quiet: bool, verbose: int, **kwargs: Any) -> Any:
        return function(*args, verbosity=-1 if quiet else verbose, **kwargs)

    decorated = click.option("-v", "--verbose", count=True, help="Say more.")(with_verbosity)
    return cast(F, click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors and results.")(decorated))
