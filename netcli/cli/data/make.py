"""``netcli data make``."""

from __future__ import annotations

from pathlib import Path

import click

from netcli.cli import options
from netcli.cli.data import arguments


@click.command("make")
@click.argument("list_path", metavar="LIST", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@arguments.root_option
@click.option("--resize", "size", type=arguments.SizeType(), metavar="H,W", help="Resize every image.")
@click.option("--gray", is_flag=True, help="Store one channel instead of three.")
@click.option(
    "--encoded", type=click.Choice(["jpg", "png", "as-is"]),
    help="Store compressed images, as-is the files themselves, instead of pixels.",
)  # fmt: skip
@click.option("--shuffle", is_flag=True, help="Store the images in a random order.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of that order.")
@click.option("--check-size", is_flag=True, help="Refuse images of unequal sizes.")
@click.option("--skip-bad", is_flag=True, help="Leave out images that cannot be read, and name them.")
@arguments.force_option
@options.debug_option
def command(
    list_path: Path,
    target: Path,
    root: str,
    size: tuple[int, int] | None,
    gray: bool,
    encoded: str | None,
    shuffle: bool,
    seed: int,
    check_size: bool,
    skip_bad: bool,
    force: bool,
) -> None:
    """Make an LMDB from a list of images.

    LIST has an image in each line: its path, white space, and its label. Relative paths are tried against the
    working directory, then the folder of LIST. OUT has the layout of Caffe's convert_imageset; it appears when all
    is done, and not at all when something fails.

    \b
    Example:
      netcli data make train.txt train_lmdb --resize 112,96 --shuffle
      netcli data make train.txt train_lmdb --root /data/faces/ --encoded jpg
    """
    from netcli.data.lmdb_making import Encoding, Making, make_lmdb
    from netcli.data.skipped import SkippedItems
    from netcli.report.step_line import StepLine

    if encoded == Encoding.AS_IS.value and (size or gray):
        raise click.UsageError("--encoded as-is keeps the files as they are; --resize and --gray would change them")
    making = Making(
        root=root,
        size=size,
        gray=gray,
        encoding=Encoding(encoded or "none"),
        shuffle_seed=seed if shuffle else None,
        check_size=check_size,
        force=force,
    )
    line = StepLine()
    skipped = SkippedItems() if skip_bad else None
    try:
        made = make_lmdb(list_path, target, making, skipped=skipped, progress=line.bar(f"writing {target}"))
    finally:
        line.clear()
    for message in skipped.messages if skipped is not None else []:
        click.echo(f"skipped: {message}", err=True)
    for remark in made.remarks():
        click.echo(f"note: {remark}", err=True)
    left_out = f", {len(skipped):,} skipped" if skipped else ""
    classes = f"{len(made.labels):,} label{'' if len(made.labels) == 1 else 's'}"
    click.echo(f"{target}: {made.items:,} images, {classes}{left_out}", err=True)
