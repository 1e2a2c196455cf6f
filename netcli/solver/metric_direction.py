"""Whether more of an output is better, as far as its name tells."""

from __future__ import annotations

import re

_DOWN, _UP = re.compile(r"loss|err", re.IGNORECASE), re.compile(r"acc|top[-_@]?\d", re.IGNORECASE)


def better_when_larger(name: str) -> bool | None:
    """True for accuracies, False for losses and errors, None where the name does not tell.

    What follows the last slash counts first: GoogLeNet's ``loss3/top-1`` is an accuracy, its ``loss3/loss3`` a loss.
    """
    for text in (name.rpartition("/")[2], name):
        if _DOWN.search(text):
            return False
        if _UP.search(text):
            return True
    return None
