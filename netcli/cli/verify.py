"""``netcli verify``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netcli.cli import options
from netcli.cli.extracting import Wish, begin_extraction, extraction_options

if TYPE_CHECKING:
    import numpy as np

    from netcli.verification.pairs import PairList


@click.command("verify")
@click.argument("pairs", type=click.Path(path_type=Path))
@click.argument("features", metavar="FEATURES|NET", type=click.Path(path_type=Path))
@click.option("--weights", metavar="A[,B...]", help="The trained weights (.caffemodel) of NET.")
@extraction_options
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE",
              help="Draw ROC and scores into a .png, .svg or .pdf as well; needs the extra plot.")  # fmt: skip
@options.device_option
@options.json_option
@options.verbosity_options
@options.debug_option
def command(
    pairs: Path,
    features: Path,
    weights: str | None,
    blob: str | None,
    flip: bool,
    root: str,
    mean: tuple[float, ...] | None,
    scale: float | None,
    batch: int,
    threads: int | None,
    plot: Path | None,
    device: str,
    as_json: bool,
    verbosity: int,
) -> None:
    """Tell by their features whether pairs of faces show one person.

    PAIRS is LFW's pairs.txt, or a list with PATH1 PATH2 1 (the same person) or 0 in each line, and perhaps the number
    of a fold. Each fold is tested with the mean and the threshold that the others give; without folds there are ten.
    FEATURES is what extract has written (.npz, .h5); or NET is a prototxt, which with --weights makes the features
    of the images that PAIRS names, below --root.

    \b
    Example:
      netcli verify pairs.txt features.npz --plot roc.png
      netcli verify pairs.txt deploy.prototxt --weights w.caffemodel --root lfw/ --mean 127.5 --scale 0.0078125 --flip
    """
    from netcli.report.plotting import check_plot_path
    from netcli.verification.pairs import read_pairs
    from netcli.verification.report import plot_report, report, report_json, report_tables

    if plot is not None:
        check_plot_path(plot)
    listed = read_pairs(pairs)
    if weights is None:
        if blob is not None or flip or root or mean is not None or scale is not None:
            raise click.UsageError("--blob, --flip, --root, --mean and --scale are for a net, which needs --weights")
        given = _looked_up(listed, features)
    else:
        wish = Wish(weights, blob, None, root, mean, scale, flip, batch, threads, device)
        given = _extracted(listed, features, wish, verbosity)
    found = report(given, listed)
    if plot is not None:
        plot_report(found, plot)
    if as_json:
        click.echo(json.dumps(report_json(found)))
    else:
        click.echo(report_tables(found, terminal=sys.stdout.isatty()))


def _looked_up(pairs: PairList, path: Path) -> np.ndarray:
    from netcli.extraction.feature_file import ENDINGS, read_features
    from netcli.verification.pair_features import looked_up

    if path.suffix.lower() not in ENDINGS:
        raise click.UsageError(f"'{path}' is no file of features (.npz, .h5); a net needs --weights")
    return looked_up(pairs, read_features(path))


def _extracted(pairs: PairList, net: Path, wish: Wish, verbosity: int) -> np.ndarray:
    from netcli.extraction.feature_file import gathered
    from netcli.report.step_line import StepLine
    from netcli.verification.pair_features import image_set, in_rows

    begun = begin_extraction(str(net), wish, image_set(pairs, wish.root), verbosity)
    line = StepLine()
    try:
        return in_rows(gathered(begun.rows(line.bar("extracting")), begun.items.names).values)
    finally:
        line.clear()
        begun.close()
