"""Arguments that several ``netcli data`` commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class SizeType(click.ParamType):
    """``H,W``: two positive numbers."""

    name = "H,W"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        sizes = value.replace("x", ",").split(",")
        if len(sizes) != 2 or not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
            self.fail(f"{value!r} is not two positive sizes H,W, as in 112,96", param, ctx)
        return int(sizes[0]), int(sizes[1])


def source_argument(function: F) -> F:
    """``SOURCE``: an LMDB, a built-in set or a list."""
    return click.argument("source", metavar="SOURCE")(function)


def root_option(function: F) -> F:
    """``--root DIR``."""
    return click.option("--root", default="", metavar="DIR", help="Put before each path of a list.")(function)


def force_option(function: F) -> F:
    """``--force``."""
    return click.option("--force", is_flag=True, help="Replace what is there already.")(function)
