"""What ``--skip-bad`` says at the end."""

from __future__ import annotations

from collections.abc import Callable

import click

from netcli.data.skipped import SkippedItems

MOST = 20


def _to_standard_error(line: str) -> None:
    click.echo(line, err=True)


def print_skipped(skipped: SkippedItems | None, say: Callable[[str], None] = _to_standard_error) -> None:
    """Names the items that were passed over, the first of them at least; nothing where there were none."""
    if not skipped:
        return
    messages = skipped.messages
    say(f"skipped {len(messages):,} item{'' if len(messages) == 1 else 's'} that cannot be read:")
    for message in messages[:MOST]:
        say(f"  {message}")
    if len(messages) > MOST:
        say(f"  and {len(messages) - MOST:,} more")
