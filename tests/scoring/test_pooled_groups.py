"""Groups that share a variance: slow twins in float64, known truths in simulations, and groups at the edges."""

import math

import numpy as np
import pytest
from scipy.stats import f_oneway
from scipy.stats import t as student

from saladkit.scoring.pooled_groups import intraclass_correlation, pool_groups, shrink, variance_between


def ones(values):
    return [np.ones(len(x)) for x in values]


def pooled(values, *, log):
    return pool_groups(values, ones(values), log=log)


def twin(values, weights, log, level=0.95):
    """Means, shrunk means, intervals and tau^2 by loops over single numbers; tau^2 by halving an interval."""
    means = [math.fsum(w * x) / math.fsum(w) for x, w in zip(values, weights, strict=True)]
    scaled = [[item / m if log else item for item in x] for x, m in zip(values, means, strict=True)]
    centres = [1.0] * len(means) if log else means
    total = math.fsum(w for of_group in weights for w in of_group)
    squares = math.fsum(
        w * (item - c) ** 2
        for x, of_group, c in zip(scaled, weights, centres, strict=True)
        for item, w in zip(x, of_group, strict=True)
    )
    count = sum(map(len, values))
    freedom = count - len(values)
    within = squares / total * count / freedom
    if log:
        share = math.fsum(math.fsum(w * w for w in of_group) / math.fsum(of_group) for of_group in weights) / total
        within /= 1 - within * share
    errors = [within * math.fsum(w * w for w in of_group) / math.fsum(of_group) ** 2 for of_group in weights]
    y = [math.log(m) if log else m for m in means]

    def middle(between):
        precisions = [1 / (between + v) for v in errors]
        return math.fsum(p * a for p, a in zip(precisions, y, strict=True)) / math.fsum(precisions)

    def spread(between):
        return math.fsum((a - middle(between)) ** 2 / (between + v) for a, v in zip(y, errors, strict=True))

    low, high = 0.0, 1000.0
    for _ in range(200):
        half = (low + high) / 2
        low, high = (half, high) if spread(half) > len(y) - 1 else (low, half)
    between = high if spread(0.0) > len(y) - 1 else 0.0
    back = math.exp if log else float
    centre = middle(between)
    moved = [back(centre + (a - centre) * between / (between + v)) for a, v in zip(y, errors, strict=True)]
    wide = student.ppf((1 + level) / 2, freedom)
    ends = [[back(a + sign * wide * math.sqrt(v)) for a, v in zip(y, errors, strict=True)] for sign in (-1, 1)]
    return means, moved, ends, between, [math.sqrt(v) for v in errors]


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("sizes", [(4, 4, 4, 4, 4), (2, 9, 1, 5, 30)])
def test_every_figure_is_its_twin_s(log, sizes):
    random = np.random.default_rng(len(set(sizes)))
    truth = np.exp(random.normal(-1, 1, len(sizes)))
    values = [mean * random.gamma(3.0, 1 / 3, size) for mean, size in zip(truth, sizes, strict=True)]
    weights = [random.integers(5, 40, size).astype(float) for size in sizes]
    found = pool_groups(values, weights, log=log)
    means, moved, (low, high), between, errors = twin(values, weights, log)
    for name, expected in (("means", means), ("shrunk", moved), ("low", low), ("high", high), ("errors", errors)):
        assert getattr(found, name) == pytest.approx(expected, rel=1e-7), name
    assert found.between == pytest.approx(between, rel=1e-6) and between > 0
    assert found.reliability == pytest.approx(between / (between + np.mean(np.square(errors))), rel=1e-6)
    assert found.reliabilities == pytest.approx(between / (between + np.square(errors)), rel=1e-6)


def test_the_formula_of_two_variances():
    """By hand: with equal sampling variances, tau^2 is the variance of the means less the sampling variance."""
    values = [np.array([0.0, 2.0]), np.array([4.0, 6.0]), np.array([8.0, 10.0])]
    # Means 1, 5, 9 with variance 16; pooled variance 2, of a mean 1: tau^2 = 15.
    found = pooled(values, log=False)
    assert (found.within, found.between) == pytest.approx((2.0, 15.0))
    assert found.shrunk == pytest.approx(5 + np.array([-4, 0, 4]) * 15 / 16)
    assert found.reliability == pytest.approx(15 / 16)


