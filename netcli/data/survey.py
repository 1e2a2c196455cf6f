"""Facts about a data set that one pass over all of its items gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np

from netcli.data.image_reader import Images
from netcli.errors import RunError

Progress = Callable[[int, int], None]
"""Called with the items read so far and the items in all."""


@dataclass
class Survey:
    """What is in a data set.

    Attributes:
        items: all of them, the bad ones too.
        encoded: items that are compressed images.
        shapes: (C, H, W) -> items.
        labels: label -> items.
        unlabelled: items without a label.
        mean: of all values of a channel, for each channel; empty where the items have unequal numbers of channels.
        bad: what is wrong with each item that cannot be read.
    """

    items: int
    encoded: int = 0
    shapes: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    labels: Counter[int] = field(default_factory=Counter)
    unlabelled: int = 0
    mean: list[float] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def remarks(self) -> list[str]:
        """What is likely to surprise whoever trains with these data."""
        said = []
        if len(self.shapes) > 1:
            said.append("items of unequal shapes: a layer needs a crop_size, or the set one size")
        said += label_remarks(self.labels)
        if self.unlabelled and self.labels:
            said.append(f"{self.unlabelled} items without a label")
        return said


def label_remarks(labels: Collection[int]) -> list[str]:
    """What is unusual about the labels that occur in a set."""
    if not labels:
        return []
    said = []
    first, last = min(labels), max(labels)
    if first != 0:
        said.append(f"labels start at {first}: losses expect 0 to num_output - 1")
    missing = last - first + 1 - len(labels)
    if missing:
        said.append(f"{missing} of the labels from {first} to {last} have no item")
    return said


def survey(images: Images, progress: Progress | None = None) -> Survey:
    """Reads every item of ``images`` once; one that cannot be read is an entry of ``bad`` and no error."""
    result = Survey(len(images))
    read = images.item_reader()
    sums: Counter[int] = Counter()
    values = 0
    for index in range(len(images)):
        try:
            _, item = read(index)
        except RunError as error:
            result.bad.append(error.findings[0].message)
        else:
            channels, height, width = item.pixels.shape
            result.encoded += item.encoded
            result.shapes[channels, height, width] += 1
            if item.label is None:
                result.unlabelled += 1
            else:
                result.labels[item.label] += 1
            for channel, total in enumerate(item.pixels.sum(axis=(1, 2), dtype=np.float64).tolist()):
                sums[channel] += total
            values += height * width
        if progress is not None and (index % 100 == 99 or index + 1 == len(images)):
            progress(index + 1, len(images))
    if len({shape[0] for shape in result.shapes}) == 1:
        result.mean = [sums[channel] / values for channel in sorted(sums)]
    return result
