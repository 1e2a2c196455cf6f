"""Faces brought into one position: five landmarks onto a template of 112 x 96, by a similarity transform.

With points p_k and those of the template q_k as complex numbers, the rotation with scaling a and the shift b that make
sum_k |a p_k + b - q_k|^2 least are

    a = sum_k conj(p_k - p) (q_k - q) / sum_k |p_k - p|^2        b = q - a p

where p and q are the means. There is no reflection, and no shear.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from netcli.convert.atomic_file import unwritable
from netcli.data.image_decoding import UnreadableImage, decode_image, encode_image, opencv
from netcli.data.image_list import ListedImage, find_root
from netcli.data.skipped import SkippedItems
from netcli.errors import Place, RunError
from netcli.faces.landmarks import Landmarks, read_landmarks

HEIGHT, WIDTH = 112, 96
TEMPLATE = np.array(
    [[30.2946, 51.6963], [65.5318, 51.5014], [48.0252, 71.7366], [33.5493, 92.3655], [62.7299, 92.2041]]
)
"""(5, 2): where eyes, nose and mouth corners go, x and y; published by SphereFace's authors."""
FAR = 10.0
"""Pixels by which the points of an ordinary face do not miss the template in the root mean square."""


@dataclass
class Aligned:
    """What was done: images written, and the paths of those whose points fit the template badly."""

    images: int = 0
    doubtful: list[str] = field(default_factory=list)


def similarity(points: np.ndarray, template: np.ndarray = TEMPLATE) -> np.ndarray:
    """The matrix (2, 3) that takes (x, y, 1) of ``points`` (K, 2) nearest to ``template`` (K, 2).

    Raises:
        ValueError: all points are one.
    """
    p, q = points @ [1, 1j], template @ [1, 1j]
    centred = p - p.mean()
    spread = float((np.abs(centred) ** 2).sum())
    if not spread > 0:
        raise ValueError("all points are one")
    a = complex((centred.conj() * (q - q.mean())).sum() / spread)
    b = complex(q.mean() - a * p.mean())
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def misfit(points: np.ndarray, matrix: np.ndarray) -> float:
    """The root mean square distance between the template and where ``matrix`` takes ``points``, in pixels."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return float(np.sqrt(((moved - TEMPLATE) ** 2).sum(axis=1).mean()))


def align(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """An image (C, H, W) uint8 as (C, 112, 96), bilinear; black where ``matrix`` takes nothing."""
    planes = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    moved = opencv().warpAffine(planes, matrix, (WIDTH, HEIGHT))
    return moved[None] if moved.ndim == 2 else moved.transpose(2, 0, 1)


def align_files(
    landmarks: Path,
    target: Path,
    root: str = "",
    *,
    skipped: SkippedItems | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Aligned:
    """Writes every image of a file of landmarks, aligned, below ``target``, under the path that the file has.

    Args:
        root: stands before each path.
        skipped: told about lines without landmarks and images that cannot be read, which are left out; None to make
            errors of them.

    Raises:
        RunError: NC206 OpenCV is not installed; NC221 an image that cannot be read; NC564 no landmarks; NC565 landmarks
            that are one point; NC566 an image that cannot be kept under its name; NC459 it cannot be written.
    """
    opencv()
    lines = read_landmarks(landmarks)
    listed = [ListedImage(line.path, None, line.line) for line in lines if isinstance(line, Landmarks)]
    root = find_root(root, listed, [landmarks.absolute().parent])
    done = Aligned()
    for count, line in enumerate(lines, 1):
        try:
            if isinstance(line, RunError):
                raise line
            _align_file(line, landmarks, root, target, done)
        except RunError as error:
            if skipped is None or error.code not in ("NC221", "NC564", "NC565"):
                raise
            skipped.add(error)
        if progress is not None:
            progress(count, len(lines))
    return done


def _align_file(line: Landmarks, listing: Path, root: str, target: Path, done: Aligned) -> None:
    place = Place(str(listing), line.line, 1)
    try:
        matrix = similarity(line.points)
    except ValueError:
        raise RunError.of(
            "NC565", f"the landmarks of '{line.path}' are one point", place=place, actual=line.points[0].tolist()
        ) from None
    path = _path_below(target, line.path, place)
    image = root + line.path
    try:
        pixels = decode_image(Path(image).read_bytes())
    except (OSError, ValueError, UnreadableImage) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError.of("NC221", f"image '{image}' cannot be read: {reason}", place=place) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_image(align(pixels, matrix), path.suffix))
    except OSError as error:
        raise unwritable(path, error) from error
    done.images += 1
    if misfit(line.points, matrix) > FAR:
        done.doubtful.append(line.path)


def _path_below(target: Path, name: str, place: Place) -> Path:
    """Where the image ``name`` goes. Raises RunError NC566 if that is not below ``target``, or no kind of image."""
    parts = PurePosixPath(name.replace(os.sep, "/")).parts
    if Path(name).is_absolute() or ".." in parts:
        raise RunError.of(
            "NC566", f"'{name}' has no place below '{target}'", place=place, expected="a path below one folder",
            hint="list paths below a folder, and name that with --root",
        )  # fmt: skip
    path = target.joinpath(*parts)
    if not opencv().haveImageWriter(path.name):
        raise RunError.of(
            "NC566", f"'{name}' cannot be written again under its name", place=place,
            expected="an ending such as .jpg or .png", actual=path.suffix or "no ending",
        )  # fmt: skip
    return path
