"""The share of texts that the sampling error of M misplaces: a slow twin, known truths, and the probes it takes."""

import math

import numpy as np
import pytest

from saladkit.scoring.pooled_groups import pool_groups
from saladkit.selection.misplaced import Uncertain, misplaced_share, probes_needed

MEANS, SIZES = np.array([0.1, 0.4, 0.2, 0.9, 0.0]), np.array([10, 20, 0, 40, 30])


def uncertain(variance=0.1, between=0.8, log=True, means=MEANS):
    return Uncertain(means, np.full(len(means), variance), between, log)


def twin(known, sizes, gamma):
    """The mean of half the sum of absolute differences, one number after another."""

    def probabilities(means):
        weights = [size * max(mean, 0.0) ** gamma for size, mean in zip(sizes, means, strict=True)]
        return [weight / math.fsum(weights) for weight in weights]

    drawn, found = probabilities(known.means), []
    for truth in known.draws():
        other = probabilities(truth)
        found.append(math.fsum(abs(a - b) for a, b in zip(drawn, other, strict=True)) / 2)
    return math.fsum(found) / len(found)


@pytest.mark.parametrize("gamma", [0.5, 1, 5])
@pytest.mark.parametrize("log", [True, False])
def test_the_share_is_its_twin_s(gamma, log):
    known = uncertain(0.1 if log else 0.01, 0.8 if log else 0.05, log)
    assert misplaced_share(known, SIZES, gamma) == pytest.approx(twin(known, SIZES, gamma), rel=1e-9)
    assert 0 < misplaced_share(known, SIZES, gamma) < 1


def test_true_means_are_drawn_with_the_variance_that_the_measurement_leaves():
    drawn = uncertain(0.1, 0.8).draws()[:, 0]
    assert np.log(drawn).std() == pytest.approx((0.1 * 0.8 / 0.9) ** 0.5, rel=0.1)
    assert np.log(drawn).mean() == pytest.approx(math.log(0.1), abs=0.05)
    assert (uncertain().draws() == uncertain().draws()).all()


def test_nothing_is_misplaced_where_nothing_is_uncertain():
    assert misplaced_share(uncertain(variance=0.0), SIZES, 5) == 0
    assert misplaced_share(uncertain(between=0.0), SIZES, 5) == 0  # then all regions are drawn alike
    assert misplaced_share(uncertain(0.0, 0.0), SIZES, 5) == 0
    assert misplaced_share(uncertain(), SIZES, 0) == 0
    assert misplaced_share(uncertain(means=np.zeros(5)), SIZES, 5) == 0  # and no number is divided by 0
    assert misplaced_share(uncertain(0.2, 1.0), SIZES, 400) <= 1


def test_a_larger_gamma_and_fewer_probes_misplace_more():
    shares = [misplaced_share(uncertain(), SIZES, gamma) for gamma in (0.5, 1, 2)]
    assert shares == sorted(shares)
    shares = [misplaced_share(uncertain(variance), SIZES, 1) for variance in (0.01, 0.1, 1.0)]
    assert shares == sorted(shares)


@pytest.mark.parametrize("gamma, most", [(5, 0.33), (2, 0.1), (1, 0.02)])
def test_the_number_of_probes_is_the_smallest_that_is_enough(gamma, most):
    means, sizes = np.exp(np.random.default_rng(2).normal(-1.5, 1.0, 24)), np.full(24, 100)

    def share(probes):
        return misplaced_share(uncertain(0.49 / probes, 1.0, means=means), sizes, gamma)

    needed = probes_needed(uncertain(0.49 / 4, 1.0, means=means), sizes, gamma, 4, most)
    assert share(needed) <= most < share(needed - 1)


def test_no_number_of_probes_is_named_where_none_is_enough():
    assert probes_needed(uncertain(), SIZES, 5, 4, 0.0) is None
    assert probes_needed(uncertain(variance=0.0), SIZES, 5, 4, 0.0) == 1


@pytest.mark.parametrize("gamma", [1, 5])
def test_the_share_is_what_a_measurement_misplaces(gamma):
    """Regions of known M, four probes of each: the foretold share is the one that is found, in the mean."""
    random, found, foretold, sizes = np.random.default_rng(4), [], [], np.full(24, 100)
    for _ in range(40):
        truth = np.exp(random.normal(-1.5, 1.0, 24))
        values = [mean * random.gamma(1 / 0.5, 0.5, 4) for mean in truth]
        pooled = pool_groups(values, [np.ones(4)] * 24, log=True)
        drawn, wanted = (sizes * means**gamma / (sizes * means**gamma).sum() for means in (pooled.shrunk, truth))
        found.append(np.abs(drawn - wanted).sum() / 2)
        known = Uncertain(pooled.shrunk, pooled.errors**2, pooled.between, True)
        foretold.append(misplaced_share(known, sizes, gamma))
    assert np.mean(foretold) == pytest.approx(np.mean(found), rel=0.15)
