"""From the bytes of an image file to pixels, by OpenCV (the extra ``images``), so that colours come as Caffe's do."""

from __future__ import annotations

import importlib
from enum import Enum
from typing import Any

import numpy as np

from netcli.errors import RunError


class Colour(Enum):
    """How an image becomes channels: as it is stored, or forced to three or to one."""

    STORED = "stored"
    COLOUR = "colour"
    GRAY = "gray"


class UnreadableImage(Exception):
    """Bytes that are no image that can be used, with the reason; whoever knows the file makes an error of it."""


def opencv() -> Any:
    """OpenCV, told to use no threads of its own: images are decoded in several threads already.

    Raises:
        RunError: NC206, it is not installed.
    """
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        raise RunError.of(
            "NC206", "image files need OpenCV, which is not installed", hint="pip install 'netcli[images]'"
        ) from error
    if cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)
    return cv2


def decode_image(content: bytes, colour: Colour = Colour.STORED, size: tuple[int, int] | None = None) -> np.ndarray:
    """The pixels of a compressed image file.

    Args:
        content: the whole file.
        colour: which channels are wanted.
        size: (height, width) to resize to, by bilinear interpolation; None to leave it as it is.

    Returns:
        (C, H, W) uint8 in the channel order blue, green, red, not necessarily C-ordered.

    Raises:
        UnreadableImage: it is no image, or one of more than 8 bits a channel.
        RunError: NC206, OpenCV is not installed.
    """
    cv2 = opencv()
    flag = {
        Colour.STORED: cv2.IMREAD_UNCHANGED,
        Colour.COLOUR: cv2.IMREAD_COLOR,
        Colour.GRAY: cv2.IMREAD_GRAYSCALE,
    }[colour]
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flag) if content else None
    except cv2.error as error:
        raise UnreadableImage(f"{len(content)} bytes that OpenCV refuses: {error.err}") from error
    if pixels is None:
        raise UnreadableImage(f"{len(content)} bytes that are no readable image")
    if pixels.dtype != np.uint8:
        raise UnreadableImage(f"an image of {pixels.dtype} values, only 8 bits are supported")
    if size is not None and pixels.shape[:2] != size:
        pixels = cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def encode_image(pixels: np.ndarray, extension: str) -> bytes:
    """The file of an image: ``pixels`` (C, H, W) uint8, ``extension`` such as ".png" or ".jpg"."""
    planes = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    _, content = opencv().imencode(extension, planes)
    return content.tobytes()
