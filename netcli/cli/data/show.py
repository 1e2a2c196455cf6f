"""``netcli data show``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from netcli.cli import options
from netcli.cli.data import arguments


@click.command("show")
@arguments.source_argument
@click.argument("index", metavar="N", type=click.IntRange(min=0))
@arguments.root_option
@click.option(
    "--out", "target", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png",
    help="Write a PNG instead of drawing on the terminal.",
)  # fmt: skip
@arguments.force_option
@options.debug_option
def command(source: str, index: int, root: str, target: Path | None, force: bool) -> None:
    """Show one item of a data set.

    N counts from 0, in the order of the set. Without --out the image is drawn in the terminal: in colour, or in
    shades of characters where the output is no terminal.

    \b
    Example:
      netcli data show builtin:digits/train 3
      netcli data show train_lmdb 12 --out item.png
    """
    from netcli.convert.atomic_file import write_atomically
    from netcli.data.image_decoding import encode_image
    from netcli.data.stored_images import open_images
    from netcli.errors import RunError
    from netcli.report.colours import colours_wanted
    from netcli.report.picture import as_bytes, blocks, shades
    from netcli.report.step_line import StepLine

    if target is not None and target.exists() and not force:
        raise RunError.of("NC210", f"'{target}' exists already", hint="use --force to replace it, or remove it")
    line = StepLine()
    images = open_images(source, root=root, progress=line.bar(f"drawing {source}"))
    try:
        line.clear()
        if index >= len(images):
            raise click.BadParameter(f"there are {len(images):,} items: 0 to {len(images) - 1}", param_hint="N")
        name, item = images.item_reader()(index)
    finally:
        images.close()
    shape = " x ".join(map(str, item.pixels.shape))
    click.echo(f"{name}: {shape}, label {'none' if item.label is None else item.label}", err=True)
    pixels = as_bytes(item.pixels)
    if target is not None:
        write_atomically(target, encode_image(pixels, ".png"))
    elif sys.stdout.isatty() and colours_wanted():
        click.echo(blocks(pixels, shutil.get_terminal_size().columns))
    else:
        click.echo(shades(pixels, 80))
