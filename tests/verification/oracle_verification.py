"""The protocol and the measures once more, in loops over pairs, from their definitions."""

from __future__ import annotations

import itertools

import numpy as np


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def right_with(threshold: float, scores: list[float], same: list[bool]) -> int:
    return sum((score > threshold) == kind for score, kind in zip(scores, same, strict=True))


def threshold_of(scores: list[float], same: list[bool]) -> float:
    """Every gap between neighbours is tried; of the best ones the widest counts."""
    edges = [-1.000001, *sorted(scores), 1.000001]
    gaps = [(low, high) for low, high in itertools.pairwise(edges) if high > low]
    most = max(right_with((low + high) / 2, scores, same) for low, high in gaps)
    best = [(low, high) for low, high in gaps if right_with((low + high) / 2, scores, same) == most]
    low, high = max(best, key=lambda gap: gap[1] - gap[0])
    return (low + high) / 2


def protocol(features: np.ndarray, pairs: list[tuple[int, int, bool, int]]) -> tuple[list[float], list[float]]:
    """Accuracies of the folds, and the score of each pair (first, second, same, fold)."""
    accuracies, scores = [], [0.0] * len(pairs)
    for fold in range(1 + max(pair[3] for pair in pairs)):
        others = [pair for pair in pairs if pair[3] != fold]
        mean = sum(features[i] for pair in others for i in pair[:2]) / (2 * len(others))
        centred = [feature - mean for feature in features]
        threshold = threshold_of([cosine(centred[i], centred[j]) for i, j, _, _ in others], [p[2] for p in others])
        right = []
        for index, (i, j, same, own) in enumerate(pairs):
            if own == fold:
                scores[index] = cosine(centred[i], centred[j])
                right.append((scores[index] > threshold) == same)
        accuracies.append(sum(right) / len(right))
    return accuracies, scores


def rates(threshold: float, scores: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """False and true positive rate where scores of at least ``threshold`` are taken for one person."""
    return float((scores[~same] >= threshold).mean()), float((scores[same] >= threshold).mean())


def tpr_at(rate: float, scores: np.ndarray, same: np.ndarray) -> float:
    points = [rates(threshold, scores, same) for threshold in (np.inf, *scores)]
    return max(tpr for fpr, tpr in points if fpr <= rate)


def fisher(features: np.ndarray, people: list[int]) -> float:
    kept = [i for i, person in enumerate(people) if people.count(person) > 1]
    overall = np.mean([features[i] for i in kept], axis=0)
    within = between = 0.0
    for person in {people[i] for i in kept}:
        own = [features[i] for i in kept if people[i] == person]
        mean = np.mean(own, axis=0)
        within += sum(1 - cosine(feature, mean) for feature in own)
        between += len(own) * (1 - cosine(mean, overall))
    return within / between
