"""``netcli extract``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netcli.cli import options
from netcli.cli.extracting import Wish, begin_extraction, extraction_options


@click.command("extract")
@click.argument("file", type=options.PROTOTXT)
@click.option("--weights", required=True, metavar="A[,B...]",
              help="The trained weights (.caffemodel), loaded one after the other.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
              help="The features: .npz, or .h5, which grows on the disk.")  # fmt: skip
@click.option("--source", metavar="SOURCE",
              help="An image list, an LMDB or a built-in set.  [default: what the net's data layer reads]")  # fmt: skip
@extraction_options
@options.device_option
@options.json_option
@options.verbosity_options
@options.debug_option
def command(
    file: str,
    weights: str,
    out: Path,
    source: str | None,
    blob: str | None,
    flip: bool,
    root: str,
    mean: tuple[float, ...] | None,
    scale: float | None,
    batch: int,
    threads: int | None,
    device: str,
    as_json: bool,
    verbosity: int,
) -> None:
    """Write what a blob of a trained net holds for each item of a set.

    FILE is a net or a solver, for training or for use. The set is read in its own order, each item once, in phase
    TEST, with the transform of the net's data layer. OUT holds features, names (paths as listed, or an LMDB's keys)
    and, where the set has them, labels.

    \b
    Example:
      netcli extract train_val.prototxt --weights model.caffemodel --blob fc5 --out features.h5
      netcli extract deploy.prototxt --weights w.caffemodel --source lfw.txt --mean 127.5 --scale 0.0078125 --out f.npz
    """
    from netcli.extraction.feature_file import check_feature_path, write_features
    from netcli.report.step_line import StepLine

    check_feature_path(out)
    wish = Wish(weights, blob, source, root, mean, scale, flip, batch, threads, device)
    begun = begin_extraction(file, wish, None, verbosity)
    line = StepLine()
    facts = {"blob": begun.blob, "net": file, "weights": weights, "flip": "yes" if flip else "no"}
    try:
        shape = write_features(out, begun.rows(line.bar(f"extracting {begun.blob}")), begun.items.names, facts)
    finally:
        line.clear()
        begun.close()
    labelled = begun.items.label is not None
    if as_json:
        found = {"features": str(out), "shape": list(shape), "blob": begun.blob, "flip": flip, "labels": labelled}
        click.echo(json.dumps({"schema": 1, **found}))
    else:
        what = f"{shape[0]:,} x {' x '.join(map(str, shape[1:]))} from '{begun.blob}'"
        click.echo(f"{out}: {what}{', with the mirrored' if flip else ''}, {'with' if labelled else 'no'} labels")
