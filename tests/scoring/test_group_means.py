"""Means by group: which means are shrunk and how far, and that shrunk means are nearer to the truth."""

import numpy as np
import pytest

from saladkit.scoring.group_means import shrunk_means


def draw(random, between, items):
    truth = random.normal(2.0, between, size=len(items))
    return truth, [random.normal(mean, 1.0, size=n) for mean, n in zip(truth, items, strict=True)]


def ones(values):
    return [np.ones(len(x)) for x in values]


@pytest.mark.parametrize("between", [0.0, 0.3, 1.0])
def test_shrunk_means_are_nearer_the_truth_than_means(between):
    random, raw, shrunk = np.random.default_rng(0), [], []
    for _ in range(200):
        truth, values = draw(random, between, [3] * 24)
        raw.append(np.mean((np.array([x.mean() for x in values]) - truth) ** 2))
        shrunk.append(np.mean((shrunk_means(values, ones(values)) - truth) ** 2))
    expected = (1 / 3) * between**2 / (between**2 + 1 / 3)  # of the best there is, which knows both variances
    assert np.mean(shrunk) < 0.9 * np.mean(raw)
    assert np.mean(shrunk) == pytest.approx(expected, abs=0.05)


def test_few_items_are_drawn_further_than_many():
    _, values = draw(np.random.default_rng(1), 1.0, [2, 400] * 10)
    means = np.array([x.mean() for x in values])
    moved = np.abs(shrunk_means(values, ones(values)) - means)
    assert moved[0::2].mean() > 20 * moved[1::2].mean()


def test_the_formula_of_two_variances():
    """By hand: equal groups of two items, whose pooled variance and DerSimonian-Laird estimate are simple sums."""
    values = [np.array([0.0, 2.0]), np.array([4.0, 6.0]), np.array([8.0, 10.0])]
    # Means 1, 5, 9; pooled variance (6 * 1 / 6) * 6 / 3 = 2, error 1; Q = 32; t = (32 - 2) / (3 - 1) = 15.
    assert shrunk_means(values, ones(values)) == pytest.approx(5 + np.array([-4, 0, 4]) * 15 / 16)


def test_items_are_weighted_by_their_tokens():
    values = [np.array([1.0, 4.0]), np.array([5.0, 5.0])]
    assert shrunk_means(values, [np.array([2.0, 1.0]), np.array([1.0, 1.0])]).sum() < 7.1
    alone = shrunk_means([np.array([1.0, 4.0])], [np.array([2.0, 1.0])])
    assert alone == pytest.approx([2.0])


def test_means_are_not_shrunk_if_variances_are_unknown():
    assert shrunk_means([np.array([1.0]), np.array([3.0])], ones([[1], [1]])).tolist() == [1.0, 3.0]
    same = [np.array([1.0, 1.0]), np.array([3.0, 3.0])]
    assert shrunk_means(same, ones(same)).tolist() == [1.0, 3.0]
