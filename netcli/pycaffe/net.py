"""pycaffe's Net over ``netcli.net.Net``."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from netcli import net as core
from netcli.convert.atomic_file import write_atomically
from netcli.convert.caffemodel import read_weights, write_weights
from netcli.convert.hdf5 import weights_to_hdf5
from netcli.data.feed import Feeds
from netcli.errors import RunError, did_you_mean
from netcli.layers.layer import Layer as CoreLayer
from netcli.layers.python.blobs import Blob, keep_live
from netcli.layers.python.interface import Layer
from netcli.layers.python.python import Python
from netcli.layers.source.memory_data import MemoryData
from netcli.net.net import LayerCallback
from netcli.net.weights import load_weights, stored_net
from netcli.prototxt import load_net
from netcli.pycaffe import batches
from netcli.pycaffe.modes import TEST, TRAIN
from netcli.pycaffe.seeds import next_seed

PathName = str | os.PathLike[str]


class Net:
    """A net for one phase: ``Net(network_file, phase, weights=...)`` or, as of old, ``Net(file, weights, phase)``.

    Args:
        network_file: the net's prototxt.
        phase: TRAIN or TEST.
        level, stages: matched with the layers' include and exclude rules.
        weights: a .caffemodel or .caffemodel.h5 to start from.

    Attributes:
        blobs: name -> Blob in the order of the layers, the copies that splits make included.
        params: layer name -> list of its parameters, for layers that have any.
        layers: the layers in order, for a Python layer the user's own object; ``layer_dict`` has them by name.
        top_names, bottom_names: layer name -> list of blob names.
        inputs, outputs: names of the blobs that Input layers make, and of those that no layer reads.
        blob_loss_weights: blob name -> the weight that it has in the loss, mostly 0.

    Raises:
        ConfigError: the file is not a net (NC019 if it is a solver) or the net cannot be planned.
        RunError: NC583 for a phase that is neither TRAIN nor TEST; what ``copy_from`` raises.
    """

    def __init__(
        self,
        network_file: PathName,
        phase: int | PathName,
        level: int | None = None,
        stages: Sequence[str] | None = None,
        weights: PathName | None = None,
    ) -> None:
        chosen: int | None
        if isinstance(phase, str | os.PathLike):
            weights, chosen, level = phase, level, None
        else:
            chosen = phase
        if chosen not in (TRAIN, TEST):
            raise RunError.of(
                "NC583", "a net needs a phase", expected="caffe.TRAIN or caffe.TEST", actual=repr(chosen),
                hint="Net(network_file, phase, weights=file)",
            )  # fmt: skip
        source = load_net(network_file)
        seed = next_seed()
        feeds = Feeds(source.file, seed, needed=True)
        self._show(core.Net(source, chosen, level=level or 0, stages=stages or (), feeds=feeds, seed=seed))
        if weights is not None:
            self.copy_from(weights)

    @classmethod
    def over(cls, net: core.Net) -> Net:
        """pycaffe's face of a net that is there already, as a solver's."""
        face = cls.__new__(cls)
        face._show(net)
        return face

    def _show(self, net: core.Net) -> None:
        """Gives ``net`` pycaffe's names."""
        steps = net.graph.steps
        self._net = net
        self.blobs = OrderedDict((name, Blob(blob)) for name, blob in net.blobs.items())
        self.layers = [_face(step.layer) for step in steps]
        self.layer_dict = OrderedDict((layer.name, layer) for layer in self.layers)
        self.params = OrderedDict((layer.name, layer.blobs) for layer in self.layers if len(layer.blobs))
        self.top_names = OrderedDict((step.name, list(step.tops)) for step in steps)
        self.bottom_names = OrderedDict((step.name, list(step.bottoms)) for step in steps)
        self.inputs = list(net.inputs)
        self.outputs = list(net.outputs)
        self._layer_names = [step.name for step in steps]
        self._blob_names = list(net.blobs)
        self.blob_loss_weights = OrderedDict.fromkeys(self._blob_names, 0.0)
        for step in steps:
            self.blob_loss_weights.update(zip(step.tops, step.loss_weights, strict=True))

    @property
    def name(self) -> str:
        """The net's name in its prototxt."""
        return self._net.name

    def forward(
        self, blobs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **inputs: ArrayLike
    ) -> dict[str, np.ndarray]:
        """Runs the layers from ``start`` to ``end`` (both included, all by default).

        Args:
            blobs: names of blobs to return besides the outputs.
            inputs: an array for each of the net's inputs, as many items as the blob has; without, the
                inputs keep what was written into them.

        Returns:
            The net's outputs (or, with ``end``, that layer's tops) by name, as live arrays.

        Raises:
            RunError: NC584 for unknown names, NC585 if ``inputs`` are not the net's, NC586 for a wrong shape.
        """
        first, last = self._layer_index(start, 0), self._layer_index(end, len(self.layers) - 1)
        names = [*(self.outputs if end is None else self.top_names[end]), *(blobs or ())]
        self._check_blobs(names)
        if inputs:
            self._check_names("inputs", inputs, self.inputs)
            for name, values in inputs.items():
                _assign(name, self.blobs[name].data, values)
        self._forward(first, last)
        return {name: self.blobs[name].data for name in names}

    def backward(
        self, diffs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **tops: ArrayLike
    ) -> dict[str, np.ndarray]:
        """Runs the layers backward from ``start`` down to ``end`` (both included, all by default).

        A net without a loss goes backward only under ``force_backward: true``. Gradients of parameters add up
        until ``clear_param_diffs``.

        Args:
            diffs: names of blobs whose gradients to return besides the inputs'.
            tops: a gradient for each of the net's outputs; without, they keep what was written into them.

        Returns:
            The gradients of the net's inputs (or, with ``end``, of that layer's bottoms) by name, as live arrays.

        Raises:
            RunError: as ``forward``.
        """
        last, first = self._layer_index(start, len(self.layers) - 1), self._layer_index(end, 0)
        names = [*(self.inputs if end is None else self.bottom_names[end]), *(diffs or ())]
        self._check_blobs(names)
        if tops:
            self._check_names("outputs", tops, self.outputs)
            for name, gradients in tops.items():
                _assign(name, self.blobs[name].diff, gradients)
        self._backward(last, first)
        return {name: self.blobs[name].diff for name in names}

    def forward_all(self, blobs: Iterable[str] | None = None, **inputs: ArrayLike) -> dict[str, np.ndarray]:
        """Runs any number of items, batch by batch; see ``netcli.pycaffe.batches``."""
        return batches.forward_all(self, list(blobs or ()), inputs)

    def forward_backward_all(
        self, blobs: Iterable[str] | None = None, diffs: Iterable[str] | None = None, **arrays: ArrayLike
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Runs any number of items forward and backward; see ``netcli.pycaffe.batches``."""
        return batches.forward_backward_all(self, list(blobs or ()), list(diffs or ()), arrays)

    def clear_param_diffs(self) -> None:
        """Sets the gradients of all parameters to zero."""
        self._net.clear_param_diffs()
        self.keep_live()

    def reshape(self) -> None:
        """Infers all shapes again from those of the inputs, without running anything."""
        self._net.reshape()
        self.keep_live()

    def share_with(self, other: Net) -> None:
        """Uses the parameters of ``other`` from now on, wherever layer names agree. Raises RunError NC455."""
        self._net.share_trained_layers_with(other._net)

    def copy_from(self, path: PathName) -> None:
        """Loads weights into the layers of the same name. Raises RunError NC451 to NC460."""
        load_weights(self._net, read_weights(path), os.fspath(path))
        self.keep_live()

    def save(self, path: PathName) -> None:
        """Writes net and weights as a .caffemodel, or as HDF5 if ``path`` ends in .h5. Raises RunError NC459."""
        write_weights(stored_net(self._net), path)

    def load_hdf5(self, path: PathName) -> None:
        """Loads weights from an HDF5 file, as ``copy_from`` does, which tells the format from the content."""
        self.copy_from(path)

    def save_hdf5(self, path: PathName) -> None:
        """Writes the weights as HDF5, whatever ``path`` ends in. Raises RunError NC459, NC460 without h5py."""
        write_atomically(path, weights_to_hdf5(stored_net(self._net), os.fspath(path)))

    def set_input_arrays(self, data: ArrayLike, labels: ArrayLike) -> None:
        """What the net's first MemoryData layer gives from now on, from the first item; see ``MemoryData.reset``.

        Raises:
            RunError: NC587 without such a layer, NC586 if the arrays do not fit it.
        """
        for layer in self._net.layers:
            if isinstance(layer, MemoryData):
                layer.reset(data, labels)
                return
        raise RunError.of(
            "NC587", "set_input_arrays() needs a MemoryData layer, and the net has none",
            hint="of an Input layer write into net.blobs[name].data",
        )  # fmt: skip

    def before_forward(self, callback: LayerCallback) -> None:
        """Calls ``callback(index)`` before the forward pass of every layer, also when a solver runs the net."""
        self._net.before_forward.append(self._seeing_live_arrays(callback))

    def after_forward(self, callback: LayerCallback) -> None:
        """As ``before_forward``, but after each layer."""
        self._net.after_forward.append(self._seeing_live_arrays(callback))

    def before_backward(self, callback: LayerCallback) -> None:
        """Calls ``callback(index)`` before the backward pass of every layer, last layer first."""
        self._net.before_backward.append(self._seeing_live_arrays(callback))

    def after_backward(self, callback: LayerCallback) -> None:
        """As ``before_backward``, but after each layer."""
        self._net.after_backward.append(self._seeing_live_arrays(callback))

    def keep_live(self) -> None:
        """Brings every array that was handed out up to date; see ``Blob``."""
        for blob in self._net.blobs.values():
            keep_live(blob)
        for params in self._net.params.values():
            for blob in params:
                keep_live(blob)

    def _seeing_live_arrays(self, callback: LayerCallback) -> LayerCallback:
        """``callback``, which finds every array that was handed out up to date."""

        def call(index: int) -> None:
            self.keep_live()
            callback(index)

        return call

    def _forward(self, first: int, last: int) -> float:
        """Runs layers ``first`` to ``last`` by index and returns the weighted loss."""
        try:
            return self._net.forward(first, last)
        finally:
            self.keep_live()

    def _backward(self, first: int, last: int) -> None:
        """Runs layers backward from index ``first`` down to ``last``."""
        try:
            self._net.backward(first, last)
        finally:
            self.keep_live()

    def _layer_index(self, name: str | None, default: int) -> int:
        if name is None:
            return default
        if name not in self.layer_dict:
            raise _unknown("layer", name, self._layer_names)
        return self._layer_names.index(name)

    def _check_blobs(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.blobs:
                raise _unknown("blob", name, self._blob_names)

    @staticmethod
    def _check_names(what: str, given: Mapping[str, object], wanted: Sequence[str]) -> None:
        if set(given) != set(wanted):
            raise RunError.of(
                "NC585",
                f"the arguments are not the net's {what}",
                expected=", ".join(wanted) or f"none, since the net has no {what}",
                actual=", ".join(given),
            )


def _face(layer: CoreLayer) -> Layer:
    """The layer as pycaffe shows it: of a Python layer the object that the user has made."""
    if isinstance(layer, Python) and layer.user_layer is not None:
        for face, blob in zip(layer.user_layer.blobs, layer.params, strict=True):
            face.show(blob)
        return layer.user_layer
    plain = Layer(layer.param)
    plain.blobs.extend(Blob(blob) for blob in layer.params)
    return plain


def _assign(name: str, target: np.ndarray, values: ArrayLike) -> None:
    """Fills a blob's array. Raises RunError NC586 unless ``values`` is batch sized and fits."""
    array = np.asarray(values)
    if array.shape[:1] == target.shape[:1]:
        try:
            target[...] = array
        except ValueError:
            pass
        else:
            return
    hint = "reshape the blob first" if array.ndim == target.ndim else None
    raise RunError.of(
        "NC586", f"the array does not fit blob '{name}'", expected=target.shape, actual=array.shape, hint=hint
    )


def _unknown(kind: str, name: str, known: Sequence[str]) -> RunError:
    hint, suggestion = did_you_mean(name, known)
    return RunError.of(
        "NC584", f"the net has no {kind} '{name}'", hint=hint or f"it has {', '.join(known)}", suggestion=suggestion
    )
