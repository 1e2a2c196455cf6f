"""The numbers of a run as TensorBoard's event files, through tensorboardX, which is an extra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netcli.errors import RunError
from netcli.solver import events


class TensorBoardReport:
    """A listener that adds scalars to ``folder``, with the iteration as step.

    ``train/loss`` and ``train/smoothed_loss``, ``train/NAME`` for each other output with one value, ``train/lr``,
    ``train/lambda/LAYER``, ``train/images_per_s``, and ``test/NAME`` (``test1/NAME`` for the second test net).
    Values that are not finite are written as they are: TensorBoard marks them.

    Raises:
        RunError: NC518 without tensorboardX, NC513 if the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise RunError.of(
                "NC518", "--tensorboard needs tensorboardX", hint='pip install "netcli[tensorboard]"'
            ) from None
        try:
            self._writer: Any = SummaryWriter(str(folder))
        except OSError as error:
            raise RunError.of("NC513", f"the folder '{folder}' cannot be used: {error.strerror or error}") from error

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Train | events.Test):
            for name, value in scalars(event).items():
                self._writer.add_scalar(name, value, event.iteration)
            self._writer.flush()

    def close(self) -> None:
        """Writes what is still buffered."""
        self._writer.close()


def scalars(event: events.Train | events.Test) -> dict[str, float]:
    """Value by tag."""
    if isinstance(event, events.Test):
        place = f"test{event.net or ''}"
        return {f"{place}/{name}": value for name, value in _single(event.outputs).items()}
    return {
        "train/loss": event.loss,
        "train/smoothed_loss": event.smoothed_loss,
        **{f"train/{name}": value for name, value in _single(event.outputs).items() if name != "loss"},
        "train/lr": event.lr,
        **{f"train/lambda/{layer}": value for layer, value in event.lambdas.items()},
        **({"train/images_per_s": event.images / event.seconds} if event.seconds > 0 else {}),
    }


def _single(outputs: events.Outputs) -> dict[str, float]:
    return {name: value for name, value in outputs.items() if isinstance(value, float)}
