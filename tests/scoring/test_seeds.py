"""Intervals over seeds, against slow twins, and how often they hold the truth."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from saladkit.scoring.seeds import (
    ENOUGH,
    accuracy_over_seeds,
    hierarchical_means,
    over_seeds,
    seeds_note,
    stratified_accuracy,
    stratified_mean,
    t_interval,
)
from saladkit.scoring.statistics import accuracy, bootstrap_mean


def every_resample(values):
    """Return the means of all resamples of seeds and questions, equally likely for seeds of equal size."""
    means = []
    for seeds in product(range(len(values)), repeat=len(values)):
        draws = [list(product(*(product(stratum, repeat=len(stratum)) for stratum in values[seed]))) for seed in seeds]
        means += [np.mean([np.mean([np.mean(s) for s in strata]) for strata in chosen]) for chosen in product(*draws)]
    return np.array(means, dtype=np.float64)


@pytest.mark.parametrize(
    "values",
    [
        [[[0, 1, 1]], [[1, 1, 1]]],
        [[[-1, 0, 1]], [[1, 0, 0]]],
        [[[0.25, 0.5]], [[1.5, -2.0]], [[0.0, 0.125]]],
        [[[0, 1, 1], [1]], [[1, 0, 0], [0]]],
    ],
    ids=["right", "differences", "numbers", "strata"],
)
def test_the_hierarchical_bootstrap_is_the_distribution_of_all_resamples(values):
    values = [[np.array(stratum, dtype=np.float64) for stratum in of_seed] for of_seed in values]
    expected, found = (
        every_resample(values),
        hierarchical_means(values, resamples=100_000, random=np.random.default_rng(0)),
    )
    assert found.mean() == pytest.approx(expected.mean(), abs=0.01)
    assert found.std() == pytest.approx(expected.std(), rel=0.02)
    for share in (0.025, 0.2, 0.5, 0.8, 0.975):
        # Of a discrete distribution: as many resamples lie below each of its quantiles.
        at = np.quantile(expected, share)
        assert np.mean(found <= at + 1e-9) == pytest.approx(np.mean(expected <= at + 1e-9), abs=0.01)


def test_seeds_of_different_sizes_weigh_the_same():
    found = over_seeds([[np.ones(3)], [np.zeros(50)]])
    assert (found.value, found.by_seed, found.items) == (0.5, (1, 0), 53)
    assert (found.low, found.high) == (0, 1)


def test_strata_weigh_the_same_however_many_questions_they_have():
    right = [np.array([1.0, 1.0, 1.0, 0.0]), np.array([0.0])]
    found = stratified_accuracy(right)
    assert (found.value, found.items) == (0.375, 5) and 0 < found.low < 0.375 < found.high <= 0.5
    assert stratified_mean(right).value == 0.375
    assert stratified_accuracy(right[:1]) == accuracy(right[0])
    assert stratified_mean(right[:1]) == bootstrap_mean(right[0])


def test_one_seed_is_a_bootstrap_over_questions():
    values = np.random.default_rng(1).normal(size=200)
    found = over_seeds([[values]])
    half = 1.96 * values.std() / 200**0.5
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)
    assert (found.t_low, found.t_high, found.p) == (None, None, None)


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_the_t_interval_is_that_of_a_t_test(seeds):
    means = np.random.default_rng(seeds).normal(0.3, 1.0, size=seeds)
    test = ttest_1samp(means, 0.0)
    low, high, p = t_interval(means)
    assert (low, high) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert p == pytest.approx(test.pvalue)


@pytest.mark.parametrize("means", [[0.5], [0.1 + 0.2, 0.3], [1.0, 1.0, 1.0]])
def test_means_without_a_spread_have_no_t_interval(means):
    assert t_interval(np.array(means)) == (None, None, None)


def test_both_intervals_hold_the_truth_as_often_as_they_say():
    """Eight seeds whose true means differ by 4 points, 60 questions each: a difference of two models is 5 points."""
    random, held = np.random.default_rng(2), {"hierarchical": [], "t": []}
    for _ in range(400):
        gains = random.normal(0.05, 0.04, size=8)
        values = [[random.choice([-1, 0, 1], 60, p=[0.2 - gain / 2, 0.6, 0.2 + gain / 2])] for gain in gains]
        found = over_seeds(values, resamples=400)
        held["hierarchical"].append(found.low <= 0.05 <= found.high)
        held["t"].append(found.t_low <= 0.05 <= found.t_high)
    assert 0.92 <= np.mean(held["hierarchical"]) <= 1.0  # the questions' own noise is in the seeds' means as well
    assert 0.92 <= np.mean(held["t"]) <= 0.98


def test_with_three_seeds_that_differ_much_only_the_t_interval_holds_the_truth_as_it_says():
    random, held = np.random.default_rng(4), {"hierarchical": [], "t": []}
    for _ in range(300):
        values = [[random.random(240) < rate] for rate in random.normal(0.5, 0.1, size=3)]
        found = over_seeds(values, resamples=300)
        held["hierarchical"].append(found.low <= 0.5 <= found.high)
        held["t"].append(found.t_low <= 0.5 <= found.t_high)
    assert 0.74 <= np.mean(held["hierarchical"]) <= 0.88
    assert 0.91 <= np.mean(held["t"]) <= 0.99


def test_an_interval_over_questions_alone_does_not_hold_the_truth_where_seeds_differ():
    random, held, alone = np.random.default_rng(3), [], []
    for _ in range(200):
        values = [random.random(100) < rate for rate in random.normal(0.6, 0.1, size=8)]
        found, pooled = (
            over_seeds([[v] for v in values], resamples=300),
            over_seeds([[np.concatenate(values)]], resamples=300),
        )
        held.append(found.low <= 0.6 <= found.high)
        alone.append(pooled.low <= 0.6 <= pooled.high)
    assert np.mean(alone) < 0.8 < 0.87 < np.mean(held)


def test_an_accuracy_of_100_per_cent_has_wilson_s_interval_of_one_seed():
    found = accuracy_over_seeds([[np.ones(20)], [np.ones(30)]])
    assert found.value == 1 and found.high == 1
    assert found.low == pytest.approx(1 - 1.96**2 / (20 + 1.96**2), abs=1e-3)
    assert (found.t_low, found.t_high) == (None, None)


def test_the_t_interval_of_an_accuracy_stays_within_0_and_1():
    found = accuracy_over_seeds([[np.array([1, 1, 1, 1])], [np.array([1, 1, 1, 0])]])
    assert found.t_high == 1 and 0 <= found.t_low < found.value


def test_no_seeds_and_a_seed_without_questions_have_no_mean():
    for values in ([], [[]], [[np.ones(2)], [np.array([])]]):
        with pytest.raises(ValueError):
            over_seeds(values)


def test_few_seeds_are_warned_of():
    assert "over questions" in seeds_note(1)
    for seeds in (2, ENOUGH - 1):
        assert f"{seeds} seeds: the t interval is wide" in seeds_note(seeds)
    assert seeds_note(ENOUGH) == f"{ENOUGH} seeds."
