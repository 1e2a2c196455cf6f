"""``netcli faces``: what work with faces needs beyond training, each command in a module of its own."""

from __future__ import annotations

import click

from netcli.cli.group import LazyGroup

COMMANDS = {
    "align": "Turn, scale and shift faces so that eyes, nose and mouth stand where SphereFace expects them.",
    "pairs": "Make a list of pairs for verify from folders of people.",
    "figure": "Draw the two-dimensional features that runs have learned, one column for each RUN.",
}
"""name of the command -> the line that ``netcli faces --help`` shows for it"""


@click.group("faces", cls=LazyGroup, package=__name__, commands_by_name=COMMANDS)
def command() -> None:
    """Prepare faces, and look at what a margin makes of them.

    \b
    Example:
      netcli faces align landmarks.txt --root lfw/ --out lfw-112x96/
      netcli faces pairs lfw-112x96/ --out pairs.txt
      netcli faces figure runs/m1 runs/m4 --out margin.png
    """
