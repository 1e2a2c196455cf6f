"""``loss_param { label_smoothing }``: netcli's extension for SoftmaxWithLoss.

    S' = (1 - s) S + s sum(S) / K

a share s of each item's target S, one-hot or not, goes evenly to all K classes. Source: Szegedy et al., "Rethinking
the Inception architecture for computer vision", CVPR 2016.
"""

from __future__ import annotations

from netcli.layers.layer import Layer


def label_smoothing(layer: Layer) -> float:
    """The share in force. Raises ConfigError NC121 for one outside [0, 1)."""
    share = layer.param.loss_param.label_smoothing
    if not 0 <= share < 1:
        raise layer.error(
            "NC121",
            "label_smoothing is out of range",
            "loss_param",
            "label_smoothing",
            expected="at least 0 and below 1",
            actual=f"{share:g}",
        )
    return share


def refuse_label_smoothing(layer: Layer) -> None:
    """Raises ConfigError NC126 if the field is given to a loss that does not have it."""
    if layer.param.loss_param.HasField("label_smoothing"):
        raise layer.error(
            "NC126",
            "this loss does not smooth its labels",
            "loss_param",
            "label_smoothing",
            hint="SoftmaxWithLoss does",
        )
