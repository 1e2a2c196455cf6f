"""What ``netcli test`` shows beyond the means: predictions, classes, confusions, the worst images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from netcli.cli.classifying import Classified, Classifying, Roles, roles_of
from netcli.convert.atomic_file import write_atomically
from netcli.data.layer_files import LayerFiles
from netcli.data.restored_pixels import restored_pixels
from netcli.errors import RunError
from netcli.net.net import Net
from netcli.report.class_table import class_rows, confusion_json, confusion_matrix
from netcli.report.confusion_figure import confusion_figure
from netcli.report.contact_sheet import Cell, contact_sheet
from netcli.report.plotting import FORMATS, check_plot_path, save_figure
from netcli.report.predictions import write_predictions

WORST = 24
"""Images on a contact sheet."""


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for: ``netcli test``'s options."""

    predictions: Path | None = None
    confusion: Path | None = None
    per_class: bool = False
    topk: tuple[int, ...] = ()
    worst: Path | None = None
    scores: str | None = None

    @property
    def anything(self) -> bool:
        """Whether single items have to be looked at."""
        return bool(self.predictions) or self.needs_labels

    @property
    def needs_labels(self) -> bool:
        """Whether predictions have to be compared with labels."""
        return bool(self.confusion or self.per_class or self.topk or self.worst)

    def check_names(self) -> None:
        """Before the work is done: raises RunError NC553 for a name of another kind, NC552 without matplotlib."""
        if self.worst is not None:
            check_plot_path(self.worst)
        if self.confusion is not None and self.confusion.suffix.lower() != ".json":
            if self.confusion.suffix[1:].lower() not in FORMATS:
                raise RunError.of(
                    "NC553", f"'{self.confusion}' is not the name of a picture, nor of a JSON file",
                    expected="one that ends in .png, .svg, .pdf or .json",
                )  # fmt: skip
            check_plot_path(self.confusion)


class CloserLook:
    """Gathers what is wanted while the net is tested, and shows it.

    Args:
        anchor: the prototxt of the net, for files that its layers name.
    """

    def __init__(self, wanted: Wanted, anchor: str | None) -> None:
        self._wanted = wanted
        self._anchor = anchor
        self._gathered: Classifying | None = None

    def observe(self, net: Net) -> Classifying | None:
        """What ``evaluate`` is to tell about every batch.

        Raises:
            RunError: NC572 the net has no scores, NC573 no labels, NC574 no images.
            click.BadParameter: more classes are asked for than there are.
        """
        if not self._wanted.anything:
            return None
        roles = roles_of(net, self._wanted.scores)
        if self._wanted.needs_labels and roles.labels is None:
            raise RunError.of(
                "NC573", f"the net has no label for each item to compare '{roles.name}' with",
                hint="only --predictions does without",
            )  # fmt: skip
        if self._wanted.worst is not None:
            _check_images(roles)
        classes = net.blobs[roles.scores].shape[1]
        for k in self._wanted.topk:
            if k > classes:
                raise click.BadParameter(f"{k} is more than the {classes} classes", param_hint="--topk")
        self._gathered = Classifying(roles, WORST if self._wanted.worst is not None else 0)
        return self._gathered

    def show(self) -> dict[str, Any]:
        """Writes the files, and returns what is added to ``netcli test --json``. Raises RunError NC459."""
        if self._gathered is None:
            return {}
        found, wanted = self._gathered.classified(), self._wanted
        added: dict[str, Any] = {"scores": self._gathered.roles.name}
        if wanted.predictions is not None:
            labels = [None if label < 0 else label for label in _numbers(found.labels, len(found.keys))]
            columns = (found.predicted.tolist(), found.probability.tolist(), found.label_probability.tolist())
            write_predictions(zip(found.keys, labels, *columns, strict=True), wanted.predictions)
        if wanted.topk:
            added["topk"] = {str(k): found.top(k) for k in wanted.topk}
        if wanted.per_class or wanted.confusion is not None:
            assert found.labels is not None
            counted = found.counted()
            matrix = confusion_matrix(found.labels[counted], found.predicted[counted], found.classes)
            if wanted.per_class:
                added["classes"] = class_rows(matrix)
            if wanted.confusion is not None and wanted.confusion.suffix.lower() == ".json":
                write_atomically(wanted.confusion, json.dumps(confusion_json(matrix)).encode() + b"\n")
            elif wanted.confusion is not None:
                save_figure(confusion_figure(matrix), wanted.confusion)
        if wanted.worst is not None:
            self._show_worst(found, wanted.worst)
        return added

    def _show_worst(self, found: Classified, path: Path) -> None:
        assert self._gathered is not None
        assert found.labels is not None
        worst = self._gathered.worst()
        layer = self._gathered.roles.data_layer
        assert layer is not None
        files = LayerFiles(layer, self._anchor)
        cells = [
            Cell(
                restored_pixels(image.pixels, files),
                (
                    f"label {found.labels[image.index]}: {found.label_probability[image.index]:.1%}",
                    f"taken for {found.predicted[image.index]}: {found.probability[image.index]:.1%}"
                    if found.predicted[image.index] != found.labels[image.index]
                    else "recognised",
                    found.keys[image.index],
                ),
            )
            for image in worst
        ]
        title = f"the {len(cells)} of {int(found.counted().sum()):,} images with the least probability of their label"
        save_figure(contact_sheet(cells, title), path, dpi=130)


def _numbers(labels: Any, count: int) -> list[int]:
    """The labels as a list, or -1 ``count`` times."""
    return [-1] * count if labels is None else labels.tolist()


def _check_images(roles: Roles) -> None:
    if roles.images is None:
        raise RunError.of("NC574", "there are no images to show", expected="a data layer with a top (N, C, H, W)")
