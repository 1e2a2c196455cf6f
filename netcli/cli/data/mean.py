"""``netcli data mean``."""

from __future__ import annotations

from pathlib import Path

import click

from netcli.cli import options
from netcli.cli.data import arguments


@click.command("mean")
@arguments.source_argument
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
@arguments.root_option
@arguments.force_option
@options.debug_option
def command(source: str, target: Path, root: str, force: bool) -> None:
    """Compute the mean image of a data set.

    OUT is what mean_file of a transform_param takes: a binaryproto, as Caffe's compute_image_mean writes it, or a
    NumPy array if its name ends in .npy. The mean of each channel is printed, for mean_value.

    \b
    Example:
      netcli data mean train_lmdb mean.binaryproto
    """
    from netcli.data.mean_image import mean_image, write_mean
    from netcli.data.stored_images import open_images
    from netcli.errors import RunError
    from netcli.report.step_line import StepLine

    if target.exists() and not force:
        raise RunError.of("NC210", f"'{target}' exists already", hint="use --force to replace it, or remove it")
    line = StepLine()
    images = open_images(source, root=root, progress=line.bar(f"drawing {source}"))
    try:
        mean = mean_image(images, line.bar(f"reading {source}"))
    finally:
        images.close()
        line.clear()
    write_mean(mean, target)
    for channel in mean:
        click.echo(f"mean_value: {channel.mean(dtype='f8'):.6g}")
    line.done(f"{target}: the mean of {len(images):,} images of {' x '.join(map(str, mean.shape))}")
