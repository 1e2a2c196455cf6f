"""Checks every layer of a net: its backward pass against differences of its own forward pass, in float64.

The net runs forward once, layer by layer, on data that are made up: standard normal numbers, and labels within the
range that their readers accept. Parameters come from the net's fillers; those that a filler leaves all alike (the
default is 0) are varied, since equal weights hide mistakes. Each layer is then checked by itself at the values it
has got, so that an error in one does not show in another.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from netcli.errors import Finding
from netcli.net.label_ranges import label_ranges
from netcli.net.layer_gradients import SMALLEST_GRADIENT, Element, LayerGradients
from netcli.net.net import Net
from netcli.net.step import Step
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.runtime.streams import stream

_GO_ON = ("LSTM", "RNN")
"""Types that go on from their last pass, unless their second bottom is 0 at the first step."""
VARIATION = 0.1
"""Deviation of what is added to biases and the like that are all alike."""


@dataclass(frozen=True)
class Settings:
    """How thoroughly and how strictly a net is checked.

    Attributes:
        step: of the differences, relative to the root mean square of the blob.
        tolerance: largest error, relative to the largest gradient in the blob.
        samples: elements of each blob that are checked, at most.
        seed: of the data, the tops' gradients and the choice of elements.
    """

    step: float = 1e-5
    tolerance: float = 1e-5
    samples: int = 16
    seed: int = 0


@dataclass(frozen=True)
class BlobResult:
    """A bottom or parameter of a layer that has been checked, or why it has not been.

    Attributes:
        kind: "bottom" or "param".
        index: its position; ``blob``: the name of a bottom, "param N" for a parameter.
        checked: elements that were compared; ``kinks``: those left out, since there is no gradient at a kink.
        worst: the element with the largest error, None if none was compared; ``error`` is its error.
        reason: why there is nothing to compare; else empty.
    """

    kind: str
    index: int
    blob: str
    shape: Shape
    checked: int = 0
    kinks: int = 0
    worst: Element | None = None
    error: float = 0.0
    passed: bool = True
    reason: str = ""


@dataclass(frozen=True)
class LayerResult:
    """What became of a layer: its blobs, or for the layer as a whole why it is not checked."""

    step: Step
    blobs: Sequence[BlobResult] = ()
    reason: str = ""

    @property
    def passed(self) -> bool:
        """False if any gradient is wrong."""
        return all(blob.passed for blob in self.blobs)

    def findings(self) -> list[Finding]:
        """NC520, one for each blob whose gradient is wrong, with its worst element."""
        layer = self.step.layer
        return [
            Finding(
                "NC520",
                f"wrong gradient of {_described(blob)} at {blob.worst.index}",
                place=layer.source.place(),
                layer=layer.name,
                layer_type=layer.type_name,
                expected=f"{blob.worst.numeric:.9g} by differences",
                actual=f"{blob.worst.analytic:.9g} by backward",
            )
            for blob in self.blobs
            if not blob.passed and blob.worst is not None
        ]


def check_net(net: Net, settings: Settings, only: Collection[str] = ()) -> Iterator[LayerResult]:
    """Runs the net's layers in order and yields a result for each one of the prototxt, or of ``only``.

    Args:
        net: in float64; its values and gradients are overwritten.
        only: names of layers; all if empty. Those behind the last one are not run.

    Raises:
        RunError: what the layers raise.
    """
    vary_constant_parameters(net, settings.seed)
    checker = _Checker(net, settings)
    wanted = [not only or step.name in only for step in net.graph.steps]
    end = len(wanted) - wanted[::-1].index(True)
    for index, step in enumerate(net.graph.steps[:end]):
        inserted = not net.graph.split_copies.isdisjoint(step.tops)
        result = checker.pass_layer(index, step, check=wanted[index] and not inserted)
        if result is not None:
            yield result


def vary_constant_parameters(net: Net, seed: int) -> None:
    """Adds noise to every parameter that is learned and whose values are all alike.

    Matrices get what keeps the size of their outputs, others a little.
    """
    for item in net.learnable:
        values = item.blob.values.read(PLAIN)
        declared = net.layer(item.layer).declarations[item.index]
        if declared.lr_mult == 0 or not values.size or (values != values.flat[0]).any():
            continue
        deviation = 1 / math.sqrt(values[0].size) if values.ndim > 1 else VARIATION
        noise = stream(seed, "gradient check parameter", item.layer, item.index).standard_normal(values.shape)
        item.blob.values.update(PLAIN)[...] += deviation * noise


class _Checker:
    def __init__(self, net: Net, settings: Settings) -> None:
        self._net = net
        self._settings = settings
        self._labels = label_ranges(net.graph.steps, net.graph.shapes)

    def pass_layer(self, index: int, step: Step, *, check: bool) -> LayerResult | None:
        """Runs the layer and checks it if it is to be checked; None if not."""
        if step.layer.bottoms == 0 and not step.slots:
            for name in step.tops:
                self._make_up(self._net.blobs[name])
            return LayerResult(step, reason=step.layer.no_gradient) if check else None
        if not step.tops:
            return LayerResult(step, reason="it has no tops") if check else None
        bottoms = [self._net.blobs[name] for name in step.bottoms]
        before = [blob.values.read(PLAIN).copy() for blob in bottoms] if check else []
        self._net.forward(index, index)
        return self._check(step, bottoms, before) if check else None

    def _check(self, step: Step, bottoms: Sequence[Blob], before: Sequence[np.ndarray]) -> LayerResult:
        """Checks a layer that has run. ``before``: the bottoms' values, which it may have overwritten in place."""
        wanted = [self._wanted(step, position) for position in range(len(bottoms))]
        blobs = [BlobResult("bottom", i, step.bottoms[i], blob.shape) for i, blob in enumerate(bottoms) if wanted[i]]
        blobs += [BlobResult("param", slot.index, f"param {slot.index}", slot.shape) for slot in step.slots]
        reasons = [step.layer.gradient_exception(blob.kind, blob.index) for blob in blobs]
        if all(reasons):
            return LayerResult(step, reason=reasons[0] if reasons else _without_blobs(step))
        if step.layer.type_name in _GO_ON:
            before[1][0] = 0
        for blob, values in zip(bottoms, before, strict=True):
            blob.values.write(PLAIN)[...] = values
        generator = stream(self._settings.seed, "gradient check", step.name)
        tops = [self._net.blobs[name] for name in step.tops]
        gradients = LayerGradients(step, bottoms, tops, wanted, generator)
        if not gradients.finite:
            return LayerResult(step, reason="its values are not finite on random data")
        if not gradients.repeatable:
            return LayerResult(step, reason="its forward pass gives other values when it runs again")
        results = [
            replace(blob, reason=reason) if reason else self._check_blob(gradients, blob, generator)
            for blob, reason in zip(blobs, reasons, strict=True)
        ]
        gradients.restore()
        return LayerResult(step, results)

    def _check_blob(self, gradients: LayerGradients, blob: BlobResult, generator: np.random.Generator) -> BlobResult:
        analytic = gradients.analytic(blob.kind, blob.index)
        count = min(self._settings.samples, analytic.size)
        chosen = np.sort(generator.choice(analytic.size, count, replace=False)).tolist() if count else []
        elements = gradients.elements(blob.kind, blob.index, chosen, self._settings.step)
        largest = max(
            [SMALLEST_GRADIENT, float(np.nanmax(np.abs(analytic), initial=0))]
            + [abs(element.numeric) for element in elements if math.isfinite(element.numeric)]
        )
        allowed = max(self._settings.tolerance, gradients.error) * largest
        errors: list[tuple[float, Element]] = []
        passed = True
        for element in elements:
            gap = abs(element.analytic - element.numeric)
            if math.isfinite(element.analytic) and not gap <= allowed + element.noise:
                if gap <= allowed + element.kink or element.kink == math.inf:
                    continue
                passed = False
            passed = passed and math.isfinite(element.analytic)
            errors.append((gap / largest if math.isfinite(gap) else math.inf, element))
        error, worst = max(errors, key=lambda pair: pair[0], default=(0.0, None))
        return replace(
            blob, checked=len(errors), kinks=len(elements) - len(errors), worst=worst, error=error, passed=passed
        )

    def _wanted(self, step: Step, position: int) -> bool:
        """Whether the bottom gets a gradient: not if it holds labels, nor if ``propagate_down`` forbids it."""
        given = step.layer.param.propagate_down
        forbidden = position in step.layer.undifferentiable_bottoms or step.bottoms[position] in self._labels
        return not forbidden and (not given or given[position])

    def _make_up(self, blob: Blob) -> None:
        generator = stream(self._settings.seed, "gradient check data", blob.name)
        count = self._labels.get(blob.name)
        values = blob.values.write(PLAIN)
        values[...] = (
            generator.standard_normal(blob.shape) if count is None else generator.integers(0, count, blob.shape)
        )


def _without_blobs(step: Step) -> str:
    return step.layer.no_gradient or ("it has no bottoms" if not step.bottoms else "its bottoms get no gradient")


def _described(blob: BlobResult) -> str:
    return f"bottom '{blob.blob}'" if blob.kind == "bottom" else f"parameter {blob.index}"
