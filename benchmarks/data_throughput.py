"""Images a second that reach a batch: netcli's feeds against PyTorch's DataLoader, in one run.

Two sets are made in a temporary folder: an LMDB of the built-in digits (28 x 28 grey, as MNIST), and JPEG files of
112 x 96 in a list. Both sides read the same files, parse them with the same protobuf class, decode with the same
OpenCV, and give float32 batches of scaled pixels and labels; PyTorch has two worker processes, netcli two threads.
Rounds alternate; the median of each side is printed, with the least and the largest.

    pip install torch
    python benchmarks/data_throughput.py [--rounds 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import lmdb
import numpy as np
import torch

from netcli.data import image_files
from netcli.data.digits import make_digits
from netcli.data.feed import Feeds
from netcli.data.lmdb_writer import LmdbWriter
from netcli.schema import caffe_pb2 as pb

BATCH = 64
WORKERS = 2
DIGITS = 12_000
JPEGS = 2_000
SCALE = 1 / 128
MEAN = 127.5


class DatabaseItems(torch.utils.data.Dataset):
    """The items of an LMDB by their keys; each worker opens it for itself."""

    def __init__(self, path: Path, count: int) -> None:
        self._path = str(path)
        self._count = count
        self._transaction: lmdb.Transaction | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if self._transaction is None:
            self._transaction = lmdb.open(self._path, readonly=True, lock=False, readahead=False).begin()
        datum = pb.Datum.FromString(self._transaction.get(f"{index:08d}".encode()))
        pixels = np.frombuffer(datum.data, np.uint8).reshape(datum.channels, datum.height, datum.width)
        return torch.from_numpy((pixels.astype(np.float32) - np.float32(MEAN)) * np.float32(SCALE)), datum.label


class ImageItems(torch.utils.data.Dataset):
    """The images of a list."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        cv2.setNumThreads(1)
        content = (self._folder / f"{index}.jpg").read_bytes()
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).transpose(2, 0, 1)
        return torch.from_numpy((pixels.astype(np.float32) - np.float32(MEAN)) * np.float32(SCALE)), index % 10


def make_sets(folder: Path) -> None:
    """``folder/digits``, an LMDB; ``folder/images`` and ``folder/list.txt``."""
    images, labels = make_digits("train", DIGITS)
    with LmdbWriter(folder / "digits") as writer:
        for image, label in zip(images, labels, strict=True):
            writer.add(image[None], int(label))
    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    for index in range(JPEGS):
        # Smooth, with some grain, as photographs are: noise alone would be slow to decode.
        coarse = random.integers(0, 256, (14, 12, 3)).astype(np.uint8)
        picture = cv2.resize(coarse, (96, 112), interpolation=cv2.INTER_CUBIC) + random.integers(0, 8, (112, 96, 3))
        cv2.imwrite(str(folder / "images" / f"{index}.jpg"), picture.clip(0, 255).astype(np.uint8))
    lines = (f"images/{index}.jpg {index % 10}\n" for index in range(JPEGS))
    (folder / "list.txt").write_text("".join(lines))


def layers(folder: Path) -> dict[str, pb.LayerParameter]:
    """The two data layers."""
    transform = pb.TransformationParameter(scale=SCALE, mean_value=[MEAN])
    names = {"top": ["data", "label"], "transform_param": transform}
    database = pb.DataParameter(source=str(folder / "digits"), batch_size=BATCH, backend=pb.DataParameter.LMDB)
    listed = pb.ImageDataParameter(source=str(folder / "list.txt"), batch_size=BATCH)
    return {
        "LMDB, 1 x 28 x 28": pb.LayerParameter(name="digits", type="Data", data_param=database, **names),
        "JPEG, 3 x 112 x 96": pb.LayerParameter(name="images", type="ImageData", image_data_param=listed, **names),
    }


def feed_batches(layer: pb.LayerParameter) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """netcli's batches, without end."""
    feed = Feeds().open(layer, pb.TEST)
    arrays = [np.empty((BATCH, *shape), np.float32) for shape in feed.shapes]
    try:
        while True:
            feed.next_batch(arrays)
            yield arrays[0], arrays[1]
    finally:
        feed.close()


def loader_batches(dataset: torch.utils.data.Dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """PyTorch's batches, without end; its workers stay over the epochs."""
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=BATCH, num_workers=WORKERS, prefetch_factor=4, persistent_workers=True, drop_last=True
    )
    while True:
        for data, labels in loader:
            yield data.numpy(), labels.numpy()


def images_per_second(batches: Iterator[tuple[np.ndarray, np.ndarray]], seconds: float) -> float:
    """Throughput of about ``seconds``, after a first epoch's start-up."""
    for _ in range(20):
        next(batches)
    count = 0
    begin = now = time.perf_counter()
    while now - begin < seconds:
        next(batches)
        count += BATCH
        now = time.perf_counter()
    return count / (now - begin)


def compare(
    ours: Callable[[], Iterator], theirs: Callable[[], Iterator], rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Both sides by turns; a fresh stream in every round, so that nothing runs beside the other."""
    results: dict[str, list[float]] = {"netcli": [], "pytorch": []}
    for _ in range(rounds):
        for name, start in (("netcli", ours), ("pytorch", theirs)):
            batches = start()
            results[name].append(images_per_second(batches, seconds))
            batches.close()
    return results


def check_equal(ours: Iterator, theirs: Iterator) -> None:
    """Both sides give the same first batches. One after the other: a forked worker must not inherit an open LMDB."""
    first = []
    for batches in (theirs, ours):
        first.append([array.copy() for _ in range(3) for array in next(batches)])
        batches.close()
    for other, mine in zip(*first, strict=True):
        np.testing.assert_array_equal(mine, other)


def main() -> None:
    """Makes the sets, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    image_files.decoding_threads = lambda: WORKERS
    report = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sets(folder)
        datasets = (DatabaseItems(folder / "digits", DIGITS), ImageItems(folder / "images", JPEGS))
        for (title, layer), dataset in zip(layers(folder).items(), datasets, strict=True):
            ours, theirs = lambda of=layer: feed_batches(of), lambda of=dataset: loader_batches(of)
            check_equal(ours(), theirs())
            report[title] = compare(ours, theirs, options.rounds, options.seconds)
    if options.json:
        print(json.dumps(report))
        return
    for title, sides in report.items():
        for side, rates in sides.items():
            print(f"{title:20} {side:8} {statistics.median(rates):10,.0f} images/s", end="")
            print(f"  ({min(rates):,.0f} to {max(rates):,.0f})")
        ratio = statistics.median(sides["netcli"]) / statistics.median(sides["pytorch"])
        print(f"{title:20} {'ratio':8} {ratio:10.2f}")


if __name__ == "__main__":
    main()
