"""Neighbours against brute force in float64, whatever the size of the pieces."""

import numpy as np
import pytest

from saladkit.selection.coverage import DENSITY_NEIGHBOURS, SPOKEN_NEIGHBOURS, density_ratio
from saladkit.selection.embedders.embedder import unit
from saladkit.selection.neighbours import RECALL, nearest
from saladkit.selection.vectors import BYTES, Vectors, mean_of

WIDTH = 8
PLENTY = 1 << 30


def draw(count, seed, spread=1.0, centre=0.0):
    random = np.random.default_rng(seed)
    return unit(centre + spread * random.normal(size=(count, WIDTH)))


def brute_force(queries, corpus, k):
    distances = 1 - queries.astype(np.float64) @ corpus.astype(np.float64).T
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), order


@pytest.mark.parametrize("memory", [PLENTY, BYTES * WIDTH * 20, BYTES * WIDTH * 2])
def test_nearest_neighbours_are_those_of_brute_force_in_whatever_memory(memory):
    queries, corpus = draw(37, 1), draw(53, 2)
    found = nearest(Vectors([queries[:5], queries[5:]]), Vectors([corpus[:50], corpus[50:]]), 4, memory=memory)
    distances, rows = brute_force(queries, corpus, 4)
    assert np.array_equal(found.rows, rows)
    np.testing.assert_allclose(found.distances, distances, atol=1e-6)
    assert found.recall is None


def test_beyond_the_stated_size_the_recall_is_measured():
    queries, corpus = draw(300, 3), draw(4000, 4)
    found = nearest(Vectors([queries]), Vectors([corpus]), 2, memory=PLENTY, exact_up_to=3999)
    _, rows = brute_force(queries, corpus, 2)
    assert found.recall == pytest.approx((found.rows[:, 0] == rows[:, 0]).mean(), abs=0.01)
    assert found.recall >= RECALL - 0.05
    exact = nearest(Vectors([queries]), Vectors([corpus]), 2, memory=PLENTY, exact_up_to=4000)
    assert np.array_equal(exact.rows, rows) and exact.recall is None


def test_vectors_in_float16_are_centred_and_read_in_slices():
    stored = [draw(count, count).astype(np.float16) for count in (5, 1, 7)]
    centre = mean_of(stored)
    whole = np.concatenate(stored).astype(np.float32)
    expected = unit(whole - whole.mean(axis=0))
    vectors = Vectors(stored, centre)
    assert len(vectors) == 13
    np.testing.assert_allclose(vectors.rows(3, 8), expected[3:8], atol=1e-6)
    np.testing.assert_allclose(vectors.take(np.array([12, 0, 5, 5])), expected[[12, 0, 5, 5]], atol=1e-6)
    pieces = list(vectors.chunks(BYTES * WIDTH * 4))
    assert [begin for begin, _ in pieces] == [0, 4, 8, 12]
    np.testing.assert_allclose(np.concatenate([piece for _, piece in pieces]), expected, atol=1e-6)


def test_the_density_ratio_orders_places_where_no_text_is_spoken():
    """Three places: the pool has as many texts in each; all speech is in the first, and the second is nearer to it."""
    here, near, far = (
        4 * unit(np.array([place]))[0] for place in ([1.0] + [0] * 7, [0.7, 0.7] + [0] * 6, [0, 0, 1.0] + [0] * 5)
    )
    pool = np.concatenate([draw(200, 1, centre=here), draw(200, 2, centre=near), draw(200, 4, centre=far)])
    speech = draw(400, 3, centre=here)
    ratio = density_ratio(Vectors([pool]), Vectors([speech]), memory=PLENTY, seed=0)
    medians = [np.median(of_place) for of_place in np.split(ratio, 3)]
    # Around `here` are 200 of the pool's 600 texts and all 400 spoken texts: the ratio of the shares is 1/3.
    assert medians[0] == pytest.approx(1 / 3, rel=0.35)
    assert medians[0] < medians[1] < medians[2]
    assert medians[2] > 200 / 600 / (SPOKEN_NEIGHBOURS / 400) * 0.8
    assert all(len(set(of_place)) > 20 for of_place in np.split(ratio, 3)[1:])


@pytest.mark.parametrize("spoken", [1, 3, 20, 400])
def test_density_ratios_equal_those_of_a_slow_loop(spoken):
    pool, speech = draw(120, 5), draw(spoken, 6, centre=np.ones(WIDTH))
    found = density_ratio(Vectors([pool]), Vectors([speech]), memory=PLENTY, seed=0)
    both = np.concatenate([pool, speech]).astype(np.float64)
    reached_further = 0
    for row, ratio in enumerate(found):
        distances = 1 - both @ pool[row].astype(np.float64)
        distances[row] = np.inf
        order = np.argsort(distances, kind="stable")[:-1]
        places_of_speech = np.flatnonzero(order >= 120)
        size = max(DENSITY_NEIGHBOURS, places_of_speech[min(SPOKEN_NEIGHBOURS, spoken) - 1] + 1)
        reached_further += size > DENSITY_NEIGHBOURS
        counts = (order[:size] < 120).sum(), (order[:size] >= 120).sum()
        assert ratio == pytest.approx((counts[0] + 0.5) / 120 / ((counts[1] + 0.5) / spoken), rel=1e-5)
    assert 0 < reached_further if spoken == 400 else 40 < reached_further
