"""``netcli faces align``."""

from __future__ import annotations

from pathlib import Path

import click

from netcli.cli import options

_MOST_NAMED = 5


@click.command("align")
@click.argument("landmarks", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR",
              help="Where the aligned images go, under the paths that LANDMARKS has.")  # fmt: skip
@click.option("--root", default="", metavar="DIR", help="Put before each path.")
@click.option("--skip-bad", is_flag=True, help="Leave out what has no landmarks or cannot be read, and name it.")
@options.debug_option
def command(landmarks: Path, out: Path, root: str, skip_bad: bool) -> None:
    """Turn, scale and shift faces so that eyes, nose and mouth stand where SphereFace expects them.

    LANDMARKS has in each line the path of an image and ten numbers: x and y of left eye, right eye, nose, left and
    right mouth corner, left and right as in the picture, as detectors of faces find them. The aligned images are 112
    high and 96 wide.

    \b
    Example:
      netcli faces align landmarks.txt --root lfw/ --out lfw-112x96/
    """
    from netcli.data.skipped import SkippedItems
    from netcli.faces.alignment import FAR, align_files
    from netcli.report.step_line import StepLine

    line = StepLine()
    skipped = SkippedItems() if skip_bad else None
    try:
        done = align_files(landmarks, out, root, skipped=skipped, progress=line.bar("aligning"))
    finally:
        line.clear()
    for message in skipped.messages if skipped is not None else []:
        click.echo(f"skipped: {message}", err=True)
    if done.doubtful:
        named = ", ".join(done.doubtful[:_MOST_NAMED]) + (", ..." if len(done.doubtful) > _MOST_NAMED else "")
        click.echo(
            f"note: landmarks that miss the template by more than {FAR:g} pixels: {len(done.doubtful):,} ({named}). "
            "Is the order left eye, right eye, nose, left and right mouth corner, each x y?",
            err=True,
        )
    left_out = f", {len(skipped):,} skipped" if skipped else ""
    click.echo(f"{out}: {done.images:,} images of 112 x 96{left_out}", err=True)
