"""The contract that every layer keeps.

A layer knows its parameter message and its bottoms' shapes, nothing else: ``setup`` is pure and needs no
memory, no data and no device, so that ``check`` and ``show`` work on any net in milliseconds. ``forward``
and ``backward`` call kernels on blobs that the net hands in. A layer holds no thread pool, opens no file
and reads no environment.

Gradients: a parameter's gradient is added to (``iter_size``), a bottom's gradient is written.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import ClassVar

import numpy as np

from netcli.errors import ConfigError, RunError
from netcli.layers.feeding import FeedSource, NoFeeds
from netcli.layers.fillers import check_filler
from netcli.layers.share import WHOLE, Share
from netcli.prototxt import LayerSource
from netcli.runtime.blob import Blob, Shape
from netcli.schema import caffe_pb2 as pb

EQUAL_TO_BOTTOMS = "as many as bottoms"
CountRule = int | tuple[int, int | None]


@dataclass
class LayerContext:
    """What the layers of one net have in common.

    ``seed`` starts the random streams; ``pass_index`` counts the forward passes of the net and ``iteration``
    the solver's iterations (None where no solver drives the net), both set from outside, so that a layer's
    randomness and schedules are functions of the iteration and not of hidden counters. ``load_user_code`` is
    true in a net that is made to run: only there may a Python layer load its module, never where a net is
    merely planned (``check``, ``show``). ``share`` is the part of each batch that this process computes.
    """

    phase: int = pb.TRAIN
    feeds: FeedSource = field(default_factory=NoFeeds)
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float32))
    device: str = "cpu"
    seed: int = 0
    pass_index: int = 0
    iteration: int | None = None
    load_user_code: bool = False
    share: Share = WHOLE


class ShapesKnownAtRunTime(Exception):
    """From ``Layer.setup``: nothing is wrong, but the tops' shapes are known only in a net that runs."""


@dataclass(frozen=True)
class ParameterDeclaration:
    """A learnable blob that a layer asks for: its shape and how it is filled at first.

    ``blob`` is the blob itself where the layer has made and filled it already, as user code does.
    """

    shape: Shape
    filler: pb.FillerParameter
    lr_mult: float = 1.0
    decay_mult: float = 1.0
    blob: Blob | None = None


