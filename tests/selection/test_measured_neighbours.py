"""Predictions from probes against a loop, and the meaning of their uncertainty."""

import numpy as np
import pytest

from saladkit.selection.embedders.embedder import unit
from saladkit.selection.measured_neighbours import NEIGHBOURS, predict
from saladkit.selection.vectors import Vectors


def draw(count, seed):
    return unit(np.random.default_rng(seed).normal(size=(count, 6)))


def test_predictions_equal_those_of_a_slow_loop():
    probes, texts = draw(40, 1), draw(9, 2)
    figures, tokens = np.random.default_rng(3).normal(size=40), np.random.default_rng(4).uniform(5, 50, 40)
    found = predict(Vectors([texts]), probes, figures, tokens)

    weights, overall = tokens / tokens.mean(), np.average(figures, weights=tokens)
    apart = 1 - probes.astype(np.float64) @ probes.T.astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    bandwidth = np.median(np.sort(apart, axis=1)[:, NEIGHBOURS - 1])

    def one(distances):
        near = np.argsort(distances)[:NEIGHBOURS]
        shares = weights[near] * np.exp(-distances[near] / bandwidth)
        return (shares @ figures[near] + overall) / (shares.sum() + 1), shares.sum() + 1

    residual = figures - np.array([one(apart[row])[0] for row in range(40)])
    spread = np.sqrt(np.average(residual**2, weights=weights))
    for row, text in enumerate(texts.astype(np.float64)):
        mean, total = one(1 - probes @ text)
        assert found.mean[row] == pytest.approx(mean, rel=1e-4)
        assert found.uncertainty[row] == pytest.approx(spread / total**0.5, rel=1e-4)
    variance = np.average((figures - overall) ** 2, weights=weights)
    assert found.leave_one_out_r2 == pytest.approx(1 - spread**2 / variance, rel=1e-4)


def test_misalignment_is_predicted_from_near_probes_and_uncertain_far_away():
    directions = np.eye(6)[:3]
    random = np.random.default_rng(0)
    probes = unit(np.repeat(directions[:2], 40, axis=0) + 0.1 * random.normal(size=(80, 6)))
    figures = np.repeat([2.0, 0.0], 40) + 0.1 * random.normal(size=80)
    found = predict(Vectors([unit(directions)]), probes, figures, np.ones(80))
    assert found.mean[0] > 1.7 and found.mean[1] < 0.3
    assert found.mean[2] == pytest.approx(1, abs=0.1)  # nobody has measured there
    assert found.uncertainty[2] > 2 * found.uncertainty[0]
    assert found.leave_one_out_r2 > 0.8


def test_too_few_probes_are_refused():
    with pytest.raises(ValueError):
        predict(Vectors([draw(3, 0)]), draw(2, 1), np.ones(2), np.ones(2))
