"""``import caffe`` in the modules of users: another name of netcli's pycaffe face.

Layers written for pycaffe begin with ``import caffe``. Before the first of them is loaded, the name is given to
``netcli.pycaffe``, submodules included (``caffe.io``, ``caffe.proto.caffe_pb2`` ...), each of which is one module
under two names. It stays so for the rest of the process, since such code may import again at any time, within a
function too. A Caffe that the program has imported itself keeps its name.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType

NAME = "caffe"
_FACE = "netcli.pycaffe"


class _CaffeFinder(MetaPathFinder, Loader):
    """Finds ``caffe.x`` where ``netcli.pycaffe.x`` is."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top, _, _ = fullname.partition(".")
        if top != NAME or find_spec(_real_name(fullname)) is None:
            return None
        return spec_from_loader(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_real_name(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has run under its own name; the import system has overwritten its spec meanwhile."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def _real_name(name: str) -> str:
    return _FACE + name.removeprefix(NAME)


_finder = _CaffeFinder()


def provide_caffe() -> None:
    """Makes ``import caffe`` mean ``netcli.pycaffe`` from now on, ahead of any Caffe on ``sys.path``."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
