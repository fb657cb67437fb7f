import numpy as np
import pytest

from saladkit.selection.sampling import draw_per_region, draw_texts, region_probabilities

SIZES = np.array([10, 20, 30, 40])


def test_probabilities_are_the_pools_share_times_the_gap_to_the_power_of_gamma():
    gaps = np.array([0.5, 1.0, 0.0, 2.0])
    for gamma in (0.5, 1.0, 5.0):
        weights = [size * gap**gamma for size, gap in zip(SIZES, gaps, strict=True)]
        expected = np.array(weights) / sum(weights)
        np.testing.assert_allclose(region_probabilities(SIZES, gaps, gamma), expected, rtol=1e-12)
    np.testing.assert_allclose(region_probabilities(SIZES, gaps, 0.0), SIZES / 100, rtol=1e-12)
    np.testing.assert_allclose(region_probabilities(SIZES, None, 0.0), SIZES / 100, rtol=1e-12)


def test_a_large_gamma_neither_overflows_nor_vanishes():
    for scale in (1e-80, 1e80):
        probabilities = region_probabilities(SIZES, np.array([1.0, 2.0, 3.0, 4.0]) * scale, 50.0)
        assert np.isfinite(probabilities).all()
        assert probabilities.argmax() == 3
        assert probabilities.sum() == pytest.approx(1)


def test_negative_gaps_count_as_none():
    assert region_probabilities(SIZES, np.array([-0.1, 1.0, -2.0, 0.0]), 1.0).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("gaps", [None, np.zeros(4), np.full(4, -1.0)])
def test_no_gap_anywhere_is_refused(gaps):
    with pytest.raises(ValueError):
        region_probabilities(SIZES, gaps, 1.0)


def test_regions_are_drawn_as_often_as_their_probability():
    regions = np.repeat(np.arange(4), 5000)
    probabilities = np.array([0.1, 0.2, 0.3, 0.4])
    draws = draw_texts(regions, probabilities, np.ones(len(regions)), 4000, np.random.default_rng(0))
    shares = np.bincount([draw.region for draw in draws], minlength=4) / 4000
    assert np.abs(shares - probabilities).max() < 4 * (0.25 / 4000) ** 0.5
    assert len({draw.row for draw in draws}) == 4000
    assert all(regions[draw.row] == draw.region for draw in draws)
    assert {draw.probability for draw in draws} == set(probabilities)


def test_texts_without_a_region_are_never_drawn_and_empty_regions_end_the_draw():
    regions = np.array([0, -1, 0, 1, -1, 2])
    draws = draw_texts(regions, np.array([0.5, 0.5, 0.0]), np.ones(6), 100, np.random.default_rng(0))
    assert sorted(draw.row for draw in draws) == [0, 2, 3]


def test_the_budget_is_reached_by_the_last_text():
    lengths = np.random.default_rng(0).uniform(1, 5, size=50)
    draws = draw_texts(np.zeros(50, int), np.ones(1), lengths, 40.0, np.random.default_rng(1))
    spent = np.cumsum([lengths[draw.row] for draw in draws])
    assert spent[-2] < 40.0 <= spent[-1]


def test_probes_are_as_many_of_every_region_as_it_has():
    regions = np.array([0] * 9 + [1] * 2 + [-1] * 4 + [2] * 5)
    draws = draw_per_region(regions, 3, 4, np.random.default_rng(0))
    assert np.bincount([draw.region for draw in draws]).tolist() == [4, 2, 4]
    assert len({draw.row for draw in draws}) == 10
