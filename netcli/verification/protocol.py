"""LFW's protocol for features that were learned elsewhere, as SphereFace's authors evaluate.

For each fold, with the other nine:
1. the mean of the features of their pairs' images, each as often as it occurs, is subtracted from all features;
2. the score of a pair is the cosine of the angle between its two features;
3. the threshold is the one that gets most of their pairs right: the middle of the widest gap between scores if several
   do (the authors take the mean of all such thresholds, which may lie where fewer pairs are right);
4. the accuracy is the share of the fold's own pairs that this threshold gets right.

Huang et al., "Labeled faces in the wild", 2007; Liu et al., "SphereFace", CVPR 2017, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netcli.errors import RunError
from netcli.verification.pairs import PairList

_BEYOND = 1 + 1e-6
"""Farther than any cosine, by more than rounding."""


@dataclass(frozen=True)
class Fold:
    """One fold as the test: its pairs, the threshold that the others chose, the accuracy with it."""

    pairs: int
    threshold: float
    accuracy: float


@dataclass(frozen=True)
class Verification:
    """What came out.

    Attributes:
        folds: in order.
        scores: (P,) float64, each pair's cosine when its fold was the test.
        same: (P,) bool.
    """

    folds: list[Fold]
    scores: np.ndarray
    same: np.ndarray

    @property
    def accuracies(self) -> np.ndarray:
        """(folds,) float64."""
        return np.array([fold.accuracy for fold in self.folds])

    @property
    def mean(self) -> float:
        """Of the folds' accuracies."""
        return float(self.accuracies.mean())

    @property
    def deviation(self) -> float:
        """The standard deviation of the folds' accuracies, with folds - 1 in the denominator."""
        return float(self.accuracies.std(ddof=1))

    @property
    def standard_error(self) -> float:
        """Of the mean, as LFW's tables have it: the deviation over the root of the number of folds."""
        return self.deviation / float(np.sqrt(len(self.folds)))


def verify(features: np.ndarray, pairs: PairList) -> Verification:
    """Tests every fold with what the others teach.

    Args:
        features: (images, D), one row for each image of ``pairs``.

    Raises:
        RunError: NC562, features that are not finite, or all alike.
    """
    values = np.asarray(features, np.float64)
    if not np.isfinite(values).all():
        image = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise RunError.of(
            "NC562", f"the features of '{pairs.images[image].name}' are not finite", hint="did the training diverge?",
        )  # fmt: skip
    if not np.ptp(values, axis=0).any():
        raise RunError.of("NC562", "all features are equal", hint="are the weights those of this net?")
    scores = np.empty(len(pairs.same))
    folds = []
    for fold in range(pairs.folds):
        tested = pairs.fold == fold
        others = ~tested
        mean = values[np.concatenate([pairs.first[others], pairs.second[others]])].mean(axis=0)
        cosines = _cosines(values - mean, pairs)
        threshold = best_threshold(cosines[others], pairs.same[others])
        scores[tested] = cosines[tested]
        right = (cosines[tested] > threshold) == pairs.same[tested]
        folds.append(Fold(int(tested.sum()), threshold, float(right.mean())))
    return Verification(folds, scores, pairs.same)


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """The score above which pairs are best taken for the same person.

    Args:
        scores: (P,); ``same``: (P,) bool.

    Returns:
        Of the thresholds that get most pairs right, the middle of the widest gap between two scores.
    """
    order = np.argsort(scores, kind="stable")
    ascending, kinds = scores[order], same[order]
    # With k scores below the threshold: the pairs of two people among them are right, and the rest's of the same.
    below = np.concatenate([[0], np.cumsum(~kinds)])
    above = kinds.sum() - np.concatenate([[0], np.cumsum(kinds)])
    low = np.concatenate([[-_BEYOND], ascending])
    high = np.concatenate([ascending, [_BEYOND]])
    right = np.where(high > low, below + above, -1)
    best = np.flatnonzero(right == right.max())
    widest = best[np.argmax((high - low)[best])]
    return float((low[widest] + high[widest]) / 2)


def _cosines(features: np.ndarray, pairs: PairList) -> np.ndarray:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    units = features / np.maximum(lengths, np.finfo(np.float64).tiny)
    cosines: np.ndarray = np.einsum("pd,pd->p", units[pairs.first], units[pairs.second])
    return cosines
