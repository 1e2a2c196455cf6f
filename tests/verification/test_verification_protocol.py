"""Folds, thresholds and measures against the loops of the oracle, and against cases that can be told by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle_verification import fisher, protocol, rates, threshold_of, tpr_at

from netcli.errors import RunError
from netcli.verification.measures import BINS, angular_fisher_score, histogram, roc
from netcli.verification.pairs import PairedImage, PairList
from netcli.verification.protocol import best_threshold, verify


def _random_pairs(seed: int, images: int = 24, count: int = 60, folds: int = 5) -> tuple[np.ndarray, PairList]:
    """Features (images, 6) of four people that overlap, and pairs among them."""
    generator = np.random.default_rng(seed)
    people = np.arange(images) % 4
    features = generator.normal(size=(4, 6))[people] + generator.normal(size=(images, 6)) + 2
    first = generator.integers(0, images, count)
    second = (first + generator.integers(1, images, count)) % images
    same = people[first] == people[second]
    fold = generator.permutation(np.arange(count) % folds)
    named = [PairedImage(f"{image}.png", 1) for image in range(images)]
    return features, PairList(Path("pairs.txt"), named, people, first, second, same, fold, False)


@pytest.mark.parametrize("seed", range(6))
def test_the_protocol_agrees_with_the_oracle(seed: int) -> None:
    features, pairs = _random_pairs(seed)
    rows = [
        (int(i), int(j), bool(same), int(fold))
        for i, j, same, fold in zip(pairs.first, pairs.second, pairs.same, pairs.fold, strict=True)
    ]
    accuracies, scores = protocol(features, rows)
    found = verify(features, pairs)
    assert found.accuracies.tolist() == pytest.approx(accuracies)
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-12)
    assert [fold.pairs for fold in found.folds] == [12] * 5
    assert found.mean == pytest.approx(sum(accuracies) / 5)
    assert found.deviation == pytest.approx((sum((a - found.mean) ** 2 for a in accuracies) / 4) ** 0.5)
    assert found.standard_error == pytest.approx(found.deviation / 5**0.5)


def test_a_fold_takes_no_part_in_its_own_test() -> None:
    """Its features and pairs may be anything: threshold, and scores of the other folds' training, stay."""
    features, pairs = _random_pairs(9)
    before = verify(features, pairs)
    flipped = pairs.same.copy()
    flipped[pairs.fold == 2] = ~flipped[pairs.fold == 2]
    changed = PairList(
        pairs.path, pairs.images, pairs.people, pairs.first, pairs.second, flipped, pairs.fold, False
    )  # fmt: skip
    after = verify(features, changed)
    assert after.folds[2].threshold == before.folds[2].threshold
    assert after.folds[2].accuracy == pytest.approx(1 - before.folds[2].accuracy)


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_with_ties(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.integers(-4, 5, 30) / 4
    same = generator.random(30) < 0.5
    assert best_threshold(scores, same) == pytest.approx(threshold_of(scores.tolist(), same.tolist()), abs=1e-6)


def test_the_threshold_stands_in_the_middle_of_the_widest_gap() -> None:
    scores, same = np.array([-0.5, 0.1, 0.5, 0.6]), np.array([False, False, True, True])
    assert best_threshold(scores, same) == pytest.approx(0.3)


@pytest.mark.parametrize("seed", range(4))
def test_the_curve_agrees_with_the_oracle(seed: int) -> None:
    generator = np.random.default_rng(seed)
    same = generator.random(200) < 0.4
    scores = np.round(generator.normal(size=200) * 0.3 + same * 0.4, 2)
    curve = roc(scores, same)
    expected = [rates(threshold, scores, same) for threshold in (np.inf, *np.unique(scores)[::-1])]
    np.testing.assert_allclose(np.stack([curve.fpr, curve.tpr], axis=1), expected)
    for rate in (0.5, 0.1, 1e-2, 1e-4):
        assert curve.at(rate)[0] == tpr_at(rate, scores, same)
    fpr, tpr = curve.corners()
    along, corners_along = curve.fpr + curve.tpr, fpr + tpr
    np.testing.assert_allclose(np.interp(along, corners_along, tpr), curve.tpr, err_msg="what is left out lies between")
    assert len(fpr) < len(curve.fpr)
    error = curve.equal_error_rate
    gaps = [abs(fpr - (1 - tpr)) for fpr, tpr in expected]
    nearest = expected[int(np.argmin(gaps))]
    assert min(nearest[0], 1 - nearest[1]) - 0.02 <= error <= max(nearest[0], 1 - nearest[1]) + 0.02


def test_measures_that_can_be_told_by_hand() -> None:
    same = np.array([True] * 4 + [False] * 4)
    curve = roc(np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.1, 0.0, -0.1]), same)
    assert curve.equal_error_rate == pytest.approx(0.25), "one of four is wrong on either side"
    assert curve.at(0.1) == (0.75, 0)
    assert curve.at(0.25) == (1.0, 1)
    assert roc(np.arange(8.0)[::-1], same).equal_error_rate == 0
    assert roc(np.arange(8.0), same).equal_error_rate == 1
    assert roc(np.zeros(8), same).equal_error_rate == pytest.approx(0.5), "scores that tell nothing"


def test_a_rate_is_a_count_of_pairs() -> None:
    """0.001 of 3,000 pairs are 3, whatever 0.001 is in binary."""
    same = np.concatenate([np.ones(10, bool), np.zeros(3000, bool)])
    scores = np.concatenate([np.full(10, 0.5), np.full(3, 0.9), np.zeros(2997)])
    assert roc(scores, same).at(1e-3) == (1.0, 3)
    assert roc(scores, same).at(1e-4) == (0.0, 0)


def test_the_histogram_counts_every_pair() -> None:
    scores, same = np.array([-1.0, -0.99, 0.0, 1.0, 1 + 1e-12]), np.array([False, False, True, True, True])
    edges, of_one, of_two = histogram(scores, same)
    assert (edges[0], edges[-1], len(edges)) == (-1, 1, BINS + 1)
    assert (of_one.sum(), of_two.sum(), of_one[-1], of_two[0]) == (3, 2, 2, 2)


def test_the_fisher_score_agrees_with_the_oracle() -> None:
    features, pairs = _random_pairs(3)
    people = [*pairs.people.tolist()[:-1], 99]
    expected = fisher(features, people)
    assert angular_fisher_score(features, np.array(people)) == pytest.approx(expected)
    assert angular_fisher_score(features * 7, np.array(people)) == pytest.approx(expected), "lengths do not all count"
    assert np.isnan(angular_fisher_score(features, np.arange(24))), "nobody has two images"
    narrow = np.array([[1, 0.01], [1, -0.01], [-0.01, 1], [0.01, 1]])
    assert angular_fisher_score(narrow, np.array([0, 0, 1, 1])) == pytest.approx(0.5e-4 / (1 - 0.5**0.5), rel=1e-3)


def test_features_that_cannot_be_compared() -> None:
    features, pairs = _random_pairs(1)
    features[5, 2] = np.nan
    with pytest.raises(RunError, match=r"the features of '5\.png' are not finite.*NC562"):
        verify(features, pairs)
    with pytest.raises(RunError, match=r"all features are equal.*NC562"):
        verify(np.ones((24, 6)), pairs)
