"""What ``--skip-bad`` says at the end."""

from __future__ import annotations

import click

from netcli.data.skipped import SkippedItems

MOST = 20


def print_skipped(skipped: SkippedItems | None) -> None:
    """Names the items that were passed over, the first of them at least; nothing where there were none."""
    if not skipped:
        return
    messages = skipped.messages
    click.echo(f"skipped {len(messages):,} item{'' if len(messages) == 1 else 's'} that cannot be read:", err=True)
    for message in messages[:MOST]:
        click.echo(f"  {message}", err=True)
    if len(messages) > MOST:
        click.echo(f"  and {len(messages) - MOST:,} more", err=True)
