"""The realised draw against the one that was asked for: a slow twin, chance by simulation, regions that ran empty."""

from fractions import Fraction

import numpy as np
import pytest

from saladkit.selection.realised_draw import compare_draws, note_on_draw
from saladkit.selection.sampling import by_region, spend, uniform_numbers
from saladkit.selection.strategies import STRATEGIES, Candidates, put_in_order

NONE = np.empty(0, dtype=np.int64)


def draw(regions, asked, count, seed=0, costs=None):
    random = np.random.default_rng(seed)
    uniform = uniform_numbers([str(i) for i in range(len(regions))], seed)
    order = by_region(regions, asked, uniform, random)
    return spend(order, np.ones(len(regions)) if costs is None else costs, count)


def test_total_variation_equals_that_of_a_slow_loop():
    random = np.random.default_rng(1)
    regions, costs = random.integers(-1, 5, 300), random.integers(1, 40, 300)
    weights = [3, 1, 4, 1, 5]
    drawn = random.permutation(np.flatnonzero(regions >= 0))[:60]
    found = compare_draws(np.array(weights) * 60 / 14, regions, costs, drawn, NONE, "tokens")
    mean = {r: Fraction(int(costs[regions == r].sum()), int((regions == r).sum())) for r in range(5)}
    total = sum(weights[r] * mean[r] for r in range(5))
    spent = sum(int(costs[row]) for row in drawn)
    apart = Fraction(0)
    for r in range(5):
        share = Fraction(sum(int(costs[row]) for row in drawn if regions[row] == r), spent)
        apart += abs(weights[r] * mean[r] / total - share)
    assert found.total_variation == pytest.approx(float(apart / 2), abs=1e-12)
    assert found.unit == "tokens"


@pytest.mark.parametrize("with_costs", [False, True], ids=["texts", "hours"])
@pytest.mark.parametrize("count", [40, 400])
def test_random_draws_from_a_large_pool_differ_by_chance_alone(count, with_costs):
    random = np.random.default_rng(0)
    regions = random.integers(0, 12, 40_000)
    costs = random.gamma(2.0, size=40_000) if with_costs else np.ones(40_000)
    asked = random.dirichlet(np.ones(12))
    found = [
        compare_draws(count * asked, regions, costs, draw(regions, asked, count, seed), NONE, "hours")
        for seed in range(60)
    ]
    measured = np.mean([one.total_variation for one in found])
    assert np.mean([one.by_chance for one in found]) == pytest.approx(measured, rel=0.12)
    assert not any(one.is_large or one.empty for one in found)


def test_a_region_that_ran_empty_is_named_with_what_was_asked_of_it():
    regions = np.repeat([0, 1, 2], [10, 500, 500])
    asked = np.array([0.8, 0.1, 0.1])
    drawn = draw(regions, asked, 200)
    found = compare_draws(200 * asked, regions, np.ones(1010), drawn, NONE, "texts")
    (empty,) = found.empty
    assert (empty.region, empty.had, empty.chosen) == (0, 10, 10) and empty.asked == pytest.approx(160)
    assert found.total_variation == pytest.approx(0.8 - 10 / 200) and found.is_large
    note = note_on_draw(found, "lower it")
    assert note.startswith("note: regions that ran empty: 0 (asked 160, had 10); ") and note.endswith("; lower it")


@pytest.mark.parametrize(
    "count, empty, said",
    [
        (10, [], None),  # the region still has texts
        (60, [0], "select: regions that ran empty: 0 (asked 15, had 9)"),
        (400, [0], "note: "),
    ],
)
def test_a_small_difference_is_told_and_a_large_one_noted(count, empty, said):
    regions = np.repeat([0, 1, 2], [9, 5000, 5000])
    asked = np.array([0.25, 0.5, 0.25])
    found = compare_draws(count * asked, regions, np.ones(10_009), draw(regions, asked, count), NONE, "texts")
    assert [of.region for of in found.empty] == empty
    note = note_on_draw(found, "do less")
    assert note is None if said is None else note.startswith(said)


def test_near_duplicates_are_spent_and_regions_without_texts_are_empty():
    regions = np.array([0, 0, 0, 1, 1, 1, 1, -1])
    asked = np.array([0.5, 0.3, 0.2])  # region 2 has lost its one text to a filter
    found = compare_draws(4 * asked, regions, np.ones(8), np.array([0, 3, 4, 5]), np.array([1, 2]), "texts")
    assert [(of.region, of.had, of.chosen) for of in found.empty] == [(0, 3, 1), (2, 0, 0)]


def test_all_texts_of_a_region_are_not_too_few_if_no_more_were_asked():
    regions = np.repeat([0, 1], 5)
    found = compare_draws(np.array([5.0, 5.0]), regions, np.ones(10), np.arange(10), NONE, "texts")
    assert found.total_variation == 0 and found.empty == [] and note_on_draw(found, "") is None


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_strategy_says_what_it_asks_of_its_regions(name):
    """From a large pool, a draw is near what was asked for; a region without texts is asked for by `active` alone."""
    random = np.random.default_rng(2)
    regions = random.integers(0, 6, 30_000)
    numbers = uniform_numbers([str(i) for i in range(30_000)], 0)
    columns = {"distances": random.random(30_000), "importance": random.normal(size=30_000)}
    sizes = np.bincount(regions)
    some = np.where(regions == 5, -1, regions)
    of = Candidates(some, sizes, numbers, np.arange(1.0, 7.0), predicted=random.random(30_000), **columns)
    order = put_in_order(name, of, 1.0, random)
    asked = np.bincount(regions, order.probabilities) if order.asked is None else order.asked
    assert asked.sum() == pytest.approx(1)
    found = compare_draws(300 * asked, some, np.ones(30_000), spend(order.rows, np.ones(30_000), 300), NONE, "texts")
    if name == "active":
        assert [of.region for of in found.empty] == [5] and found.total_variation > 6 / 21 - 0.05
    else:
        assert found.empty == [] and not found.is_large
