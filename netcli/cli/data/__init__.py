"""``netcli data``: commands that make data sets and look into them, each in a module of its own."""

from __future__ import annotations

import click

from netcli.cli.group import LazyGroup

COMMANDS = {
    "make": "Make an LMDB from a list of images.",
    "mnist": "Make the LMDBs of MNIST that configs/mnist names.",
    "digits": "Write the built-in digits as LMDBs.",
    "info": "Print what is in a data set: shapes, labels, mean, bad entries.",
    "show": "Show one item of a data set.",
    "mean": "Compute the mean image of a data set.",
}
"""name of the command -> the line that ``netcli data --help`` shows for it"""


@click.group("data", cls=LazyGroup, package=__name__, commands_by_name=COMMANDS)
def command() -> None:
    """Make data sets, and look into them.

    SOURCE is a folder with an LMDB, a built-in set such as builtin:digits/train, or a list of images: path and
    label in each line, as ImageData reads it.

    \b
    Example:
      netcli data make train.txt train_lmdb --resize 112,96
      netcli data info train_lmdb
    """
