"""``netcli runs``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from netcli.cli import options


@click.command("runs")
@click.argument("folders", type=click.Path(path_type=Path), nargs=-1, metavar="[FOLDER]...")
@options.json_option
@options.debug_option
def command(folders: tuple[Path, ...], as_json: bool) -> None:
    """List runs with their best results.

    FOLDER is a run folder, or one that run folders lie in; runs by default. A run is "unfinished" if it is still
    training or was killed. Accuracies are best when they are largest, losses and errors when they are smallest, as
    told by their names.

    \b
    Example:
      netcli runs
      netcli runs experiments/lr_* --json | jq -r '.runs[] | select(.state == "finished") | .run'
    """
    from netcli.report.run_table import run_table, runs_json
    from netcli.runs.metrics_file import read_run, run_folders

    found = [read_run(folder) for root in folders or (Path("runs"),) for folder in run_folders(root)]
    for run in found:
        if run.damaged:
            lines = f"{run.damaged} line{'' if run.damaged == 1 else 's'}"
            click.echo(f"{run.path / 'metrics.jsonl'}: {lines} cannot be read and were passed over", err=True)
    click.echo(json.dumps(runs_json(found)) if as_json else run_table(found, terminal=sys.stdout.isatty()))
