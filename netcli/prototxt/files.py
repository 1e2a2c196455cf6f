"""From a path to text: which file is meant, and whether it is text at all."""

from __future__ import annotations

import os
from pathlib import Path

from netcli.errors import ConfigError, Place, did_you_mean
from netcli.prototxt.tokens import tokenize

_BINARY_SUFFIXES = {
    ".caffemodel": "a file of weights",
    ".solverstate": "a solver's state",
    ".binaryproto": "a blob, as of a mean image",
    ".h5": "an HDF5 file",
}


def resolve_path(value: str, anchor: str | None, place: Place | None = None) -> Path:
    """The file or folder that ``value``, written in the file ``anchor``, means.

    A relative path is tried against the working directory, as Caffe does, then against the folder of
    ``anchor``, then against each parent of that; the first that exists wins.

    Args:
        value: The path as written.
        anchor: The file it is written in; None if it comes from nowhere in particular.
        place: Where it is written, for the error.

    Raises:
        ConfigError: NC001, with every place that was tried.
    """
    tried: list[Path] = []
    for folder in _folders(anchor):
        candidate = folder / value
        if value and _exists(candidate):
            return candidate
        if candidate not in tried:
            tried.append(candidate)
    raise ConfigError.of(
        "NC001",
        f"'{value}' does not exist" if value else "an empty path",
        place=place or (Place(anchor) if anchor else None),
        hint="tried " + ", ".join(map(str, tried)) if value else None,
    )


def _folders(anchor: str | None) -> list[Path]:
    folders = [Path()]
    if anchor is not None:
        home = Path(anchor).absolute().parent
        folders += [home, *home.parents]
    return folders


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a prototxt, without its byte order mark.

    Bytes that are not UTF-8 are let through in comments, where Caffe does not look either.

    Raises:
        ConfigError: NC001 no such file, NC002 a folder or unreadable, NC003 empty, NC004 not text.
    """
    file = os.fspath(path)
    data = _read_bytes(file)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError.of("NC004", "not UTF-8 text but UTF-16", place=Place(file), hint="save the file as UTF-8")
    if _is_binary(data):
        kind = _BINARY_SUFFIXES.get(Path(file).suffix)
        hint = f"'{Path(file).suffix}' is the ending of {kind}" if kind else None
        raise ConfigError.of("NC004", "a binary file", place=Place(file), expected="prototxt", hint=hint)
    text = data.decode("utf-8-sig", "surrogateescape")
    if next(tokenize(text))[1] == "":
        raise ConfigError.of("NC003", "an empty file", place=Place(file), expected="a net or a solver")
    return text


def _read_bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except FileNotFoundError:
        folder = Path(file).parent
        siblings = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        hint, suggestion = did_you_mean(Path(file).name, siblings)
        raise ConfigError.of("NC001", "no such file", place=Place(file), hint=hint, suggestion=suggestion) from None
    except IsADirectoryError:
        raise ConfigError.of("NC002", "a folder", place=Place(file), expected="a prototxt file") from None
    except ValueError as error:
        raise ConfigError.of("NC001", f"not a path: {error}", actual=repr(file)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError.of("NC002", f"cannot be read: {reason}", place=Place(file)) from None


def _is_binary(data: bytes) -> bool:
    """Text has no NUL and hardly any other control character."""
    head = data[:8192]
    controls = sum(byte < 32 and byte not in b"\t\n\v\f\r" for byte in head)
    return b"\0" in data or controls * 20 > len(head)
