import numpy as np
import pytest
from scipy.stats import binomtest

from saladkit.scoring.statistics import bootstrap_mean, bootstrap_ratio, mcnemar


def test_the_interval_is_that_of_the_normal_distribution_for_many_values():
    values = np.random.default_rng(0).normal(3.0, 2.0, size=400)
    estimate = bootstrap_mean(values)
    error = values.std() / 400**0.5
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert estimate.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)
    assert estimate.items == 400


def test_intervals_hold_the_mean_as_often_as_they_say():
    random = np.random.default_rng(1)
    estimates = [bootstrap_mean(random.exponential(1.0, size=60), resamples=500) for _ in range(300)]
    held = np.mean([estimate.low <= 1.0 <= estimate.high for estimate in estimates])
    assert 0.88 <= held <= 0.98


def test_pairs_narrow_the_interval():
    random = np.random.default_rng(2)
    items = random.normal(size=200)
    first, second = items + 0.1 + 0.01 * random.normal(size=200), items
    paired = bootstrap_mean(first - second)
    assert 0 < paired.low < 0.1 < paired.high < 0.2
    alone = bootstrap_mean(first)
    assert alone.high - alone.low > 10 * (paired.high - paired.low)


def test_the_same_seed_gives_the_same_interval_and_one_value_has_none():
    values = np.random.default_rng(3).normal(size=10)
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=1)
    single = bootstrap_mean(np.array([2.0]))
    assert (single.value, single.low, single.high) == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError):
        bootstrap_mean(np.array([]))


def test_items_of_few_kinds_are_resampled_as_all_are():
    """The same 300 right and wrong answers, and again with tiny differences, so that all items are distinct."""
    right = np.random.default_rng(6).random(300) < 0.7
    few = bootstrap_mean(right)
    many = bootstrap_mean(right + 1e-9 * np.arange(300))
    assert (few.value, few.low, few.high) == pytest.approx((many.value, many.low, many.high), abs=0.002)
    assert few.standard_error == pytest.approx(many.standard_error, rel=0.03)


def test_the_standard_error_is_that_of_a_mean():
    values = np.random.default_rng(4).exponential(2.0, size=300)
    assert bootstrap_mean(values).standard_error == pytest.approx(values.std(ddof=1) / 300**0.5, rel=0.03)


def test_a_ratio_is_of_sums_and_its_items_stay_together():
    random = np.random.default_rng(5)
    below = random.exponential(1.0, size=200)
    above = 0.5 * below
    estimate = bootstrap_ratio(above, below)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.5, 0.5, 0.5))
    above = above + 0.1 * random.normal(size=200)
    noisy = bootstrap_ratio(above, below)
    residuals = above - noisy.value * below  # the delta method's standard error of a ratio of means
    assert noisy.standard_error == pytest.approx(residuals.std() / 200**0.5 / below.mean(), rel=0.05)
    assert noisy.low < 0.5 < noisy.high


def test_a_resample_without_a_denominator_is_left_out():
    estimate = bootstrap_ratio(np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    assert (estimate.value, estimate.low, estimate.high) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="nothing"):
        bootstrap_ratio(np.zeros(3), np.zeros(3))


@pytest.mark.parametrize("only_first, only_second", [(0, 0), (3, 0), (5, 5), (2, 11), (400, 300), (0, 1200)])
def test_mcnemar_is_the_binomial_test_of_the_split(only_first, only_second):
    first = np.array([True] * only_first + [False] * only_second + [True, False] * 4)
    second = np.array([False] * only_first + [True] * only_second + [True, False] * 4)
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (only_first, only_second)
    count = only_first + only_second
    expected = binomtest(only_first, count).pvalue if count else 1.0
    assert found.p == pytest.approx(expected, rel=1e-9)