@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_without_sampling_error_the_variance_between_is_that_of_the_means(count):
    """The sum of squares is G - 1 there, or by rounding a little more."""
    for seed in range(50):
        y = np.random.default_rng(seed).normal(size=count)
        assert variance_between(y, np.full(count, 1e-34)) == pytest.approx(y.var(ddof=1))


def test_means_that_differ_no_more_than_chance_are_all_the_same():
    assert variance_between(np.array([1.0, 1.1, 0.9]), np.full(3, 0.5)) == 0.0
    assert shrink(np.array([1.0, 1.2]), np.array([0.1, 0.3]), 0.0) == pytest.approx([1.05, 1.05])
    found = pooled([np.array([0.1, 0.5])] * 3, log=True)
    assert (found.between, found.reliability) == (0.0, 0.0)
    assert found.shrunk == pytest.approx([0.3] * 3)


@pytest.mark.parametrize("log", [True, False])
def test_groups_without_any_error_stay_as_they_are(log):
    found = pooled([np.array([1.0, 1.0]), np.array([3.0, 3.0])], log=log)
    assert found.shrunk == pytest.approx([1.0, 3.0]) and found.reliability == 1.0
    assert found.low == pytest.approx([1.0, 3.0])
    same = pooled([np.array([2.0, 2.0])] * 2, log=log)
    assert same.shrunk == pytest.approx([2.0, 2.0]) and same.reliability == 0.0


def test_one_item_in_each_group_tells_nothing_about_errors():
    found = pooled([np.array([1.0]), np.array([3.0])], log=True)
    assert found.shrunk == pytest.approx([1.0, 3.0])
    assert np.isnan([*found.low, *found.high, *found.errors, found.between, found.reliability]).all()


def test_one_group_has_its_own_interval_and_no_reliability():
    found = pooled([np.array([0.2, 0.4, 0.3])], log=True)
    assert found.shrunk == pytest.approx([0.3]) and found.low[0] < 0.3 < found.high[0]
    assert np.isnan(found.reliability)


def test_means_of_nothing_are_left_out():
    zero, others = np.array([1e-9, -3e-9]), [np.array([0.1, 0.2, 0.1]), np.array([0.4, 0.3, 0.6])]
    found, without = pooled([zero, *others], log=True), pooled(others, log=True)
    assert found.shrunk[0] == zero.mean() and np.isnan(found.low[0])
    assert found.shrunk[1:] == pytest.approx(without.shrunk) and found.reliability == without.reliability
    nothing = pooled([zero, zero], log=True)
    assert (nothing.shrunk == zero.mean()).all() and np.isnan(nothing.reliability)


def test_one_item_that_holds_everything_gives_no_infinite_error():
    found = pooled([np.array([0.0, 0.0, 0.0, 1.0])] * 3, log=True)
    assert np.isfinite(found.errors).all() and found.low[0] < 0.25 < found.high[0]


LOW, HIGH = np.geomspace(0.02, 0.06, 12), np.geomspace(0.34, 0.80, 12)


def draw(random, truth, probes=4, variation=0.6):
    shape = 1 / variation**2
    return [mean * random.gamma(shape, 1 / shape, probes) for mean in truth]


def test_low_regions_no_longer_rise():
    """Regions of 0.02 to 0.06 beside others of 0.34 to 0.80: one variance for all drew the low ones up by half."""
    random, truth = np.random.default_rng(3), np.concatenate([LOW, HIGH])
    rises, linear, errors = [], [], []
    for _ in range(100):
        values = draw(random, truth)
        found, plain = pooled(values, log=True), pooled(values, log=False)
        rises.append(np.log(found.shrunk / found.means)[:12] / found.errors[:12])
        linear.append((plain.shrunk / plain.means)[:12] - 1)
        errors.append(((np.log(found.shrunk / truth) ** 2).mean(), (np.log(found.means / truth) ** 2).mean()))
    assert np.abs(rises).max() < 1.0  # no region moves by more than its own standard error
    assert 0 < np.mean(rises) < 0.4
    assert np.mean(linear) > 0.25 and np.max(linear) > 1.0
    shrunk_error, raw_error = np.mean(errors, axis=0)
    assert shrunk_error < raw_error


