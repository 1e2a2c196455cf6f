"""``netcli faces figure``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netcli.cli import options

if TYPE_CHECKING:
    from netcli.faces.planar_features import PlanarFeatures

RUN = click.Path(path_type=Path, file_okay=False)


@click.command("figure")
@click.argument("runs", type=RUN, nargs=-1, required=True, metavar="RUN...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("figure.png"), show_default=True, metavar="FILE",
              help="The picture: .png, .svg or .pdf.")  # fmt: skip
@click.option("--items", type=click.IntRange(min=1), default=2000, show_default=True,
              help="How many items of the test set to draw.")  # fmt: skip
@options.json_option
@options.debug_option
def command(runs: tuple[Path, ...], out: Path, items: int, as_json: bool) -> None:
    """Draw the two-dimensional features that runs have learned, one column for each RUN.

    Above are the features in the plane, with a line along each class's weights; below their directions
    on the circle, with the sector that holds 90% of each class. RUN is a folder that train has made, of a
    net whose last features have two dimensions, as those of configs/digits_margin. Needs the extra plot.

    \b
    Example:
      netcli train configs/digits_margin/m1_solver.prototxt --out runs/m1
      netcli train configs/digits_margin/m4_solver.prototxt --out runs/m4
      netcli faces figure runs/m1 runs/m4 --out margin.png
    """
    from netcli.faces.feature_figure import feature_figure
    from netcli.faces.planar_features import planar_features
    from netcli.report.plotting import check_plot_path, save_figure

    check_plot_path(out)
    learned = [planar_features(run, items) for run in runs]
    save_figure(feature_figure(learned), out)
    if as_json:
        click.echo(json.dumps({"schema": 1, "figure": str(out), "runs": [_facts(run) for run in learned]}))
    else:
        click.echo(_table(learned))


def _facts(run: PlanarFeatures) -> dict[str, object]:
    return {
        "run": str(run.run), "iteration": run.iteration, "margin": run.margin, "lambda": run.weight,
        "accuracy": run.accuracy, "sector_width_degrees": run.sector_width, "items": len(run.labels),
    }  # fmt: skip


def _table(learned: list[PlanarFeatures]) -> str:
    from netcli.report.tables import Column, table

    columns = [Column("run"), *(Column(title, right=True) for title in ("m", "lambda", "accuracy", "sector"))]
    rows = [
        [str(run.run), f"{run.margin:g}", f"{run.weight:.4g}", f"{run.accuracy:.4f}", f"{run.sector_width:.1f}"]
        for run in learned
    ]
    return table(columns, rows, terminal=sys.stdout.isatty())
