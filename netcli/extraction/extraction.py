"""A net run over a set, batch by batch, for one of its blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from netcli.errors import RunError
from netcli.extraction.feature_net import FeatureNet
from netcli.extraction.items import Items
from netcli.net import Net
from netcli.net.weights import LoadReport, load_weights
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

Rows = tuple[np.ndarray, np.ndarray | None]
"""Features (n, ...) float32 of consecutive items, and their labels (n,) int64."""


@dataclass(frozen=True)
class Extraction:
    """A net ready to run, and the set it runs over.

    Attributes:
        net: behind an Input that ``items`` are written to.
        blob: the one that is wanted.
        flip: whether the features of the mirrored image stand behind those of the image, along axis 1.
        loaded: what became of each file of weights.
    """

    net: Net
    items: Items
    blob: str
    batch: int
    flip: bool
    loaded: list[LoadReport]

    def rows(self, progress: Callable[[int, int], None] | None = None) -> Iterator[Rows]:
        """The features of all items in order, a batch at a time.

        Raises:
            RunError: NC2xx, an item cannot be read.
        """
        feed, size = self.items.feed, len(self.items.names)
        arrays = [np.zeros((self.batch, *shape), np.float32) for shape in feed.shapes]
        for done in range(0, size, self.batch):
            count = min(self.batch, size - done)
            feed.next_batch([array[:count] for array in arrays])
            features = self._pass(arrays, count)
            if self.flip:
                mirrored = self._pass([arrays[0][..., ::-1], *arrays[1:]], count)
                features = np.concatenate([features, mirrored], axis=1)
            label = self.items.label
            labels = None if label is None else arrays[label][:count].reshape(count).astype(np.int64)
            yield features, labels
            if progress is not None:
                progress(done + count, size)

    def close(self) -> None:
        """Lets go of files and threads."""
        self.items.feed.close()
        self.net.close()

    def _pass(self, arrays: Sequence[np.ndarray], count: int) -> np.ndarray:
        for top, array in zip(self.items.tops, arrays, strict=True):
            self.net.blobs[top].values.write(PLAIN)[...] = array
        self.net.forward(first=1)
        values = self.net.blobs[self.blob].values.read(PLAIN)[:count].copy()
        return values if values.ndim > 1 else values.reshape(count, 1)


def extraction(
    wanted: FeatureNet,
    items: Items,
    weights: Sequence[tuple[str, pb.NetParameter]],
    *,
    batch: int,
    flip: bool = False,
    device: str = "cpu",
) -> Extraction:
    """A net that makes the wanted blob of ``items``, with ``weights`` (file name, content) loaded one after the other.

    Raises:
        ConfigError: the net cannot be planned.
        RunError: NC555 the blob has no row for each item; NC567 mirroring is wanted of what is no image; NC45x the
            weights do not fit.
    """
    shapes = items.feed.shapes
    if flip and len(shapes[0]) != 3:
        raise RunError.of(
            "NC567", "only images can be mirrored", layer=wanted.data.param.name, layer_type=wanted.data.param.type,
            expected="channels x height x width", actual=" x ".join(map(str, shapes[0])) or "one number",
        )  # fmt: skip
    net = Net(wanted.with_input(items.tops, shapes, batch), pb.TEST, seed=0, device=device, forward_only=True)
    shape = net.graph.shapes[wanted.blob]
    if not shape or shape[0] != batch:
        raise RunError.of(
            "NC555", f"the blob '{wanted.blob}' has no row for each item", expected=f"{batch} x ...",
            actual=" x ".join(map(str, shape)) or "one number",
        )  # fmt: skip
    loaded = [load_weights(net, content, name) for name, content in weights]
    return Extraction(net, items, wanted.blob, batch, flip, loaded)
