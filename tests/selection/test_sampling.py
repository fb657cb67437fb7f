"""Orders of drawing: their probabilities, and that they depend only on ids and seed."""

import numpy as np
import pytest

from saladkit.selection.sampling import (
    by_cap,
    by_region,
    by_share,
    by_weight,
    effective_texts,
    per_region,
    region_probabilities,
    spend,
    uniform_numbers,
)

SIZES = np.array([10, 20, 30, 40])


def numbers(count, seed=0):
    return uniform_numbers([f"row-{i}" for i in range(count)], seed)


def drawn(order):
    return np.concatenate(list(order))


def test_probabilities_are_the_pools_share_times_the_gap_to_the_power_of_gamma():
    gaps = np.array([0.5, 1.0, 0.0, 2.0])
    for gamma in (0.5, 1.0, 5.0):
        weights = [size * gap**gamma for size, gap in zip(SIZES, gaps, strict=True)]
        expected = np.array(weights) / sum(weights)
        np.testing.assert_allclose(region_probabilities(SIZES, gaps, gamma), expected, rtol=1e-12)
    np.testing.assert_allclose(region_probabilities(SIZES, gaps, 0.0), SIZES / 100, rtol=1e-12)


def test_a_large_gamma_neither_overflows_nor_vanishes():
    for scale in (1e-80, 1e80):
        probabilities = region_probabilities(SIZES, np.array([1.0, 2.0, 3.0, 4.0]) * scale, 50.0)
        assert np.isfinite(probabilities).all()
        assert probabilities.argmax() == 3
        assert probabilities.sum() == pytest.approx(1)


def test_negative_gaps_count_as_zero():
    assert region_probabilities(SIZES, np.array([-0.1, 1.0, -2.0, 0.0]), 1.0).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("gaps", [np.zeros(4), np.full(4, -1.0)])
def test_no_gap_anywhere_is_refused(gaps):
    with pytest.raises(ValueError):
        region_probabilities(SIZES, gaps, 1.0)


def test_numbers_are_uniform_and_depend_on_the_id_alone():
    found = numbers(20_000)
    assert 0 < found.min() and found.max() < 1
    assert np.abs(np.sort(found) - (np.arange(20_000) + 0.5) / 20_000).max() < 1.63 / 20_000**0.5  # Kolmogorov, 1 %
    assert found[7] == uniform_numbers(["row-7"], 0)[0] != uniform_numbers(["row-7"], 1)[0]


def test_regions_are_drawn_as_often_as_their_probability():
    regions = np.repeat(np.arange(4), 5000)
    probabilities = np.array([0.1, 0.2, 0.3, 0.4])
    order = drawn(by_region(regions, probabilities, numbers(20_000), np.random.default_rng(0)))
    shares = np.bincount(regions[order[:4000]], minlength=4) / 4000
    assert np.abs(shares - probabilities).max() < 4 * (0.25 / 4000) ** 0.5
    assert np.sort(order).tolist() == list(range(20_000))


def test_within_a_region_every_text_is_as_likely():
    """The first text drawn of ten, over a thousand seeds: chi squared of 9 degrees under its 99.9th percentile."""
    regions = np.zeros(10, int)
    firsts = [
        next(by_region(regions, np.ones(1), numbers(10, seed), np.random.default_rng(seed)))[0] for seed in range(1000)
    ]
    assert ((np.bincount(firsts, minlength=10) - 100) ** 2 / 100).sum() < 27.9


def test_texts_without_a_region_are_never_drawn_and_empty_regions_end_the_draw():
    regions = np.array([0, -1, 0, 1, -1, 2])
    order = drawn(by_region(regions, np.array([0.5, 0.5, 0.0]), numbers(6), np.random.default_rng(0)))
    assert sorted(order) == [0, 2, 3]
    assert sorted(by_share(regions, numbers(6))) == sorted(by_cap(regions, numbers(6))) == [0, 2, 3, 5]


