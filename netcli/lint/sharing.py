"""Whether a solver's test nets can use the parameters of its training net, which they do by layer name."""

from __future__ import annotations

from collections.abc import Iterator

from netcli.errors import ConfigError, Finding
from netcli.lint.subject import PlannedNet


def unlike_parameters(trained: PlannedNet, tested: PlannedNet) -> Iterator[Finding]:
    """NC455 for each layer of ``tested`` whose parameters have other shapes than those of its namesake."""
    if trained is tested:
        return
    for source in tested.layers:
        name = source.param.name
        if name not in trained.planned or name not in tested.planned:
            continue
        expected, actual = (
            [declaration.shape for declaration in net.planned[name].declarations] for net in (trained, tested)
        )
        if expected and actual and expected != actual:
            yield ConfigError.of(
                "NC455",
                "the nets share this layer's parameters, but not their shapes",
                place=source.place("type"),
                layer=name,
                layer_type=source.param.type,
                expected=", ".join(map(str, expected)),
                actual=", ".join(map(str, actual)),
                hint="in TRAIN and TEST the data must have the same channels, and the layer the same num_output",
            ).findings[0]
