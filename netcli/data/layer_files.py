"""What the layers that read files have in common: their place among files, their seed, and how errors name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netcli.data.random_draws import Draws
from netcli.data.skipped import SkippedItems
from netcli.data.transform import read_mean
from netcli.errors import NetcliError
from netcli.prototxt import resolve_path
from netcli.schema import caffe_pb2 as pb


@dataclass(frozen=True)
class LayerFiles:
    """One layer, the prototxt ``anchor`` against whose folder paths are tried too, and the seed of the run."""

    layer: pb.LayerParameter
    anchor: str | None
    seed: int = 0
    skipped: SkippedItems | None = None

    def find(self, path: str) -> Path:
        """The file or folder that ``path`` means. Raises ConfigError NC001."""
        return Path(resolve_path(path, self.anchor))

    def beside(self, path: Path) -> list[Path]:
        """Folders in which a relative path that stands in the file ``path`` is tried, after the working directory."""
        folders = [path.absolute().parent]
        if self.anchor is not None:
            home = Path(self.anchor).absolute().parent
            folders += [folder for folder in (home, *home.parents) if folder not in folders]
        return folders

    def mean(self) -> np.ndarray | None:
        """The mean image that the transform names. Raises ConfigError NC001, RunError NC216."""
        param = self.layer.transform_param
        return read_mean(self.find(param.mean_file)) if param.HasField("mean_file") else None

    def draws(self, purpose: str) -> Draws:
        """Random draws; two layers of different names draw independently."""
        return Draws(self.seed, f"{purpose} of {self.layer.name}")

    def first(self, rand_skip: int) -> int:
        """Where the stream begins: up to ``rand_skip`` items on."""
        return self.draws("rand_skip").below(rand_skip, 0, 0) if rand_skip else 0

    @property
    def depth(self) -> int:
        """Batches to prefetch."""
        return max(1, self.layer.data_param.prefetch)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Lets errors name the layer, where they do not yet."""
        layer = self.layer
        try:
            yield
        except NetcliError as error:
            findings = [
                replace(f, layer=f.layer or layer.name, layer_type=f.layer_type or layer.type) for f in error.findings
            ]
            raise type(error)(findings) from error