class Layer:
    """Base of all layers. Subclasses are registered by ``netcli.layers.registry.register``.

    Attributes:
        param: the layer's message.
        declarations: the learnable blobs, known after ``setup``.
        params: the learnable blobs themselves, given by the net before the first ``forward``.
        trains: for each of them, whether its gradient is wanted (``lr_mult: 0`` says no).
        runs_backward: whether ``backward`` will ever be called; yes for a layer that stands in no net.
        done_along: whether the layer before it has done its last forward pass along. A layer whose backward needs to
            know sets it to False in its own ``forward``.
        made_tops: tops that the layer has made itself in ``setup``, as user code does; the net takes them over.
    """

    type_name: ClassVar[str]
    v1_name: ClassVar[str | None]
    param_field: ClassVar[str | None]
    bottoms: ClassVar[CountRule]
    tops: ClassVar[CountRule | str]
    in_place: ClassVar[bool]
    is_loss: ClassVar[bool]
    undifferentiable_bottoms: ClassVar[tuple[int, ...]]
    no_gradient: ClassVar[str]
    gradient_error: ClassVar[float]
    shared_fields: ClassVar[tuple[str, ...]]
    fork: ClassVar[str]

    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        self.source = source
        self.param = source.param
        self.name = source.param.name
        self.context = context
        self.declarations: list[ParameterDeclaration] = []
        self.params: list[Blob] = []
        self.trains: list[bool] = []
        self.runs_backward = True
        self.done_along = False
        self.made_tops: list[Blob] = []

    @property
    def settings(self) -> object:
        """The layer's own message, e.g. ``param.convolution_param``."""
        assert self.param_field is not None
        return getattr(self.param, self.param_field)

    @property
    def training(self) -> bool:
        """True in phase TRAIN; a layer's own ``phase`` overrides the net's."""
        phase = self.param.phase if self.param.HasField("phase") else self.context.phase
        return phase == pb.TRAIN

    @functools.cached_property
    def kernels(self) -> ModuleType:
        """The CPU kernels of the layer's family; numba is imported here and not before."""
        family = type(self).__module__.rpartition(".")[0]
        return importlib.import_module(f"{family}.cpu")

    def real(self, value: float) -> np.floating:
        """``value`` as a scalar of the net's dtype: kernels compute in the type of their arguments."""
        return self.context.dtype.type(value)

    # What subclasses define

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Checks the parameters against the bottoms' shapes and returns the tops' shapes. Pure: may be called again.

        Sets ``declarations``. Raises ConfigError (NC12x) at the offending field, ShapesKnownAtRunTime if only
        user code could tell the shapes and the net is not one that runs.
        """
        raise NotImplementedError

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Writes the tops' values."""
        raise NotImplementedError

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Adds to the parameters' gradients; writes the bottoms' gradients where ``propagate_down`` says so."""
        raise NotImplementedError

    def macs(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> int:
        """Multiply-accumulates of one forward pass; 0 where they do not dominate."""
        return 0

    def method(self, bottom_shapes: Sequence[Shape]) -> str:
        """Which of several ways the CPU takes at these shapes, in a few words; "" where there is but one."""
        return ""

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        """Of the arrays of 4-byte values that the layer keeps from forward to backward; images first, as in blobs.

        Those that are small beside blobs and parameters may be left out. Asked of a layer of a planned net.
        """
        return []

    def scratch_sizes(self, bottom_shapes: Sequence[Shape], propagate_down: Sequence[bool]) -> dict[str, int]:
        """Values that kernels need within a pass, backward included if there is one, by the name of the scratch."""
        return {}

    def channel_map(self) -> tuple[np.ndarray, np.ndarray] | None:
        """s and t (channels,), if forward is y = s x + t for each channel (axis 1), by parameters alone; else None."""
        return None

    def channel_slopes(self, channels: int) -> np.ndarray | None:
        """a (channels,), if forward is y = x where x > 0 and else a x for each channel (axis 1); otherwise None."""
        return None

    def top_suffices(self) -> bool:
        """Whether backward in place finds what it needs in the top, with the present parameters.

        Asked of a layer with ``channel_slopes``: then the layer before it may do its forward pass along.
        """
        return False

    def gradient_exception(self, kind: str, index: int) -> str:
        """Why backward does not give the derivative of forward by blob ``index`` of ``kind``; "" where it does.

        Asked after ``setup``. ``kind`` is "bottom" or "param", or "top": then, why backward takes no gradient from it.
        """
        if kind == "param" and self.declarations[index].lr_mult == 0:
            return "it is not learned"
        return self.no_gradient

    def averages_batch(self, top: int) -> bool:
        """Whether ``top`` is a mean over the items of the batch, and not a sum over them or one value for each.

        Asked after ``setup``. Where several processes share a batch, each computes the mean over its part.
        """
        return self.is_loss and top == 0

    def close(self) -> None:
        """Lets go of what the layer holds (a data layer's feed)."""
        return

    # What subclasses use

    def learnable(self, shape: Shape, filler: pb.FillerParameter, *where: str | int) -> ParameterDeclaration:
        """A declaration with a filler that stands at the field ``where``. Raises ConfigError as ``check_filler``."""
        check_filler(filler, shape, place=self.source.place(*where), layer=self.name)
        return ParameterDeclaration(shape, filler)

    def wants_gradient(self, index: int) -> bool:
        """Whether the gradient of parameter ``index`` is wanted; yes for a layer that stands in no net."""
        return not self.trains or self.trains[index]

    def counting_share(self, leaves_out: bool) -> Share:
        """The share to count valid items with: one in which nothing is left out need not ask the other processes."""
        return self.context.share if leaves_out else WHOLE

    def canonical_axis(self, axis: int, dimensions: int, *where: str | int) -> int:
        """``axis`` counted from the front; negative axes count from the end. Raises ConfigError NC123."""
        if not -dimensions <= axis < dimensions:
            raise self.error(
                "NC123", "axis out of range", *where, expected=f"{-dimensions} to {dimensions - 1}", actual=axis
            )
        return axis % dimensions

    def error(
        self,
        code: str,
        message: str,
        *where: str | int,
        expected: object = None,
        actual: object = None,
        hint: str | None = None,
        suggestion: str | None = None,
    ) -> ConfigError:
        """A ConfigError at the field ``where`` (a path such as "convolution_param", "group") of this layer."""
        return ConfigError.of(
            code,
            message,
            place=self.source.place(*where),
            layer=self.name,
            layer_type=self.type_name,
            expected=expected,
            actual=actual,
            hint=hint,
            suggestion=suggestion,
        )

    def run_error(
        self,
        code: str,
        message: str,
        *,
        expected: object = None,
        actual: object = None,
        hint: str | None = None,
    ) -> RunError:
        """A RunError of this layer: the config is fine, the data or the machine is not."""
        return RunError.of(
            code,
            message,
            place=self.source.place(),
            layer=self.name,
            layer_type=self.type_name,
            expected=expected,
            actual=actual,
            hint=hint,
        )
