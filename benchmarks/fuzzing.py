"""Texts that no one would write: prototxts with many random changes, and plain noise. Seeded."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_NUMBERS = ("0", "-1", "1e30", "nan", "inf", "2147483648", "4294967295", "99999999999999999999", "0x10", "1.5", "07")
_WORDS = ("layer", "{", "}", "[", "]", ":", '"', "'", "#", "<", ">", ",", "\\", "\0", "\ufeff", "\n", "é", "layers")
_TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)


def fuzzed(texts: list[str], count: int, seed: int = 0, changes: int = 12) -> Iterator[bytes]:
    """``count`` inputs made from ``texts``: one in ten is noise, the others have up to ``changes`` changes."""
    dice = random.Random(seed)
    for _ in range(count):
        if dice.random() < 0.1:
            yield _noise(dice, texts)
        else:
            yield _changed(dice.choice(texts), dice, dice.randrange(1, changes + 1)).encode("utf-8", "surrogatepass")


def _noise(dice: random.Random, texts: list[str]) -> bytes:
    size = dice.randrange(400)
    if dice.random() < 0.5:
        return dice.randbytes(size)
    words = _TOKEN.findall(dice.choice(texts)) + list(_WORDS + _NUMBERS)
    return " ".join(dice.choice(words) for _ in range(size)).encode("utf-8", "surrogatepass")


def _changed(text: str, dice: random.Random, changes: int) -> str:
    tokens = _TOKEN.findall(text)
    for _ in range(changes):
        if not tokens:
            break
        at, other = dice.randrange(len(tokens)), dice.randrange(len(tokens))
        change = dice.randrange(7)
        if change == 0:
            del tokens[at : at + dice.randrange(1, 6)]
        elif change == 1:
            tokens[at:at] = tokens[other : other + dice.randrange(1, 30)]
        elif change == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif change == 3:
            tokens[at] = dice.choice(_NUMBERS)
        elif change == 4:
            tokens.insert(at, dice.choice(_WORDS))
        elif change == 5:
            numbers = [index for index, token in enumerate(tokens) if token.isdigit()]
            if numbers:
                tokens[dice.choice(numbers)] = dice.choice(_NUMBERS)
        else:
            tokens[at] = tokens[at][::-1]
    return "".join(tokens)