@pytest.mark.parametrize("between", [0.0, 0.3, 1.0])
def test_shrunk_means_are_nearer_the_truth_than_means(between):
    random, raw, shrunk, found_between, reliability = np.random.default_rng(0), [], [], [], []
    for _ in range(200):
        truth = random.normal(2.0, between, size=24)
        found = pooled([random.normal(mean, 1.0, size=3) for mean in truth], log=False)
        raw.append(np.mean((found.means - truth) ** 2))
        shrunk.append(np.mean((found.shrunk - truth) ** 2))
        found_between.append(found.between)
        reliability.append(found.reliability)
    expected = (1 / 3) * between**2 / (between**2 + 1 / 3)  # of the best there is, which knows both variances
    assert np.mean(shrunk) < 0.9 * np.mean(raw)
    assert np.mean(shrunk) == pytest.approx(expected, abs=0.05)
    assert np.mean(found_between) == pytest.approx(between**2, abs=0.06)
    assert np.mean(reliability) == pytest.approx(between**2 / (between**2 + 1 / 3), abs=0.15)


@pytest.mark.parametrize("variation, probes", [(0.4, 4), (0.7, 4), (0.7, 20), (1.0, 8)])
def test_intervals_hold_the_mean_as_often_as_they_say(variation, probes):
    random, held, within = np.random.default_rng(1), [], []
    for _ in range(60):
        truth = np.exp(random.normal(-2.0, 1.0, size=24))
        found = pooled(draw(random, truth, probes, variation), log=True)
        held.append(np.mean((found.low <= truth) & (truth <= found.high)))
        within.append(found.within)
    assert 0.92 <= np.mean(held) <= 0.975
    assert np.mean(within) == pytest.approx(variation**2, rel=0.08)


def test_few_items_are_drawn_further_than_many():
    random = np.random.default_rng(1)
    truth = np.exp(random.normal(-1, 1, 20))
    found = pooled([m * random.gamma(2.0, 0.5, n) for m, n in zip(truth, [2, 400] * 10, strict=True)], log=True)
    moved = np.abs(np.log(found.shrunk / found.means))
    assert moved[0::2].mean() > 20 * moved[1::2].mean()


def icc_twin(groups):
    """From the F test of scipy: ICC = (F - 1) / (F - 1 + n0)."""
    sizes = [len(x) for x in groups]
    size = (sum(sizes) - sum(n * n for n in sizes) / sum(sizes)) / (len(groups) - 1)
    ratio = f_oneway(*groups).statistic
    return (ratio - 1) / (ratio - 1 + size)


@pytest.mark.parametrize("sizes", [(4,) * 6, (2, 7, 1, 4, 12)])
def test_the_intraclass_correlation_is_its_twin_s(sizes):
    random = np.random.default_rng(5)
    groups = [random.normal(random.normal(), 1.5, size) for size in sizes]
    assert intraclass_correlation(groups) == pytest.approx(icc_twin(groups), rel=1e-9)


@pytest.mark.parametrize("known", [0.0, 0.2, 0.6])
def test_the_intraclass_correlation_of_a_known_truth(known):
    random, found = np.random.default_rng(6), []
    for _ in range(200):
        sizes = random.integers(2, 8, 24)
        truth = random.normal(0, known**0.5, 24)
        groups = [random.normal(mean, (1 - known) ** 0.5, n) for mean, n in zip(truth, sizes, strict=True)]
        found.append(intraclass_correlation(groups))
    assert np.mean(found) == pytest.approx(known, abs=0.02)


def test_an_intraclass_correlation_needs_groups_of_two():
    assert np.isnan(intraclass_correlation([np.array([1.0]), np.array([2.0])]))
    assert np.isnan(intraclass_correlation([np.array([1.0, 2.0])]))
    assert np.isnan(intraclass_correlation([np.array([2.0, 2.0])] * 2))
    assert intraclass_correlation([np.array([1.0, 1.0]), np.array([2.0, 2.0])]) == 1.0
