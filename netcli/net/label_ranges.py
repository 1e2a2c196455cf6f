"""Which blobs of a net hold labels or indices, and how many there are to choose from.

Whoever makes data up (``gradient_check``) needs it: a layer that looks a label up refuses one that is no class.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.net.step import Step
from netcli.runtime.blob import Shape

EITHER = 2
"""Labels 0 and 1, which suit every reader: classes, flags, and marks of what goes on."""

_AXIS_FIELDS = {"Accuracy": "accuracy_param", "InfogainLoss": "infogain_loss_param", "SoftmaxWithLoss": "softmax_param"}
_CLASSES_ON_AXIS_1 = ("HingeLoss", "LabelSpecificAdd", "MultinomialLogisticLoss", "OneVsAllLoss")
_ROWS_OF_THE_PARAMETER = ("AngularMargin", "CenterLoss", "Embed", "LargeMarginInnerProduct", "MarginInnerProduct")
_CARRIERS = ("Concat", "Crop", "Flatten", "Permute", "Reshape", "Slice", "Split", "Tile")
_LABELLED_SOURCES = ("Data", "ImageData", "MemoryData")


def label_ranges(steps: Sequence[Step], shapes: dict[str, Shape]) -> dict[str, int]:
    """Name -> n for every blob that is made from no other and should hold whole numbers from 0 to n - 1.

    Those are the blobs that end at a bottom that never gets a gradient, be it by way of layers that only carry
    values (Slice, Reshape ...), and the second tops of labelled data layers. With several readers the smallest
    range counts. What the carrying layers make of such blobs is named as well.
    """
    wanted = _wanted_ranges(steps, shapes)
    ranges: dict[str, int] = {}
    for step in steps:
        if not step.bottoms:
            labels = step.tops[1:2] if step.layer.type_name in _LABELLED_SOURCES else []
            for name in step.tops:
                if name in wanted or name in labels:
                    ranges[name] = wanted.get(name, EITHER)
        elif step.layer.type_name in _CARRIERS and step.bottoms[0] in ranges:
            ranges.update(dict.fromkeys(step.tops, ranges[step.bottoms[0]]))
    return ranges


def _wanted_ranges(steps: Sequence[Step], shapes: dict[str, Shape]) -> dict[str, int]:
    """What the readers ask of each blob, from the last layer up."""
    wanted: dict[str, int] = {}
    for step in reversed(steps):
        asked: dict[str, int] = {}
        carried = [wanted[name] for name in step.tops if name in wanted]
        if step.layer.type_name in _CARRIERS and carried:
            asked = dict.fromkeys(step.bottoms, min(carried))
        for position in _label_positions(step):
            asked[step.bottoms[position]] = _choices(step, position, shapes)
        for name, count in asked.items():
            wanted[name] = min(count, wanted.get(name, count))
    return wanted


def _label_positions(step: Step) -> list[int]:
    """The bottoms that are looked up. The first bottom of Accuracy, ArgMax and Threshold has no gradient either."""
    positions = [position for position in step.layer.undifferentiable_bottoms if position < len(step.bottoms)]
    return [position for position in positions if position or not step.layer.no_gradient]


def _choices(step: Step, position: int, shapes: dict[str, Shape]) -> int:
    """How many values the bottom at ``position`` may have."""
    layer, type_name = step.layer, step.layer.type_name
    first = shapes[step.bottoms[0]]
    if type_name in _ROWS_OF_THE_PARAMETER:
        return layer.declarations[0].shape[0]
    if type_name == "BatchReindex":
        return first[0]
    if position != 1 or shapes[step.bottoms[1]] == first:
        return EITHER
    if type_name in _AXIS_FIELDS:
        return first[getattr(layer.param, _AXIS_FIELDS[type_name]).axis]
    return first[1] if type_name in _CLASSES_ON_AXIS_1 else EITHER