def test_the_first_by_weight_is_drawn_by_its_weight():
    weights = np.array([1.0, 2.0, 3.0, 0.0])
    with np.errstate(divide="ignore"):
        firsts = [by_weight(np.log(weights), numbers(4, seed))[:2] for seed in range(4000)]
    shares = np.bincount([first for first, _ in firsts], minlength=4) / 4000
    assert np.abs(shares - weights / 6).max() < 4 * (0.25 / 4000) ** 0.5
    # The second is drawn by weight among those left: after the heaviest, the others are 1 to 2.
    seconds = [second for first, second in firsts if first == 2]
    assert np.mean(np.array(seconds) == 1) == pytest.approx(2 / 3, abs=4 * (0.25 / len(seconds)) ** 0.5)


def test_log_weights_may_exceed_the_exponents_of_floats():
    order = by_weight(np.array([-5000.0, 3000.0, -np.inf, 0.0]), numbers(4))
    assert order.tolist() == [1, 3, 0]


def test_every_beginning_holds_the_regions_by_their_shares():
    regions = np.repeat([0, 1, 2], [100, 200, 700])
    order = by_share(regions, numbers(1000))
    for count in (10, 55, 333, 1000):
        found = np.bincount(regions[order[:count]], minlength=3)
        assert np.abs(found - np.array([0.1, 0.2, 0.7]) * count).max() <= 1 + 1e-9


def test_a_cap_takes_small_regions_whole_and_as_much_of_each_large_one():
    """MetaCLIP: of a region with n texts each is kept with probability min(1, t / n)."""
    regions = np.repeat([0, 1, 2], [50, 2000, 8000])
    order = by_cap(regions, numbers(10_050))
    found = np.bincount(regions[order[:850]], minlength=3)
    assert found[0] == 50
    assert np.abs(found[1:] - 400).max() < 4 * 400**0.5


def test_the_budget_is_reached_by_the_last_text():
    lengths = np.random.default_rng(0).uniform(1, 5, size=50)
    for piece in (1, 7, 50):
        rows = spend(np.array_split(np.arange(50), 50 // piece), lengths, 40.0)
        spent = np.cumsum(lengths[rows])
        assert spent[-2] < 40.0 <= spent[-1]
        assert rows.tolist() == list(range(len(rows)))
    assert len(spend([np.arange(50)], np.ones(50), 7)) == 7
    assert len(spend([np.arange(50)], lengths, 1e9)) == 50


def test_probes_are_as_many_of_every_region_as_it_has():
    regions = np.array([0] * 9 + [1] * 2 + [-1] * 4 + [2] * 5)
    rows = per_region(regions, 3, 4, numbers(20))
    assert regions[rows].tolist() == [0] * 4 + [1] * 2 + [2] * 4
    assert len(set(rows.tolist())) == 10


@pytest.mark.parametrize("order", [by_share, by_cap, lambda r, u: per_region(r, 4, 3, u)])
def test_the_order_of_the_pool_changes_nothing(order):
    regions, uniform = np.random.default_rng(0).integers(-1, 4, 60), numbers(60)
    shuffled = np.random.default_rng(1).permutation(60)
    assert np.array_equal(shuffled[order(regions[shuffled], uniform[shuffled])], order(regions, uniform))


def test_effective_texts_equal_the_drawn_ones_of_even_draws():
    even = np.full(200, 1 / 200)
    assert effective_texts(even, np.arange(50)) == pytest.approx(50)
    skewed = np.random.default_rng(0).random(200) ** 8
    assert effective_texts(skewed / skewed.sum(), np.arange(200)) == 200
    drawn = by_weight(np.log(skewed), numbers(200))[:50]
    assert 1 <= effective_texts(skewed / skewed.sum(), drawn) < 30


def test_the_chances_to_be_drawn_are_about_right():
    """Kish's formula over chances that are counted in 4,000 draws of 10 of 40."""
    weights = np.random.default_rng(1).random(40) ** 2
    drawn = [by_weight(np.log(weights), numbers(40, seed))[:10] for seed in range(4000)]
    chances = np.bincount(np.concatenate(drawn), minlength=40) / 4000
    rows = drawn[0]
    exact = (1 / chances[rows]).sum() ** 2 / (1 / chances[rows] ** 2).sum()
    assert effective_texts(weights / weights.sum(), rows) == pytest.approx(exact, rel=0.1)
