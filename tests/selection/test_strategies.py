"""Which texts each strategy prefers, and the probabilities that it reports."""

import numpy as np
import pytest

from saladkit.selection.sampling import uniform_numbers
from saladkit.selection.strategies import PROBE, STRATEGIES, Candidates, put_in_order, strategies_that_need
from saladkit.settings import select as settings

NAMES = tuple(name for name in STRATEGIES if name != PROBE)

REGIONS = np.array([0] * 10 + [1] * 20 + [2] * 30 + [-1] * 5)
ALLOWED = REGIONS >= 0


def candidates(seed=0, **known):
    uniform = uniform_numbers([f"row-{i}" for i in range(len(REGIONS))], seed)
    everything = {
        "gaps": np.array([3.0, 1.0, 0.0]),
        "distances": np.linspace(0.1, 1, len(REGIONS)),
        "importance": np.linspace(-40, 0, len(REGIONS)),
        "predicted": np.where(REGIONS == 1, 2.0, -1.0),
    }
    return Candidates(REGIONS, np.array([10, 20, 30]), uniform, **(everything | known))


def order(name, of=None, gamma=1.0, seed=0):
    return put_in_order(name, of or candidates(seed), gamma, np.random.default_rng(seed))


def test_the_settings_of_select_know_the_strategies_and_what_they_go_by():
    assert settings.STRATEGIES == NAMES
    assert {*settings.MEASURED} == {*strategies_that_need("gaps"), *strategies_that_need("predicted")}
    changed = [name for name in NAMES if (order(name, gamma=2).probabilities != order(name).probabilities).any()]
    assert {*settings.USE_GAMMA} >= {*changed} >= {*settings.USE_GAMMA} - {"knn"}  # its candidates have one weight here


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_reads_the_fields_that_it_needs_and_no_other(name):
    optional = {"gaps", "distances", "importance", "predicted"}
    unread = dict.fromkeys(optional - {*STRATEGIES[name].needs})
    np.testing.assert_array_equal(order(name, candidates(**unread)).probabilities, order(name).probabilities)
    for field in STRATEGIES[name].needs:
        with pytest.raises(TypeError, match="its row in STRATEGIES"):
            order(name, candidates(**{field: None}))


@pytest.mark.parametrize("name", NAMES)
def test_forbidden_texts_are_never_drawn_and_probabilities_hold_for_the_first_draw(name):
    """Over 3,000 seeds the first text comes as often as the order says, within four standard errors."""
    probabilities = order(name).probabilities
    assert probabilities.sum() == pytest.approx(1)
    assert not probabilities[~ALLOWED].any()
    if name == "proportional":  # its first text is of the largest region, by construction
        return
    firsts = [next(iter(order(name, seed=seed).rows))[0] for seed in range(3000)]
    found = np.bincount(REGIONS[firsts], minlength=3) / 3000
    expected = np.bincount(REGIONS[ALLOWED], weights=probabilities[ALLOWED], minlength=3)
    assert np.abs(found - expected).max() < 4 * (0.25 / 3000) ** 0.5


def test_the_odds_are_those_of_the_formulas():
    def regions_share(name, gamma):
        found = order(name, gamma=gamma).probabilities
        return np.bincount(REGIONS[ALLOWED], weights=found[ALLOWED], minlength=3)

    np.testing.assert_allclose(regions_share("active", 2), np.array([90, 20, 0]) / 110)
    np.testing.assert_allclose(regions_share("uniform", 2), np.array([1, 2, 3]) / 6)
    np.testing.assert_allclose(regions_share("balanced", 2), np.ones(3) / 3)
    np.testing.assert_allclose(regions_share("knn", 2), [0, 1, 0])
    weights = np.where(ALLOWED, candidates().distances ** 3, 0)
    np.testing.assert_allclose(order("coverage", gamma=3).probabilities, weights / weights.sum())
    weights = np.where(ALLOWED, np.exp(candidates().importance), 0)
    np.testing.assert_allclose(order("dsir").probabilities, weights / weights.sum())
    weights = np.where(ALLOWED, np.array([9.0, 1.0, 0.0])[REGIONS] * candidates().distances, 0)
    np.testing.assert_allclose(order("hybrid", gamma=2).probabilities, weights / weights.sum())
    # Without an exponent nothing is preferred.
    np.testing.assert_allclose(order("knn", gamma=0).probabilities, ALLOWED / ALLOWED.sum())


@pytest.mark.parametrize("name", ["knn", "coverage", "hybrid", "active"])
def test_no_weight_anywhere_is_refused(name):
    of = candidates(gaps=np.zeros(3), distances=np.zeros(len(REGIONS)), predicted=-np.ones(len(REGIONS)))
    with pytest.raises(ValueError, match="no .* weight"):
        order(name, of)


def test_texts_with_tiny_probabilities_are_still_drawn():
    of = candidates(importance=np.linspace(-3000, 0, len(REGIONS)))
    found = order("dsir", of)
    assert found.eligible.sum() == ALLOWED.sum()
    assert len(next(iter(found.rows))) == ALLOWED.sum()


def test_regions_whose_texts_are_all_left_out_have_no_part_in_the_odds():
    regions = np.where(REGIONS == 0, -1, REGIONS)
    of = Candidates(regions, np.array([10, 20, 30]), candidates().uniform, gaps=np.array([3.0, 1.0, 0.5]))
    assert order("active", of).probabilities.sum() == pytest.approx(1)
    beside = Candidates(REGIONS, np.array([0, 20, 30]), candidates().uniform, gaps=np.array([50.0, 0.5, 0.4]))
    assert order("active", beside, gamma=170).probabilities.sum() == pytest.approx(1)
