"""The images of a list, as a set: several threads may read it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from netcli.data.datum import Item
from netcli.data.image_decoding import Colour, UnreadableImage, decode_image, opencv
from netcli.data.image_list import ListedImage
from netcli.data.image_reader import ReadItem
from netcli.data.stream_feed import decoding_threads
from netcli.errors import RunError
from netcli.layers.feeding import ItemName


class ImageFiles:
    """Images in files of their own. A ``netcli.data.image_reader.Images``.

    Args:
        images: at least one.
        list_path: where they are listed, for messages.
        root: stands before each path.
        colour: how files become channels.
        size: (height, width) to resize to, or None.
        shape: (C, H, W) of all images, where it is known; None to learn it from the first one.
        tolerant: learn it from the first one that can be read, if there is any.

    Raises:
        RunError: NC206 OpenCV is not installed, NC221 the first image is wanted and cannot be read.
    """

    def __init__(
        self,
        images: list[ListedImage],
        list_path: Path,
        *,
        root: str = "",
        colour: Colour = Colour.COLOUR,
        size: tuple[int, int] | None = None,
        shape: tuple[int, int, int] | None = None,
        tolerant: bool = False,
    ) -> None:
        opencv()
        self.threads = decoding_threads()
        self._images = images
        self._list_path = list_path
        self._root = root
        self._colour = colour
        self._size = size
        self.shape: tuple[int, int, int] = shape or self._shape_of_first(tolerant)

    def __len__(self) -> int:
        return len(self._images)

    def content(self, index: int) -> bytes:
        """The file of an image, as it is. Raises RunError NC221, with the file and the line of the list."""
        image = self._images[index]
        try:
            content = Path(self._root + image.path).read_bytes()
        except (OSError, ValueError) as error:
            raise self._unreadable(image, getattr(error, "strerror", None) or str(error)) from error
        if not content:
            raise self._unreadable(image, "the file is empty")
        return content

    def read(self, index: int) -> tuple[ItemName, Item]:
        """Name and pixels of an image. Raises RunError NC221, with the file and the line of the list."""
        image = self._images[index]
        try:
            pixels = decode_image(self.content(index), self._colour, self._size)
        except UnreadableImage as error:
            raise self._unreadable(image, str(error)) from error
        return self.name(index), Item(pixels, image.label, encoded=True)

    def name(self, index: int) -> ItemName:
        """Where an image stands."""
        image = self._images[index]
        return ItemName(image.path, f"'{self._root + image.path}' (line {image.line} of '{self._list_path}')")

    def item_reader(self) -> ReadItem:
        """Any number of threads may read."""
        return self.read

    def close(self) -> None:
        """No file stays open."""

    def _shape_of_first(self, tolerant: bool) -> tuple[int, int, int]:
        for index in range(len(self) if tolerant else 0):
            with contextlib.suppress(RunError):
                return self.read(index)[1].pixels.shape
        return self.read(0)[1].pixels.shape

    def _unreadable(self, image: ListedImage, reason: str) -> RunError:
        where = f"line {image.line} of '{self._list_path}'"
        return RunError.of("NC221", f"image '{self._root + image.path}' ({where}) cannot be read: {reason}")
