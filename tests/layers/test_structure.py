"""Split and Silence beyond the table: sharing, the order of sums, zeros."""

from __future__ import annotations

import numpy as np
from layer_table import STRUCTURE
from single_layer import SingleLayer

SPLIT, _, SILENCE = STRUCTURE


def test_split_copies_nothing() -> None:
    single = SingleLayer(SPLIT)
    single.forward(SPLIT.make_bottoms())
    assert all(top.values is single.bottoms[0].values for top in single.tops)


def test_split_sums_in_the_order_of_the_tops() -> None:
    single = SingleLayer(SPLIT)
    single.forward(SPLIT.make_bottoms())
    shape = single.bottoms[0].shape
    (dx,), _ = single.backward([np.full(shape, value) for value in (1e8, -1e8, 1.0)])
    assert (dx == 1).all()
    (dx,), _ = single.backward([np.full(shape, value) for value in (1.0, 1e8, -1e8)])
    assert (dx == 0).all()


def test_silence_writes_zeros() -> None:
    single = SingleLayer(SILENCE)
    single.forward(SILENCE.make_bottoms())
    gradients, _ = single.backward([])
    assert len(gradients) == 2
    assert not any(gradient.any() for gradient in gradients)
