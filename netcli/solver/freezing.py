"""Layers that are not to learn: ``--freeze PATTERN``."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Sequence

from netcli.errors import RunError, did_you_mean
from netcli.net.learnable import Learnable


def frozen(learnable: Sequence[Learnable], patterns: Sequence[str]) -> list[Learnable]:
    """The parameters, those of matching layers with lr_mult and decay_mult 0.

    Args:
        patterns: of layer names, as in a shell: ``*``, ``?``, ``[abc]``.

    Raises:
        RunError: NC473 for each pattern that fits no layer with parameters.
    """
    layers = list(dict.fromkeys(item.layer for item in learnable))
    findings = []
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(layer, pattern) for layer in layers):
            hint, suggestion = did_you_mean(pattern, layers)
            error = RunError.of(
                "NC473", "--freeze fits no layer with parameters", expected=f"one of {', '.join(layers)}",
                actual=f"'{pattern}'", hint=hint, suggestion=suggestion,
            )  # fmt: skip
            findings += error.findings
    if findings:
        raise RunError(findings)
    return [
        dataclasses.replace(item, lr_mult=0.0, decay_mult=0.0)
        if any(fnmatch.fnmatchcase(item.layer, pattern) for pattern in patterns)
        else item
        for item in learnable
    ]
