"""MNIST: from the four IDX files to the LMDBs that ``configs/mnist`` names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netcli.data.idx import read_idx
from netcli.data.lmdb_writer import LmdbWriter, check_target
from netcli.errors import RunError

CLASSES = 10
SIDE = 28


@dataclass(frozen=True)
class Split:
    """One half of MNIST: its two IDX files, without ".gz", and the LMDB made of them."""

    images: str
    labels: str
    lmdb: str


SPLITS = (
    Split("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "mnist_train_lmdb"),
    Split("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "mnist_test_lmdb"),
)

FILES = tuple(name for split in SPLITS for name in (split.images, split.labels))
"""The names of the four IDX files, without ".gz"."""

Progress = Callable[[str, int, int], None]
"""Called with the LMDB's name, the items written so far and the items in all."""


def make_mnist_lmdbs(folder: Path | str, *, force: bool = False, progress: Progress | None = None) -> list[Path]:
    """Writes ``folder/mnist_train_lmdb`` and ``folder/mnist_test_lmdb`` from the IDX files in ``folder``.

    Keys and values are those of Caffe's convert_mnist_data. All four files are read and checked before anything
    is written.

    Args:
        folder: with the four IDX files, plain or gzipped.
        force: replace LMDBs that are there already.
        progress: told about every thousandth item.

    Returns:
        the paths of the two LMDBs.

    Raises:
        RunError: NC212 files missing, NC213 a file damaged or two that do not belong together, NC214 a label that is no
            digit, NC209 or NC210 an LMDB that cannot be written.
    """
    folder = Path(folder)
    targets = [folder / split.lmdb for split in SPLITS]
    for target in targets:
        check_target(target, force)
    files = find_idx_files(folder)
    contents = [_read_split(files[split.images], files[split.labels]) for split in SPLITS]
    for target, (images, labels) in zip(targets, contents, strict=True):
        with LmdbWriter(target, force=force) as writer:
            for image, label in zip(images, labels, strict=True):
                writer.add(image[None], int(label))
                if progress is not None and (len(writer) % 1000 == 0 or len(writer) == len(labels)):
                    progress(target.name, len(writer), len(labels))
    return targets


def find_idx_files(folder: Path) -> dict[str, Path]:
    """The four IDX files in ``folder``, by the names in ``FILES``.

    A file may end in ".gz", and ".idx3-ubyte" may stand for "-idx3-ubyte", as some copies have it.

    Raises:
        RunError: NC212, naming every file that is missing.
    """
    found: dict[str, Path] = {}
    for name in FILES:
        dotted = name.replace("-idx", ".idx")
        for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
            if (folder / candidate).is_file():
                found[name] = folder / candidate
                break
    missing = [name for name in FILES if name not in found]
    if missing:
        raise RunError.of(
            "NC212",
            f"MNIST files are missing in '{folder}'",
            expected=f"{', '.join(missing)} (plain or .gz)",
            hint="put them there, or let --download fetch them",
        )
    return found


def _read_split(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28) and labels (N,), both uint8, checked."""
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if images.shape[1:] != (SIDE, SIDE):
        raise RunError.of(
            "NC213", f"'{images_path}' holds images of another size", expected=f"{SIDE} x {SIDE}",
            actual=f"{images.shape[1]} x {images.shape[2]}",
        )  # fmt: skip
    if len(images) != len(labels):
        raise RunError.of(
            "NC213",
            f"'{images_path.name}' and '{labels_path.name}' do not belong together",
            expected=f"{len(images)} labels",
            actual=len(labels),
        )
    if len(labels) == 0:
        raise RunError.of("NC213", f"'{images_path}' holds no images", expected="at least one", actual=0)
    wrong = np.flatnonzero(labels >= CLASSES)
    if wrong.size:
        raise RunError.of(
            "NC214", f"label {wrong[0]} in '{labels_path}' is no digit", expected="0 to 9", actual=labels[wrong[0]]
        )
    return images, labels
