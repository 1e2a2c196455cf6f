"""Random windows of images, warped to a square with some context around them: what WindowData layers read."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netcli.data.datum import by
from netcli.data.image_decoding import Colour, UnreadableImage, decode_image, opencv
from netcli.data.prefetch import Batch, Fill
from netcli.data.random_draws import Draws, scaled
from netcli.data.skipped import UNREADABLE, SkippedItems
from netcli.data.stream_feed import decoding_threads
from netcli.data.window_file import Window, WindowFile
from netcli.errors import ConfigError, Place, RunError
from netcli.layers.feeding import ItemName, ItemShapes
from netcli.schema import caffe_pb2 as pb

CHANNELS = 3
_ATTEMPTS = 100


@dataclass(frozen=True)
class Patch:
    """What is cut out of an image, and where it goes in the crop.

    Attributes:
        box: left, top, right, bottom in the image, both corners included.
        size: (height, width) to which it is warped.
        left, right, top: pixels of the crop around it that lie outside of the image.
    """

    box: tuple[int, int, int, int]
    size: tuple[int, int]
    left: int = 0
    right: int = 0
    top: int = 0


def place_window(
    box: tuple[int, int, int, int], image: tuple[int, int], crop: int, *, context_pad: int = 0, square: bool = False
) -> Patch:
    """Where a window with its context lies in its image and in the crop.

    The window is scaled so that it fills the crop but for ``context_pad`` pixels on each side; what is then outside
    of the image stays empty.

    Args:
        box: the window: left, top, right, bottom.
        image: (height, width).
        crop: side of the square.
        context_pad: context on each side, in pixels of the crop.
        square: take the smallest square around the window instead of changing its aspect ratio.
    """
    x1, y1, x2, y2 = box
    if not context_pad and not square:
        return Patch(box, (crop, crop))
    scale = crop / (crop - 2 * context_pad)
    half_width, half_height = (x2 - x1 + 1) / 2, (y2 - y1 + 1) / 2
    centre_x, centre_y = x1 + half_width, y1 + half_height
    if square:
        half_width = half_height = max(half_width, half_height)
    x1, x2 = _round(centre_x - half_width * scale), _round(centre_x + half_width * scale)
    y1, y2 = _round(centre_y - half_height * scale), _round(centre_y + half_height * scale)
    scale_x, scale_y = crop / (x2 - x1 + 1), crop / (y2 - y1 + 1)
    height, width = image
    left, top, right, bottom = max(0, -x1), max(0, -y1), max(0, x2 - width + 1), max(0, y2 - height + 1)
    x1, y1, x2, y2 = x1 + left, y1 + top, x2 - right, y2 - bottom
    size = _round((y2 - y1 + 1) * scale_y), _round((x2 - x1 + 1) * scale_x)
    return Patch((x1, y1, x2, y2), size, _round(left * scale_x), _round(right * scale_x), _round(top * scale_y))


class WindowReader:
    """The endless stream of random windows. A ``netcli.data.stream_feed.Reader``.

    Of every ``batch_size`` items the last ``floor(batch_size fg_fraction)`` are windows whose overlap is at least
    ``fg_threshold``; the others, with label 0, have one below ``bg_threshold``.

    Args:
        layer: with ``window_data_param`` and ``transform_param``. As in Caffe windows are mirrored in TEST, too.
        windows: the window file.
        root: stands before each path.
        mean: (3, H, W) float32 or None; its middle belongs to the crop.
        draws: where windows and mirrorings come from.
        skipped: told about windows whose images cannot be read, and others are drawn instead; None for an error.

    Raises:
        RunError: NC206 OpenCV is not installed, NC226 an object with label 0 or below, NC223 windows of one kind are
            wanted and there are none.
        ConfigError: NC215 contradictory means.
    """

    def __init__(
        self,
        layer: pb.LayerParameter,
        windows: WindowFile,
        *,
        root: str,
        mean: np.ndarray | None,
        draws: Draws,
        skipped: SkippedItems | None = None,
    ) -> None:
        opencv()
        settings, transform = layer.window_data_param, layer.transform_param
        crop = int(transform.crop_size)
        self.shapes: ItemShapes = ((CHANNELS, crop, crop), ())
        self.size: int | None = None
        self.threads = decoding_threads()
        self._batch_size = int(settings.batch_size)
        self._background = self._batch_size - int(np.float32(self._batch_size) * np.float32(settings.fg_fraction))
        self._context_pad = int(settings.context_pad)
        self._square = settings.crop_mode == "square"
        self._mirror = bool(transform.mirror)
        self._scale = np.float32(transform.scale)
        self._mean = _mean_of_crop(transform, mean, crop)
        self._crop = crop
        self._file = windows
        self._root = root
        self._draws = draws
        self._skipped = skipped
        self._objects = [window for window in windows.windows if window.overlap >= np.float32(settings.fg_threshold)]
        self._others = [
            window
            for window in windows.windows
            if window.overlap < np.float32(settings.fg_threshold) and window.overlap < np.float32(settings.bg_threshold)
        ]
        self._check_windows()
        self._content = functools.cache(self._read_file) if settings.cache_images else self._read_file

    def fills(self) -> list[Fill]:
        """All threads use the same function."""
        return [self._fill] * self.threads

    def close(self) -> None:
        """No file stays open."""

    def _fill(self, batch: Batch, position: int) -> None:
        batch.names = [self._fill_item(batch, i, position + i) for i in range(len(batch))]

    def _fill_item(self, batch: Batch, i: int, position: int) -> ItemName:
        is_object = position % self._batch_size >= self._background
        for attempt in range(_ATTEMPTS if self._skipped is not None else 1):
            choice, flip = self._draws.words(2, attempt, position)
            windows = self._objects if is_object else self._others
            window = windows[scaled(choice, len(windows))]
            try:
                self._cut(window, self._mirror and bool(flip & 1), batch.arrays[0][i])
            except RunError as error:
                if self._skipped is None or error.code not in UNREADABLE:
                    raise
                self._skipped.add(error)
                continue
            batch.arrays[1][i] = window.label if is_object else 0
            return ItemName(f"line {window.line}", f"window in line {window.line} of '{self._file.path}'")
        raise RunError.of("NC229", f"{_ATTEMPTS} windows drawn one after the other have images that cannot be read")

    def _cut(self, window: Window, mirrored: bool, out: np.ndarray) -> None:
        """Writes the window (3, crop, crop) less the mean and scaled; what is outside of the image is 0."""
        image = self._image(window)
        patch = place_window(
            window.box, image.shape[:2], self._crop, context_pad=self._context_pad, square=self._square
        )
        x1, y1, x2, y2 = patch.box
        top, left = patch.top, patch.right if mirrored else patch.left
        height, width = min(patch.size[0], self._crop - top), min(patch.size[1], self._crop - left)
        out.fill(0)
        if height < 1 or width < 1:
            return
        warped = opencv().resize(image[y1 : y2 + 1, x1 : x2 + 1], (width, height), interpolation=1)
        if mirrored:
            warped = warped[:, ::-1]
        place = np.s_[:, top : top + height, left : left + width]
        out[place] = (warped.transpose(2, 0, 1) - self._mean[place]) * self._scale

    def _image(self, window: Window) -> np.ndarray:
        """(H, W, 3) uint8 of the image that ``window`` is in."""
        path, line = self._file.images[window.image]
        where = f"line {line} of '{self._file.path}'"
        try:
            pixels = decode_image(self._content(path), Colour.COLOUR).transpose(1, 2, 0)
        except (OSError, UnreadableImage) as error:
            reason = getattr(error, "strerror", None) or error
            raise RunError.of("NC221", f"image '{self._root + path}' ({where}) cannot be read: {reason}") from error
        right, bottom = window.box[2:]
        if right >= pixels.shape[1] or bottom >= pixels.shape[0]:
            raise RunError.of(
                "NC226", f"a window reaches out of its image '{self._root + path}'",
                place=Place(str(self._file.path), window.line, 1),
                expected=f"X2 below {pixels.shape[1]}, Y2 below {pixels.shape[0]}", actual=f"{right}, {bottom}",
            )  # fmt: skip
        return pixels

    def _read_file(self, path: str) -> bytes:
        return Path(self._root + path).read_bytes()

    def _check_windows(self) -> None:
        for window in self._objects:
            if window.label < 1:
                raise RunError.of(
                    "NC226", "an object of the background's class", place=Place(str(self._file.path), window.line, 1),
                    expected="a class of at least 1, since 0 is the background", actual=window.label,
                )  # fmt: skip
        kinds = ((self._background, self._others, "background"), (self._batch_size - self._background, self._objects,
                 "objects"))  # fmt: skip
        for wanted, windows, kind in kinds:
            if wanted and not windows:
                raise RunError.of(
                    "NC223", f"no windows of {kind}", place=Place(str(self._file.path)),
                    expected=f"at least one, since a batch has {wanted}", actual=f"{len(self._file.windows)} others",
                    hint="look at fg_threshold, bg_threshold and fg_fraction",
                )  # fmt: skip


def _mean_of_crop(param: pb.TransformationParameter, mean: np.ndarray | None, crop: int) -> np.ndarray:
    """(3, crop, crop) float32: the middle of the mean image, or the mean values everywhere."""
    values = list(param.mean_value)
    if mean is not None and values:
        raise ConfigError.of("NC215", "mean_file and mean_value are both set", hint="keep one of them")
    if len(values) not in (0, 1, CHANNELS):
        raise ConfigError.of("NC215", "wrong number of mean_value", expected=f"1 or {CHANNELS}", actual=len(values))
    if mean is None:
        channels = np.full(CHANNELS, values or [0], np.float32)
        return np.broadcast_to(channels.reshape(-1, 1, 1), (CHANNELS, crop, crop))
    if len(mean) != CHANNELS or mean.shape[1] != mean.shape[2] or mean.shape[1] < crop:
        raise ConfigError.of(
            "NC215", "the mean image does not suit the crop",
            expected=f"{CHANNELS} x N x N with N at least {crop}", actual=by(mean.shape),
        )  # fmt: skip
    offset = (mean.shape[1] - crop) // 2
    return mean[:, offset : offset + crop, offset : offset + crop]


def _round(value: float) -> int:
    """Halves away from zero, as C does."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))
