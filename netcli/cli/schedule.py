"""``netcli schedule``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from netcli.cli import options
from netcli.cli.errors import print_findings


@click.command("schedule")
@click.argument("file", type=options.PROTOTXT)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE",
              help="Draw the schedules into a .png, .svg or .pdf as well; needs the extra plot.")  # fmt: skip
@options.set_option
@options.json_option
@options.debug_option
def command(file: str, plot: Path | None, assignments: tuple[tuple[str, str], ...], as_json: bool) -> None:
    """Print the learning rate and lambda over the iterations.

    FILE is a solver. The rows are 0, 1, 2, 5, 10 and so on, both sides of each drop of the learning rate, and
    the iteration from which on lambda is at its floor. Nothing is run, and no data are needed. What is
    doubtful is said on standard error: a lambda that never anneals, or that is at its floor too early.

    \b
    Example:
      netcli schedule configs/sphereface/sphereface20_solver.prototxt
      netcli schedule solver.prototxt --set lambda_min=10 --plot schedule.png
    """
    from netcli.cli.overrides import with_overrides
    from netcli.lint.schedules import at_its_floor_too_early, never_anneals
    from netcli.prototxt import load_solver
    from netcli.report.plotting import check_plot_path
    from netcli.report.schedule_report import (
        plot_schedules,
        remarks,
        schedule_json,
        schedule_table,
        schedules_of,
    )
    from netcli.solver.schedules import schedule_findings
    from netcli.solver.settings import check_max_iter, raise_errors

    if plot is not None:
        check_plot_path(plot)
    solver = load_solver(file)
    if assignments:
        solver = with_overrides(solver, assignments)
    raise_errors([*schedule_findings(solver), *check_max_iter(solver)])
    found = schedules_of(solver)
    findings = [
        finding
        for margin in found.margins
        for finding in (*never_anneals(margin.source), *at_its_floor_too_early(margin.source, solver))
    ]
    print_findings(findings)
    if plot is not None:
        plot_schedules(found, plot)
    if as_json:
        click.echo(json.dumps(schedule_json(found) | {"warnings": [finding.code for finding in findings]}))
        return
    click.echo(schedule_table(found, terminal=sys.stdout.isatty()))
    for line in remarks(found):
        click.echo(line, err=True)
