"""The command line: one module per command, each imported only when it is run or explained.

``netcli --help`` must answer at once, so nothing here imports more than click.
"""

from __future__ import annotations

import click

from netcli import __version__
from netcli.cli.group import LazyGroup

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

COMMANDS = {
    "train": "Train the net of a solver.",
    "test": "Measure trained weights on the whole test set.",
    "time": "Measure where the time of a net goes.",
    "runs": "List runs with their best results.",
    "plot": "Draw loss, accuracy, learning rate and lambda of runs, or filters.",
    "show": "Print the shapes, parameters and cost of a net.",
    "draw": "Draw a net, with the shapes of its blobs.",
    "check": "Find what is wrong with prototxt files, without data.",
    "schedule": "Print the learning rate and lambda over the iterations.",
    "gradcheck": "Compare the gradients of a net with differences, layer by layer.",
    "layers": "Print what the layer types do.",
    "explain": "Say what a code of a message means.",
    "upgrade": "Rewrite an old prototxt in the modern form.",
    "export": "Write a net with its weights as ONNX or as a file of weights.",
    "convert": "Rewrite a file of weights in another format.",
    "data": "Make data sets, and look into them.",
    "extract": "Write what a blob of a trained net holds for each item of a set.",
    "verify": "Tell by their features whether pairs of faces show one person.",
    "faces": "Prepare faces, and look at what a margin makes of them.",
    "doctor": "Report on the installation.",
}
"""name of the command -> the line that ``netcli --help`` shows for it"""


@click.group(cls=LazyGroup, package=__name__, commands_by_name=COMMANDS, context_settings=CONTEXT_SETTINGS)
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Train, test, time and check nets that are written as Caffe prototxt.

    Exit codes: 0 fine, 1 the run failed, 2 usage, 3 the config is invalid, 4 training diverged,
    130 interrupted.

    \b
    Example:
      netcli train configs/lenet.prototxt
      netcli show configs/lenet.prototxt
    """
