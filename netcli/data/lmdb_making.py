"""From a list of images to an LMDB, as Caffe's convert_imageset makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

from netcli.data.datum import by, make_datum, make_encoded_datum
from netcli.data.image_decoding import Colour, encode_image
from netcli.data.image_files import ImageFiles
from netcli.data.image_list import ListedImage, find_root, read_image_list
from netcli.data.lmdb_writer import LmdbWriter, check_target
from netcli.data.skipped import UNREADABLE, SkippedItems
from netcli.data.stream_feed import decoding_threads
from netcli.data.survey import label_remarks
from netcli.errors import RunError
from netcli.runtime.streams import stream

_CHUNK = 128


class Encoding(Enum):
    """How pixels are stored: as bytes, compressed anew, or as the files that they come from."""

    NONE = "none"
    JPG = "jpg"
    PNG = "png"
    AS_IS = "as-is"


@dataclass(frozen=True)
class Making:
    """How a set is made.

    Attributes:
        root: stands before each path of the list.
        size: (height, width) to resize to; None to leave images as they are.
        gray: one channel instead of three.
        encoding: how pixels are stored.
        shuffle_seed: seed of a random order; None for the order of the list.
        check_size: images of unequal sizes are an error.
        force: replace an LMDB that is there already.
    """

    root: str = ""
    size: tuple[int, int] | None = None
    gray: bool = False
    encoding: Encoding = Encoding.NONE
    shuffle_seed: int | None = None
    check_size: bool = False
    force: bool = False


@dataclass
class Made:
    """What came of it: the number of items, their shapes, and all labels."""

    items: int = 0
    shapes: set[tuple[int, int, int]] = field(default_factory=set)
    labels: set[int] = field(default_factory=set)

    def remarks(self) -> list[str]:
        """What is likely to surprise whoever trains with the set."""
        said = []
        if len(self.shapes) > 1:
            said.append(f"images of {len(self.shapes)} sizes: a layer will need a crop_size; --resize makes them equal")
        return said + label_remarks(self.labels)


def make_lmdb(
    list_path: Path,
    target: Path,
    making: Making,
    *,
    skipped: SkippedItems | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Made:
    """Writes the images of a list to a new LMDB, all or nothing.

    Keys are those of convert_imageset: the item's number in eight digits, an underscore, the path as listed.

    Args:
        list_path: path and label in each line.
        target: the folder to make.
        making: how.
        skipped: told about images that cannot be read, which are left out; None to make errors of them.
        progress: called with the images done so far and in all.

    Raises:
        RunError: NC210 ``target`` exists, NC211 no image could be used, NC221 an image that cannot be read, NC204 an
            image of another size where that is checked, NC222 or NC223 a list that cannot be used, NC209 ``target``
            cannot be written, NC206 OpenCV is not installed.
    """
    check_target(target, making.force)
    listed = read_image_list(list_path)
    if making.shuffle_seed is not None:
        order = stream(making.shuffle_seed, "order of a new LMDB").permutation(len(listed))
        listed = [listed[index] for index in order]
    images = ImageFiles(
        listed,
        list_path,
        root=find_root(making.root, listed, [list_path.absolute().parent]),
        colour=Colour.GRAY if making.gray else Colour.COLOUR,
        size=making.size,
        tolerant=skipped is not None,
    )
    made = Made()
    with LmdbWriter(target, force=making.force) as writer:
        for done, (image, record) in enumerate(_records(images, listed, making, skipped), 1):
            if record is not None:
                shape, datum = record
                assert image.label is not None
                made.items += 1
                made.shapes.add(shape)
                made.labels.add(image.label)
                writer.add_datum(datum, image.path)
            if progress is not None and (done % 100 == 0 or done == len(listed)):
                progress(done, len(listed))
    return made


_Record = tuple[tuple[int, int, int], bytes]


def _records(
    images: ImageFiles, listed: list[ListedImage], making: Making, skipped: SkippedItems | None
) -> Iterator[tuple[ListedImage, _Record | None]]:
    """Each image with its shape and its serialised Datum, None for one that is skipped. Several threads decode."""

    def convert(index: int) -> _Record | None:
        try:
            return _converted(images, index, making)
        except RunError as error:
            if skipped is None or error.code not in UNREADABLE:
                raise
            skipped.add(error)
            return None

    with ThreadPoolExecutor(decoding_threads()) as pool:
        for start in range(0, len(listed), _CHUNK):
            chunk = range(start, min(start + _CHUNK, len(listed)))
            yield from zip((listed[index] for index in chunk), pool.map(convert, chunk), strict=True)


def _converted(images: ImageFiles, index: int, making: Making) -> _Record:
    name, item = images.read(index)
    shape: tuple[int, int, int] = item.pixels.shape
    if making.check_size and shape != images.shape:
        raise RunError.of(
            "NC204", f"an image of another size than the first, {name}", expected=by(images.shape), actual=by(shape),
            hint="--resize H,W makes them equal",
        )  # fmt: skip
    if making.encoding is Encoding.NONE:
        return shape, make_datum(np.ascontiguousarray(item.pixels), item.label)
    if making.encoding is Encoding.AS_IS:
        content = images.content(index)
    else:
        content = encode_image(item.pixels, f".{making.encoding.value}")
    return shape, make_encoded_datum(content, shape, item.label)
