"""Fits recover the power laws and lines that data were made from."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from saladkit.scoring.scaling_law import fit_power_law, power_law_intervals, relate, residual_intervals

POSITIONS = np.array([1e6, 2e6, 5e6, 1e7, 3e7, 1e8])


@pytest.mark.parametrize("floor, scale, exponent", [(0.13, 50.0, 0.4), (0.0, 3e4, 0.9), (0.04, 2.0, 0.15)])
def test_a_power_law_is_found_again(floor, scale, exponent):
    law = fit_power_law(POSITIONS, floor + scale * POSITIONS**-exponent)
    assert law.exponent == pytest.approx(exponent, rel=2e-2)
    assert law.floor == pytest.approx(floor, abs=5e-3)
    assert law(POSITIONS) == pytest.approx(floor + scale * POSITIONS**-exponent, rel=2e-3)


def test_it_is_the_least_squares_fit():
    random = np.random.default_rng(0)
    noisy = 0.2 + 40 * POSITIONS**-0.35 + 0.003 * random.normal(size=len(POSITIONS))
    law = fit_power_law(POSITIONS, noisy)

    def curve(d, floor, scale, exponent):
        return floor + scale * (d / 1e6) ** -exponent

    best, _ = curve_fit(curve, POSITIONS, noisy, p0=[0.1, 0.3, 0.4], bounds=(0, [2, 5, 4]))
    ours, theirs = (((values - noisy) ** 2).sum() for values in (law(POSITIONS), curve(POSITIONS, *best)))
    assert ours <= 1.001 * theirs


def test_misalignment_that_grows_has_no_falling_part():
    law = fit_power_law(POSITIONS, np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    assert law.scale * POSITIONS[0] ** -law.exponent == pytest.approx(0, abs=1e-6)
    assert law.floor == pytest.approx(0.35)


def test_two_different_amounts_of_training_are_too_few():
    with pytest.raises(ValueError, match="three"):
        fit_power_law(np.array([1.0, 1.0, 2.0]), np.array([3.0, 2.0, 1.0]))


def test_intervals_are_over_items():
    random = np.random.default_rng(1)
    hardness = random.gamma(4.0, 0.25, size=200)
    values = (0.2 + 40 * POSITIONS**-0.35)[:, None] * hardness + 0.02 * random.normal(size=(6, 200))
    found = power_law_intervals(POSITIONS, values, np.ones_like(values), resamples=60)
    for name, truth in (("floor", 0.2), ("exponent", 0.35)):
        assert found[name].low <= found[name].value <= found[name].high
        assert found[name].low <= truth <= found[name].high
        assert found[name].items == 200


def test_three_checkpoints_have_no_interval():
    random = np.random.default_rng(2)
    assert all(np.isnan(e.low) for e in residual_intervals(POSITIONS[:3], np.array([0.5, 0.4, 0.36])).values())
    held = 0
    for seed in range(40):
        noisy = 0.2 + 40 * POSITIONS**-0.35 + 0.01 * random.normal(size=len(POSITIONS))
        found = residual_intervals(POSITIONS, noisy, resamples=100, seed=seed)["floor"]
        held += found.low <= 0.2 <= found.high
    assert held >= 30  # of 40, at 95 %: three numbers of six points


def test_a_line_and_each_point_left_out():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    y = np.array([1.0, 3.1, 4.9, 7.0])
    found = relate(x, y)
    assert (found.slope, found.intercept) == pytest.approx(tuple(np.polyfit(x, y, 1)))
    assert found.r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    # PRESS by the hat matrix.
    design = np.column_stack([np.ones(4), x])
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    press = (((y - hat @ y) / (1 - np.diag(hat))) ** 2).sum()
    assert found.r2_left_out == pytest.approx(1 - press / ((y - y.mean()) ** 2).sum())
    assert found.r2_left_out < found.r2
    with pytest.raises(ValueError):
        relate(x[:2], y[:2])
