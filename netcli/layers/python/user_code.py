"""Finds the classes of users' layers, and says where in the users' files an exception comes from."""

from __future__ import annotations

import importlib
import sys
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import netcli
from netcli.errors import did_you_mean
from netcli.layers.python.caffe_name import provide_caffe
from netcli.schema import caffe_pb2 as pb


class NotFound(Exception):
    """There is no such module, or no such class in it. ``hint`` says what to try."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


def load_class(module_name: str, class_name: str, folders: Sequence[Path]) -> Callable[[pb.LayerParameter], Any]:
    """The class ``class_name`` (or whatever else makes layers) of the module ``module_name``, which is imported.

    Args:
        folders: where to look after ``sys.path``. They stay on its end, so that the module can import its
            neighbours whenever it likes.

    Raises:
        NotFound: the module or the class is not there.
        Exception: whatever the module raises while it is imported.
    """
    provide_caffe()
    for folder in folders:
        entry = str(folder.resolve())
        if entry not in sys.path:
            sys.path.append(entry)
    module = _import(module_name, folders)
    found = getattr(module, class_name, None)
    if not callable(found):
        hint, _ = did_you_mean(class_name, [name for name, value in vars(module).items() if isinstance(value, type)])
        where = f" ({module.__file__})" if module.__file__ else ""
        raise NotFound(f"module '{module_name}'{where} has no class '{class_name}'", hint)
    return found


def _import(name: str, folders: Sequence[Path]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        near = [file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.py")]
        hint, _ = did_you_mean(name, near)
        looked = ", ".join(dict.fromkeys(str(folder.resolve()) for folder in folders))
        raise NotFound(f"no module '{name}'", hint or f"looked on sys.path (see PYTHONPATH), in {looked}") from None


def place_of(error: BaseException) -> str:
    """``file:line`` of the users' code that ``error`` comes from: the innermost frame of theirs."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if _is_the_users(frame.filename)]
    frame = (theirs or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _is_the_users(file: str) -> bool:
    if file.startswith("<"):
        return False
    installed = (Path(netcli.__file__).parent, *(Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib")))
    return not any(Path(file).resolve().is_relative_to(folder.resolve()) for folder in installed)
