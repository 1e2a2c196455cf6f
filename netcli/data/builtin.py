"""Sources that netcli makes itself: ``source: "builtin:digits/train"``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from netcli.data.digits import DIGIT_SHAPE, SPLIT_SIZES, VERSION, make_digits
from netcli.data.lmdb_source import LmdbSource
from netcli.data.lmdb_writer import LmdbWriter
from netcli.errors import ConfigError, RunError, did_you_mean
from netcli.runtime.cache import cache_root

PREFIX = "builtin:"

BUILTIN_SHAPES: dict[str, tuple[int, int, int]] = {f"{PREFIX}digits/{split}": DIGIT_SHAPE for split in SPLIT_SIZES}
"""Every built-in source, with the (C, H, W) of its items."""

Progress = Callable[[int, int], None]
"""Called with the items made so far and the items in all."""


def is_builtin(source: str) -> bool:
    """Whether ``source`` names data that netcli makes itself, known or not."""
    return source.startswith(PREFIX)


def builtin_shape(source: str) -> tuple[int, int, int]:
    """(C, H, W) of a built-in source's items, without making them.

    Raises:
        ConfigError: NC208, there is no such source.
    """
    if source not in BUILTIN_SHAPES:
        hint, suggestion = did_you_mean(source, BUILTIN_SHAPES)
        raise ConfigError.of(
            "NC208",
            f"no built-in source '{source}'",
            expected=" or ".join(BUILTIN_SHAPES),
            hint=hint,
            suggestion=suggestion,
        )
    return BUILTIN_SHAPES[source]


def builtin_is_made(source: str) -> bool:
    """Whether a built-in source has been made before. Raises ConfigError NC208 if there is no such source."""
    builtin_shape(source)
    split = source.rpartition("/")[2]
    return _complete(_made_at(split), split)


def builtin_source(source: str, progress: Progress | None = None) -> Path:
    """The LMDB of a built-in source in the user's cache folder, made at its first use.

    Processes that make it at the same time do not disturb each other: the first that is ready wins, and the others,
    whose copies hold the same items, use its LMDB. A damaged copy is made anew.

    Args:
        source: such as "builtin:digits/train".
        progress: told how far the making is.

    Raises:
        ConfigError: NC208, there is no such source.
        RunError: NC219, the cache folder cannot be written.
    """
    builtin_shape(source)
    split = source.rpartition("/")[2]
    path = _made_at(split)
    if not _complete(path, split):
        images, labels = make_digits(split, progress=progress)
        try:
            with LmdbWriter(path, force=path.is_dir()) as writer:
                for image, label in zip(images, labels, strict=True):
                    writer.add(image[None], int(label))
        except RunError as error:
            if not _complete(path, split):
                raise RunError.of(
                    "NC219",
                    f"cannot keep {source} in the cache folder: {error.findings[0].message}",
                    hint="set NETCLI_CACHE_DIR to a folder that is writable and has room (15 MB)",
                ) from error
    return path


def _made_at(split: str) -> Path:
    return cache_root() / f"digits-v{VERSION}" / f"{split}_lmdb"


def _complete(path: Path, split: str) -> bool:
    """Whether ``path`` holds a whole split that can be read."""
    try:
        with LmdbSource(path) as made:
            return len(made) == SPLIT_SIZES[split]
    except RunError:
        return False
