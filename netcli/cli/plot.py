"""``netcli plot``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netcli.cli import options

if TYPE_CHECKING:
    from netcli.runs.history import History

_PATH = click.Path(path_type=Path)


@click.command("plot")
@click.argument("runs", type=_PATH, nargs=-1, metavar="[RUN]...")
@click.option("--caffe-log", "logs", type=_PATH, multiple=True, metavar="FILE",
              help="Draw a log of Caffe as well, of any version; may be repeated.")  # fmt: skip
@click.option("--out", type=_PATH, metavar="FILE", default=Path("plot.png"), show_default=True,
              help="The picture: .png, .svg or .pdf.")  # fmt: skip
@click.option("--smooth", type=click.IntRange(min=1), default=5, show_default=True, metavar="N",
              help="Draw training as the mean over the last N displays; 1 for no smoothing.")  # fmt: skip
@click.option("--from", "first", type=click.IntRange(min=0), default=0, metavar="N",
              help="Leave out what was before iteration N.")  # fmt: skip
@click.option("--output", "outputs", multiple=True, metavar="NAME",
              help="Draw this output of the nets in a panel of its own; may be repeated.")  # fmt: skip
@click.option("--filters", "layer", metavar="LAYER",
              help="Draw the filters of this convolution instead, of one RUN or of --weights.")  # fmt: skip
@click.option("--weights", type=_PATH, metavar="FILE",
              help="The .caffemodel with the filters.  [default: the last of RUN]")  # fmt: skip
@options.json_option
@options.debug_option
def command(
    runs: tuple[Path, ...], logs: tuple[Path, ...], out: Path, layer: str | None, weights: Path | None, **given: Any
) -> None:
    """Draw loss, accuracy, learning rate and lambda of runs, or filters.

    RUN is a folder that train has made, or one that such folders lie in. All are drawn together, in colours that
    the colour-blind tell apart. With --json what is drawn is printed as well. Needs the extra plot.

    \b
    Example:
      netcli plot runs/lenet-001 runs/lenet-002 --out lenet.svg
      netcli plot runs/lenet-001 --caffe-log caffe.INFO
      netcli plot runs/lenet-001 --filters conv1 --out conv1.png
      netcli plot --filters conv1 --weights bvlc_reference_caffenet.caffemodel
    """
    from netcli.report.plotting import check_plot_path

    if layer is None and weights is not None:
        raise click.UsageError("--weights is for --filters LAYER")
    if layer is None:
        if not runs and not logs:
            raise click.UsageError("there is nothing to draw: name a RUN, or --caffe-log FILE")
        check_plot_path(out)
        _plot_histories(runs, logs, out, **given)
        return
    if logs or len(runs) + (weights is not None) != 1:
        raise click.UsageError("--filters wants either one RUN or --weights FILE")
    check_plot_path(out)
    _plot_filters(layer, runs, weights, out, given["as_json"])


def _plot_histories(
    runs: tuple[Path, ...],
    logs: tuple[Path, ...],
    out: Path,
    *,
    smooth: int,
    first: int,
    outputs: tuple[str, ...],
    as_json: bool,
) -> None:
    from netcli.errors import RunError
    from netcli.report.curves import curves_json, panels
    from netcli.report.history_figure import history_figure
    from netcli.report.plotting import save_figure
    from netcli.runs.caffe_log import read_caffe_log
    from netcli.runs.metrics_file import read_run, run_folders

    histories = [read_run(folder) for root in runs for folder in run_folders(root)]
    histories += [read_caffe_log(log) for log in logs]
    _tell_apart(histories)
    found = panels(histories, smooth=smooth, outputs=outputs, first=first)
    if not found:
        raise RunError.of(
            "NC530", "the runs have no displays and no tests to draw", hint="is display set in the solver?"
        )
    save_figure(history_figure(histories, found, smooth), out)
    if as_json:
        click.echo(json.dumps({**curves_json(histories, found, smooth), "figure": str(out)}))
    else:
        drawn = ", ".join(panel.title for panel in found)
        click.echo(f"{out}: {drawn} of {', '.join(history.name for history in histories)}")


def _tell_apart(histories: list[History]) -> None:
    """Runs with the same name are called by their paths."""
    names = [history.name for history in histories]
    for history in histories:
        if names.count(history.name) > 1:
            history.name = str(history.path)


def _plot_filters(layer: str, runs: tuple[Path, ...], weights: Path | None, out: Path, as_json: bool) -> None:
    from netcli.convert.caffemodel import read_weights
    from netcli.report.filter_figure import filter_figure, filters_of
    from netcli.report.plotting import save_figure
    from netcli.runs.last_weights import last_weights, solver_of_run

    if weights is None:
        _, weights = last_weights(runs[0], solver_of_run(runs[0]))
    filters = filters_of(read_weights(weights), layer, str(weights))
    save_figure(filter_figure(filters, layer), out)
    if as_json:
        facts = {"schema": 1, "figure": str(out), "weights": str(weights), "layer": layer}
        click.echo(json.dumps({**facts, "shape": list(filters.shape), "filters": filters.tolist()}))
    else:
        click.echo(f"{out}: {'x'.join(map(str, filters.shape))} of {layer} in {weights}")
