"""``set_random_seed``: where nets and solvers that are built from now on get their seeds."""

from __future__ import annotations

from netcli.runtime.streams import fresh_seed, stream_key


class _SeedSequence:
    """The seed that was set, and how many nets and solvers have drawn from it since."""

    def __init__(self) -> None:
        self.seed: int | None = None
        self.drawn = 0


_sequence = _SeedSequence()


def set_random_seed(seed: int) -> None:
    """Makes what is built from now on repeatable: fillers, dropout, crops.

    As with Caffe's one generator, two nets that are built after one call differ from each other, and the same
    calls in the same order give the same nets again.
    """
    _sequence.seed = int(seed)
    _sequence.drawn = 0


def next_seed() -> int:
    """The seed of the next net or solver: the one that was set, then others that follow from it.

    Without ``set_random_seed`` each is drawn from the operating system.
    """
    if _sequence.seed is None:
        return fresh_seed()
    drawn, _sequence.drawn = _sequence.drawn, _sequence.drawn + 1
    return _sequence.seed if drawn == 0 else stream_key(_sequence.seed, "pycaffe", drawn) % 2**31
