"""The recurrent layers' rows of the layer table.

cont is 0 at the first step wherever the layer goes on from the batch before, so that every pass gives the same.
"""

from __future__ import annotations

import numpy as np
from layer_case import Bottom, LayerCase

from netcli.runtime.blob import Shape


def _fresh(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Streams that start anew at the first step, and now and then later."""
    cont = (rng.random(shape) < 0.6).astype(np.float64)
    cont[0] = 0
    return cont


def _going_on(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Streams of which the first goes on at every step."""
    cont = (rng.random(shape) < 0.6).astype(np.float64)
    cont[:, 0] = 1
    return cont


_X, _CONT, _STATIC = Bottom((4, 2, 3)), Bottom((4, 2), _fresh, differentiable=False), Bottom((2, 2))
_NO_CONT = Bottom((4, 2), _going_on, differentiable=False)
_STATE = Bottom((1, 2, 3))


def _cases(type_name: str, states: int) -> list[LayerCase]:
    exposed = "num_output: 3 expose_hidden: true"
    return [
        LayerCase(
            type_name,
            variant,
            f"oracle_recurrent:{type_name.lower()}",
            f"recurrent_param {{ {text} }}",
            bottoms,
            tops,
            batched=batched,
        )
        for variant, text, bottoms, tops, batched in [
            ("plain", "num_output: 3", (_X, _CONT), 1, True),
            ("wide", "num_output: 5", (Bottom((3, 2, 2, 2)), Bottom((3, 2), _fresh, differentiable=False)), 1, True),
            ("static", "num_output: 3", (_X, _CONT, _STATIC), 1, False),
            ("static_axes", "num_output: 2", (_X, _CONT, Bottom((2, 2, 2))), 1, False),
            ("exposed", exposed, (_X, _NO_CONT, *[_STATE] * states), 1 + states, False),
            ("exposed_static", exposed, (_X, _NO_CONT, _STATIC, *[_STATE] * states), 1 + states, False),
        ]
    ]


RECURRENT = [
    *_cases("RNN", states=1),
    *_cases("LSTM", states=2),
    LayerCase(
        "LSTMUnit",
        "plain",
        "oracle_recurrent:lstm_unit",
        bottoms=(Bottom((1, 3, 2)), Bottom((1, 3, 8)), Bottom((1, 3), _going_on, differentiable=False)),
        tops=2,
        differentiable_tops=(0, 1),
        batched=False,
    ),
]
