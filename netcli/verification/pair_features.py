"""The features of a list's images: looked up in a table, or made by a net."""

from __future__ import annotations

import os

import numpy as np

from netcli.data.image_list import ListedImage, find_root
from netcli.extraction.feature_file import Features
from netcli.extraction.items import ImageSet
from netcli.verification.matching import rows_of
from netcli.verification.pairs import PairList

ENDINGS = (".jpg", ".png", ".jpeg", ".bmp", ".pgm", ".ppm")
"""Tried in this order where a list has names without one."""


def looked_up(pairs: PairList, features: Features) -> np.ndarray:
    """(images, D), a row for each image of ``pairs``. Raises RunError NC560 for an image without features."""
    return in_rows(features.values)[rows_of(pairs, features.names)]


def in_rows(values: np.ndarray) -> np.ndarray:
    """Features of any shape as (N, D)."""
    return values.reshape(len(values), -1)


def image_set(pairs: PairList, root: str) -> ImageSet:
    """The images of ``pairs`` as files below ``root``; the first one tells the ending where the list has none."""
    ending = ""
    if pairs.lfw:
        first = pairs.images[0].name
        folders = [pairs.path.absolute().parent]
        for candidate in ENDINGS:
            image = ListedImage(first + candidate, None, pairs.images[0].line)
            if os.path.exists(find_root(root, [image], folders) + image.path):
                ending = candidate
                break
        else:
            ending = ENDINGS[0]
    images = [ListedImage(image.name + ending, None, image.line) for image in pairs.images]
    return ImageSet(images, pairs.path, root)
