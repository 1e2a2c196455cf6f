"""Measures of scores and of features that need no threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FALSE_POSITIVE_RATES = (1e-1, 1e-2, 1e-3, 1e-4)
BINS = 40


@dataclass(frozen=True)
class Roc:
    """The receiver operating characteristic: (false, true) positives as the threshold falls.

    Attributes:
        false, true: (K,) int, from (0, 0) to all pairs, a point for each score that occurs.
        different, same: how many pairs of either kind there are.
    """

    false: np.ndarray
    true: np.ndarray
    different: int
    same: int

    @property
    def fpr(self) -> np.ndarray:
        """(K,): the share of pairs of two people that are taken for one."""
        return self.false / self.different

    @property
    def tpr(self) -> np.ndarray:
        """(K,): the share of pairs of one person that are taken for one."""
        return self.true / self.same

    def at(self, rate: float) -> tuple[float, int]:
        """The largest true positive rate with a false positive rate of at most ``rate``, and the false positives there.

        With fewer than 1 / rate pairs of two people none of them may be wrong.
        """
        # The limit is a count; the small addition keeps 0.001 x 3000 at 3.
        point = int(np.searchsorted(self.false, np.floor(rate * self.different + 1e-9), side="right")) - 1
        return float(self.tpr[point]), int(self.false[point])

    @property
    def equal_error_rate(self) -> float:
        """Where false positive and false negative rate are equal, on straight lines between the points."""
        gap = self.fpr - (1 - self.tpr)
        after = int(np.argmax(gap >= 0))
        before = after - 1
        share = -gap[before] / (gap[after] - gap[before])
        return float(self.fpr[before] + share * (self.fpr[after] - self.fpr[before]))

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """``fpr`` and ``tpr`` without the points on straight lines between their neighbours: enough to draw it."""
        across, up = np.diff(self.false), np.diff(self.true)
        kept = np.concatenate([[True], across[:-1] * up[1:] != across[1:] * up[:-1], [True]])
        return self.fpr[kept], self.tpr[kept]


def roc(scores: np.ndarray, same: np.ndarray) -> Roc:
    """The curve of ``scores`` (P,) for pairs that are ``same`` (P,) bool or not; equal scores are one point."""
    order = np.argsort(-scores, kind="stable")
    descending, kinds = scores[order], same[order]
    ends = np.flatnonzero(np.concatenate([np.diff(descending) != 0, [True]]))
    true = np.concatenate([[0], np.cumsum(kinds)[ends]])
    false = np.concatenate([[0], np.cumsum(~kinds)[ends]])
    return Roc(false, true, int((~same).sum()), int(same.sum()))


def histogram(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges (BINS + 1,) from -1 to 1, and how many pairs of the same person and of two (BINS,) lie between them."""
    edges = np.linspace(-1, 1, BINS + 1)
    within = np.clip(scores, -1, 1)
    return edges, np.histogram(within[same], edges)[0], np.histogram(within[~same], edges)[0]


def angular_fisher_score(features: np.ndarray, people: np.ndarray) -> float:
    """How far a person's features spread, beside how far people are apart; the smaller, the better.

        AFS = sum_i sum_{x of i} (1 - cos(x, m_i)) / sum_i n_i (1 - cos(m_i, m))

    with m_i the mean of person i's n_i features and m that of all (Liu et al., "SphereFace", CVPR 2017, appendix).

    Args:
        features: (N, D).
        people: (N,) int; who has one image only is left out.

    Returns:
        nan with fewer than two people, or where their means have one direction.
    """
    _, who, counts = np.unique(people, return_inverse=True, return_counts=True)
    who = who.reshape(-1)
    kept = counts[who] > 1
    if len(np.unique(who[kept])) < 2:
        return float("nan")
    values = np.asarray(features, np.float64)[kept]
    _, who, counts = np.unique(who[kept], return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), values.shape[1]))
    np.add.at(means, who.reshape(-1), values)
    means /= counts[:, None]
    within = (1 - _cosine(values, means[who.reshape(-1)])).sum()
    between = (counts * (1 - _cosine(means, values.mean(axis=0)))).sum()
    return float(within / between) if between > 0 else float("nan")


def _cosine(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=-1) * np.linalg.norm(others, axis=-1)
    cosines: np.ndarray = (rows * others).sum(axis=-1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    return cosines
