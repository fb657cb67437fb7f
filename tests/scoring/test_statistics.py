import numpy as np
import pytest
from scipy.stats import binomtest

from saladkit.scoring.statistics import accuracy, bootstrap_mean, bootstrap_ratio, holm, mcnemar, wilson_interval


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


def wilson(right, items, z=1.959963984540054):
    """Solve |p - share| = z * sqrt(p * (1 - p) / items) for p."""
    share = right / items
    middle, half = share + z**2 / (2 * items), z * (share * (1 - share) / items + z**2 / (4 * items**2)) ** 0.5
    return (middle - half) / (1 + z**2 / items), (middle + half) / (1 + z**2 / items)


@pytest.mark.parametrize("right, items", [(0, 1), (1, 1), (0, 20), (20, 20), (7, 8), (50, 100), (576, 800)])
def test_wilson_s_interval_solves_its_equation(right, items):
    low, high = wilson_interval(right, items)
    assert (low, high) == pytest.approx(wilson(right, items), abs=1e-9)
    assert 0 <= low <= right / items <= high <= 1 and low < high


@pytest.mark.parametrize(
    "right, items, low, high",
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe, Statistics in Medicine 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_s_interval_has_its_published_values(right, items, low, high):
    assert wilson_interval(right, items) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("right", [0, 1])
def test_an_accuracy_of_0_or_100_per_cent_is_not_certain(right):
    found = accuracy(np.full(25, right))
    assert found.value == right and found.items == 25 and found.standard_error == 0
    assert found.high - found.low == pytest.approx(1.96**2 / (25 + 1.96**2), abs=1e-3)


def test_the_standard_error_of_an_accuracy_is_that_of_its_items():
    right = np.random.default_rng(7).random(300) < 0.7
    assert accuracy(right).standard_error == pytest.approx(right.std() / 300**0.5)
    for wrong in (np.array([]), np.array([0.5, 1.0])):
        with pytest.raises(ValueError):
            accuracy(wrong)


def test_holm_s_correction_has_its_known_values():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.5, 0.9]) == [1, 1, 1]
    assert holm([0.04]) == [0.04] and holm([]) == []


def test_holm_rejects_as_its_steps_do():
    """Step down: from the smallest, reject while p <= level / number of those left."""
    random = np.random.default_rng(8)
    for _ in range(50):
        values = random.beta(0.3, 3, size=random.integers(1, 9))
        corrected = np.array(holm(values))
        for level in (0.01, 0.05, 0.2):
            rejected = np.zeros(len(values), bool)
            for left, place in enumerate(np.argsort(values)):
                if values[place] > level / (len(values) - left):
                    break
                rejected[place] = True
            assert ((corrected <= level) == rejected).all()
