"""The activations' rows of the layer table: functions of one number, and PReLU."""

from __future__ import annotations

import numpy as np
from layer_case import Bottom, LayerCase, Maker, away_from_zero, normal

from netcli.runtime.blob import Shape


def _positive(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Data with logarithms and powers of any kind."""
    return rng.uniform(0.5, 3.0, shape)


def _away_from(*kinks: float) -> Maker:
    """Data at least 0.05 from each of ``kinks``."""

    def make(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        values = rng.uniform(min(kinks) - 2, max(kinks) + 2, shape)
        for kink in kinks:
            near = np.abs(values - kink) < 0.05
            values[near] = kink + 0.1
        return values

    return make


_ROWS: list[tuple[str, str, str, Maker]] = [
    ("AbsVal", "plain", "", away_from_zero),
    ("BNLL", "plain", "", normal),
    ("BNLL", "large", "", lambda rng, shape: 60 * rng.standard_normal(shape)),
    ("Clip", "plain", "clip_param { min: -0.5 max: 0.7 }", _away_from(-0.5, 0.7)),
    ("ELU", "plain", "", away_from_zero),
    ("ELU", "alpha", "elu_param { alpha: 0.5 }", away_from_zero),
    ("ELU", "negative_alpha", "elu_param { alpha: -0.5 }", away_from_zero),
    ("Exp", "plain", "", normal),
    ("Exp", "base2", "exp_param { base: 2 scale: 0.5 shift: 1 }", normal),
    ("Exp", "small_base", "exp_param { base: 0.25 scale: -1 }", normal),
    ("Exp", "shifted_e", "exp_param { shift: -2 }", normal),
    ("Log", "plain", "", _positive),
    ("Log", "base10", "log_param { base: 10 scale: 2 shift: 1 }", _positive),
    ("Log", "small_base", "log_param { base: 0.5 scale: -1 shift: 4 }", _positive),
    ("Power", "linear", "power_param { scale: 2 shift: -1 }", normal),
    ("Power", "square", "power_param { power: 2 scale: 0.5 shift: 3 }", normal),
    ("Power", "cube", "power_param { power: 3 scale: -0.5 }", normal),
    ("Power", "root", "power_param { power: 0.5 shift: 0.25 }", _positive),
    ("Power", "inverse", "power_param { power: -1 }", _positive),
    ("Power", "inverse_cube", "power_param { power: -3 scale: 2 shift: 1 }", _positive),
    ("PReLU", "channels", "", away_from_zero),
    ("PReLU", "shared", "prelu_param { channel_shared: true }", away_from_zero),
    ("ReLU6", "plain", "", _away_from(0, 6)),
    ("Sigmoid", "plain", "", normal),
    ("Swish", "plain", "", normal),
    ("Swish", "beta", "swish_param { beta: 1.5 }", normal),
    ("Swish", "linear", "swish_param { beta: 0 }", normal),
    ("TanH", "plain", "", normal),
]
_SHAPES = {"images": (2, 3, 5, 4), "vectors": (5, 7)}

ACTIVATIONS = [
    *(
        LayerCase(
            type_name,
            f"{variant}_{kind}",
            f"oracle_neuron:{type_name.lower()}",
            text,
            bottoms=(Bottom(shape, make),),
            rtol=2e-5,
        )
        for type_name, variant, text, make in _ROWS
        for kind, shape in _SHAPES.items()
    ),
    LayerCase("PReLU", "many_channels", "oracle_neuron:prelu", bottoms=(Bottom((2, 19, 2), away_from_zero),)),
    *(
        LayerCase(
            "Power",
            variant,
            "oracle_neuron:power",
            text,
            bottoms=(Bottom((2, 3)),),
            carries_nan=False,
        )
        for variant, text in [
            ("zero", "power_param { power: 0 }"),
            ("constant", "power_param { power: 3 scale: 0 shift: 2 }"),
        ]
    ),
    LayerCase(
        "Threshold",
        "plain",
        "oracle_neuron:threshold",
        "threshold_param { threshold: 0.3 }",
        bottoms=(Bottom((2, 3, 5, 4), differentiable=False),),
        carries_nan=False,
    ),
]
