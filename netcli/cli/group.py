"""A click group that imports a command's module only when that command is wanted."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from netcli.cli import errors


class LazyGroup(click.Group):
    """Commands live in modules of ``package`` that bear their names; each module has a ``command``.

    Args:
        package: the package the modules stand in.
        commands_by_name: name -> one line of help, in the order in which help lists them.
    """

    def __init__(self, *args: Any, package: str, commands_by_name: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.package = package
        self.commands_by_name = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands_by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands_by_name:
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_by_name.items()))

    def invoke(self, ctx: click.Context) -> Any:
        with errors.reported(ctx):
            return super().invoke(ctx)
