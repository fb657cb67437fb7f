import numpy as np
import pytest

from saladkit.selection.clustering import BALANCE, balanced_assignment, balanced_kmeans
from saladkit.selection.embedding import normalise
from saladkit.selection.keywords import keywords
from saladkit.selection.neighbours import nearest


def draw_vectors(counts, spread, seed=0):
    """Unit vectors around one direction a group."""
    random = np.random.default_rng(seed)
    centres = np.eye(8)[: len(counts)]
    vectors = np.concatenate([c + spread * random.normal(size=(n, 8)) for c, n in zip(centres, counts, strict=True)])
    return normalise(vectors, np.zeros(8)), np.repeat(np.arange(len(counts)), counts)


def test_groups_of_one_size_are_found():
    vectors, groups = draw_vectors([50, 50, 50, 50], 0.05)
    centroids, assignment = balanced_kmeans(vectors, 4, iterations=20, seed=0)
    assert len(set(zip(groups.tolist(), assignment.tolist(), strict=True))) == 4
    np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 1, rtol=1e-5)


def test_a_crowd_is_shared_out():
    vectors, _ = draw_vectors([400, 40, 40], 0.4)
    _, assignment = balanced_kmeans(vectors, 6, iterations=20, seed=0)
    sizes = np.bincount(assignment, minlength=6)
    assert sizes.max() / sizes.min() <= BALANCE


def test_the_same_seed_cuts_the_same_regions():
    vectors, _ = draw_vectors([100, 60], 0.3)
    first, again = (balanced_kmeans(vectors, 5, iterations=10, seed=3) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_prices_are_not_paid_where_sizes_are_even():
    costs = np.random.default_rng(0).random((40, 4)).astype(np.float32)
    best = costs.argmin(axis=1)
    assert np.array_equal(balanced_assignment(costs, balance=np.inf), best)


def test_fewer_vectors_than_clusters_is_refused():
    with pytest.raises(ValueError, match="3 vectors"):
        balanced_kmeans(np.eye(3, dtype=np.float32), 4, iterations=1, seed=0)


def test_nearest_neighbours_are_those_of_a_loop():
    queries, _ = draw_vectors([30], 1.0, seed=1)
    corpus, _ = draw_vectors([40], 1.0, seed=2)
    distances, found = nearest(queries, corpus)
    for query, distance, index in zip(queries.astype(np.float64), distances, found, strict=True):
        exact = [1 - float(query @ row) for row in corpus.astype(np.float64)]
        assert index == int(np.argmin(exact))
        assert distance == pytest.approx(min(exact), abs=1e-6)


def test_keywords_set_a_cluster_apart():
    texts = ["the oboe and the flute", "the flute of wood", "the comet and the moon", "the moon of ice"]
    found = keywords(texts, np.array([0, 0, 1, 1]), 2, count=2)
    assert found[0][0] == "flute"
    assert found[1][0] == "moon"
