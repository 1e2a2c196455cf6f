"""One row of the layer table: a layer, what goes in, and what may be asked of it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from google.protobuf import text_format

from netcli.layers.feeding import FeedSource, NoFeeds
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import layer_types
from netcli.prototxt import LayerSource
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

SEED = 1701
LAYER_NAME = "layer"

Maker = Callable[[np.random.Generator, Shape], np.ndarray]


def normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Smooth data."""
    return rng.standard_normal(shape)


def away_from_zero(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Data at least 0.1 from a kink at 0."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.1, 2.0, shape)


def well_apart(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Data whose values differ by at least 0.05 from each other, so that no step changes an order."""
    count = int(np.prod(shape))
    return (rng.permutation(count).reshape(shape) - count / 2) * 0.1 + rng.uniform(0, 0.05, shape)


def small(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Parameters of either sign."""
    return rng.uniform(-0.5, 0.5, shape)


def labels(classes: int) -> Maker:
    """Whole numbers from 0 to ``classes`` - 1."""
    return lambda rng, shape: rng.integers(0, classes, shape).astype(np.float64)


@dataclass(frozen=True)
class Bottom:
    """A bottom: its shape, how its data are made, and whether it gets a gradient."""

    shape: Shape
    make: Maker = normal
    differentiable: bool = True


@dataclass(frozen=True)
class LayerCase:
    """A variant of a layer type.

    Attributes:
        text: the layer's own fields, as prototxt.
        bottoms: the first axis is the batch, which tests change, unless ``batched`` is False.
        oracle: ``module:function`` of ``(param, bottoms, params) -> tops`` in plain NumPy, float64.
        differentiable_tops: tops whose gradient counts.
        in_place: False where this variant cannot do what its type can.
        make_param: how the parameters' values are made.
        allocates: why a pass may take memory.
        prepare: called with the layer once it is set up.
        carries_nan: whether a NaN in the first bottom must show in the tops.
        nan_error: the code of the error that a NaN in the first bottom must give instead.
        rtol: of float32 values and gradients; ``gradient_tolerance``: of the float64 check.
    """

    type: str
    variant: str
    oracle: str
    text: str = ""
    bottoms: tuple[Bottom, ...] = ()
    tops: int = 1
    phase: int = pb.TRAIN
    differentiable_tops: tuple[int, ...] = (0,)
    in_place: bool = True
    batched: bool = True
    make_param: Maker = small
    allocates: str = ""
    prepare: Callable[[Layer], None] = lambda layer: None
    carries_nan: bool = True
    nan_error: str = ""
    rtol: float = 1e-5
    gradient_tolerance: float = 1e-6
    feeds: FeedSource = field(default_factory=NoFeeds)

    @property
    def id(self) -> str:
        return f"{self.type}-{self.variant}"

    def param(self, *, in_place: bool = False) -> pb.LayerParameter:
        """The layer's message, with bottoms b0, b1 ... and tops t0, t1 ..."""
        param = text_format.Parse(self.text, pb.LayerParameter())
        param.name, param.type = LAYER_NAME, self.type
        param.bottom.extend(f"b{i}" for i in range(len(self.bottoms)))
        param.top.extend("b0" if in_place and i == 0 else f"t{i}" for i in range(self.tops))
        return param

    def layer(self, dtype: type = np.float32, *, in_place: bool = False) -> Layer:
        """The layer, not set up."""
        context = LayerContext(
            phase=self.phase, feeds=self.feeds, dtype=np.dtype(dtype), seed=SEED, load_user_code=True
        )
        return layer_types()[self.type](LayerSource(self.param(in_place=in_place), None), context)

    def bottom_shapes(self, batch: int | None = None) -> list[Shape]:
        """The bottoms' shapes, for another batch if one is given."""
        if batch is None:
            return [bottom.shape for bottom in self.bottoms]
        return [(batch, *bottom.shape[1:]) for bottom in self.bottoms]

    def inferred_shapes(self) -> list[Shape]:
        """The tops' shapes, from ``setup`` alone."""
        return self.layer().setup(self.bottom_shapes())

    @property
    def declares_parameters(self) -> bool:
        """True if the layer has learnable blobs."""
        layer = self.layer()
        layer.setup(self.bottom_shapes())
        return bool(layer.declarations)

    @functools.cached_property
    def gradient_exceptions(self) -> dict[tuple[str, int], str]:
        """("bottom" or "param", index) -> why backward need not be the gradient; "" where it must."""
        layer = self.layer()
        layer.setup(self.bottom_shapes())
        blobs = [("bottom", index) for index, bottom in enumerate(self.bottoms) if bottom.differentiable]
        blobs += [("param", index) for index in range(len(layer.declarations))]
        return {(kind, index): layer.gradient_exception(kind, index) for kind, index in blobs}

    @property
    def not_differentiable(self) -> str:
        """Why no gradient is checked; "" if one is."""
        reasons = list(self.gradient_exceptions.values())
        if not reasons:
            return layer_types()[self.type].no_gradient or "no bottoms"
        return reasons[0] if all(reasons) else ""

    def make_bottoms(self, batch: int | None = None) -> list[np.ndarray]:
        """The bottoms' data (float64), the same at every call."""
        rng = np.random.default_rng(SEED)
        return [b.make(rng, shape) for b, shape in zip(self.bottoms, self.bottom_shapes(batch), strict=True)]

    def expected_tops(self, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
        """What the oracle says."""
        module, _, function = self.oracle.partition(":")
        return getattr(importlib.import_module(module), function)(self.param(), bottoms, params)
