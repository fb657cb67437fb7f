import numpy as np
import pytest

from saladkit.scoring.statistics import bootstrap_mean


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
