import numpy as np

from netcli.data.random_draws import Draws, scaled


def test_a_draw_depends_on_its_arguments_only():
    draws = Draws(7, "crop")
    expected = draws.words(3, epoch=2, item=5)
    draws.words(100, epoch=0, item=0)
    assert draws.words(3, epoch=2, item=5) == expected
    assert Draws(7, "crop").words(3, epoch=2, item=5) == expected


def test_every_argument_matters():
    words = [
        tuple(Draws(seed, purpose).words(2, epoch, item))
        for seed in (0, 1, -1)
        for purpose in ("crop", "mirror")
        for epoch in (0, 1)
        for item in (0, 1)
    ]
    assert len(set(words)) == len(words)


def test_below_is_uniform():
    draws = Draws(3, "uniform")
    counts = np.bincount([draws.below(5, 0, item) for item in range(5000)], minlength=5)
    assert len(counts) == 5
    assert abs(counts - 1000).max() < 4 * np.sqrt(5000 * 0.2 * 0.8)


def test_scaled_reaches_both_ends():
    assert scaled(0, 6) == 0
    assert scaled(2**64 - 1, 6) == 5
