"""Rules about blobs: who reads them, and who changes them in place."""

from __future__ import annotations

import math
from collections.abc import Iterator

from netcli.errors import Finding
from netcli.lint.subject import PlannedNet, Subject, warning

_MONITORS = frozenset({"Accuracy", "ArgMax", "Silence", "HDF5Output", "Python"})
_NEED_THEIR_TOP = frozenset({"Sigmoid", "TanH", "Softmax", "Exp", "LRN"})


def unused_tops(subject: Subject) -> Iterator[Finding]:
    """NC301: in a net with a loss, a blob that no layer reads in any phase costs time and memory for nothing.

    Losses, accuracies and single values, which are there to be displayed, are no such blobs.
    """
    with_loss = [net for net in subject.nets if any(any(step.loss_weights) for step in net.graph.steps)]
    read = {name for net in with_loss for layer in net.layers for name in layer.param.bottom}
    for net in with_loss:
        for name in net.graph.outputs:
            shape = net.shape(name)
            makers = net.wiring.makers(name)
            if name in read or not makers or shape is None or math.prod(shape[1:]) * (shape[0] if shape else 1) <= 1:
                continue
            maker = net.layers[makers[-1]]
            planned = net.planned.get(maker.param.name)
            if maker.param.type in _MONITORS or planned is None or planned.is_loss:
                continue
            position = list(maker.param.top).index(name)
            yield warning(
                "NC301", f"nothing reads its top '{name}'", maker, "top", position,
                hint="leave it out, or end it in a Silence layer",
            )  # fmt: skip


def changed_under_a_reader(subject: Subject) -> Iterator[Finding]:
    """NC314: in place, a layer overwrites what another one reads, or what the layer below needs for its gradient."""
    for net in subject.nets:
        yield from _changed_in(net)


def _changed_in(net: PlannedNet) -> Iterator[Finding]:
    for index, source in enumerate(net.layers):
        for name in source.param.bottom:
            if name not in source.param.top:
                continue
            readers = [net.layers[other].param.name for other in net.wiring.readers_of(name, index) if other != index]
            position = list(source.param.top).index(name)
            if readers:
                yield warning(
                    "NC314", f"it changes '{name}' in place, which layer '{readers[0]}' reads too", source,
                    "top", position, hint="give its top a name of its own",
                )  # fmt: skip
                continue
            maker = net.wiring.maker_before(name, index)
            if maker is not None and net.layers[maker].param.type in _NEED_THEIR_TOP:
                below = net.layers[maker].param
                yield warning(
                    "NC314",
                    f"it changes '{name}' in place, which layer '{below.name}' ({below.type}) needs for its gradient",
                    source, "top", position, hint="give its top a name of its own",
                )  # fmt: skip


RULES = (unused_tops, changed_under_a_reader)
