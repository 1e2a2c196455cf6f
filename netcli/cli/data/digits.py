"""``netcli data digits``."""

from __future__ import annotations

from pathlib import Path

import click

from netcli.cli import options
from netcli.cli.data import arguments


@click.command("digits")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@arguments.force_option
@options.debug_option
def command(directory: Path, force: bool) -> None:
    """Write the built-in digits as LMDBs.

    DIR/digits_train_lmdb and DIR/digits_test_lmdb are written: 12,000 and 2,000 images of 1 x 28 x 28 that netcli
    draws itself, the same everywhere. Nets can read them without this, as builtin:digits/train and
    builtin:digits/test.

    \b
    Example:
      netcli data digits .
    """
    from netcli.data.digits import SPLIT_SIZES, make_digits
    from netcli.data.lmdb_writer import LmdbWriter, check_target
    from netcli.report.step_line import StepLine

    targets = {split: directory / f"digits_{split}_lmdb" for split in SPLIT_SIZES}
    for target in targets.values():
        check_target(target, force)
    line = StepLine()
    for split, target in targets.items():
        images, labels = make_digits(split, progress=line.bar(f"drawing {target}"))
        with LmdbWriter(target, force=force) as writer:
            for image, label in zip(images, labels, strict=True):
                writer.add(image[None], int(label))
        line.done(f"{target}: {len(labels):,} images")
