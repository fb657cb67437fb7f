"""Balanced k-means against scikit-learn, and against the bounds that balance promises."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from saladkit.selection.balancing import Bounds, balancing_prices, bounds, keep_bounds
from saladkit.selection.clustering import balanced_kmeans
from saladkit.selection.embedders.embedder import unit
from saladkit.selection.vectors import Vectors
from saladkit.settings.regions import RegionsSettings

BALANCE = RegionsSettings.balance
CUT = {"iterations": 20, "seed": 0, "spherical": True, "balance": BALANCE}


def draw_vectors(counts, spread, seed=0, width=8):
    """Unit vectors around one direction a group."""
    random = np.random.default_rng(seed)
    centres = np.eye(width)[: len(counts)]
    pieces = [c + spread * random.normal(size=(n, width)) for c, n in zip(centres, counts, strict=True)]
    return unit(np.concatenate(pieces)), np.repeat(np.arange(len(counts)), counts)


def cut(vectors, clusters, **settings):
    return balanced_kmeans(Vectors([vectors]), clusters, **(CUT | settings))


@pytest.mark.parametrize("spherical", [True, False])
def test_groups_of_one_size_are_found(spherical):
    vectors, groups = draw_vectors([50, 50, 50, 50], 0.05)
    centroids, assignment = cut(vectors, 4, spherical=spherical)
    assert len(set(zip(groups.tolist(), assignment.tolist(), strict=True))) == 4
    lengths = np.linalg.norm(centroids, axis=1)
    if spherical:
        np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    else:  # a mean of unit vectors is shorter than they are
        means = [vectors[assignment == cluster].mean(axis=0) for cluster in range(4)]
        np.testing.assert_allclose(centroids, means, atol=1e-6)
        assert (lengths < 1).all()


def test_crowded_clusters_give_rows_away():
    vectors, _ = draw_vectors([400, 40, 40], 0.4)
    sizes = np.bincount(cut(vectors, 6)[1], minlength=6)
    assert sizes.max() / sizes.min() <= BALANCE
    plain = np.bincount(cut(vectors, 6, balance=np.inf)[1], minlength=6)
    assert plain.max() / plain.min() > BALANCE


def test_plain_k_means_is_as_good_as_scikit_learns():
    """The mean squared distance to the centroids is at most 5 % above that of ten starts there."""
    vectors, _ = draw_vectors([300, 200, 100, 60, 40], 0.3, width=16)
    centroids, assignment = cut(vectors, 5, spherical=False, balance=np.inf, iterations=50)
    ours = ((vectors - centroids[assignment]) ** 2).sum()
    theirs = KMeans(5, n_init=10, random_state=0).fit(vectors).inertia_
    assert ours <= 1.05 * theirs


@pytest.mark.parametrize("same", [1.0, 0.4])
def test_equal_texts_are_moved_one_by_one(same):
    """Prices cannot separate equal rows, so single rows are moved."""
    vectors, _ = draw_vectors([200, 200], 0.5)
    vectors[: int(400 * same)] = vectors[0]
    sizes = np.bincount(cut(vectors, 8)[1], minlength=8)
    assert sizes.max() / sizes.min() <= BALANCE


@pytest.mark.parametrize("rows, clusters", [(7, 7), (9, 7), (13, 7), (14, 7), (100, 7), (1000, 128)])
def test_sizes_are_as_even_as_whole_numbers_allow(rows, clusters):
    vectors, _ = draw_vectors([rows], 1.0)
    sizes = np.bincount(cut(vectors, clusters)[1], minlength=clusters)
    allowed = bounds(rows, clusters, BALANCE)
    assert allowed.low <= sizes.min() and sizes.max() <= allowed.high
    assert allowed.high / allowed.low <= max(BALANCE, np.ceil(rows / clusters) / (rows // clusters))


def test_more_vectors_than_are_drawn_keep_the_bounds(monkeypatch):
    monkeypatch.setattr("saladkit.selection.clustering.POINTS_PER_CENTROID", 20)
    vectors, _ = draw_vectors([2000, 300, 200], 0.3)
    sizes = np.bincount(cut(vectors, 10)[1], minlength=10)
    assert sizes.sum() == 2500
    assert sizes.max() / sizes.min() <= BALANCE


def test_the_same_seed_cuts_the_same_regions_whatever_the_shards():
    vectors, _ = draw_vectors([100, 60], 0.3)
    whole = cut(vectors, 5, seed=3)
    shards = balanced_kmeans(Vectors([vectors[:30], vectors[30:31], vectors[31:]]), 5, **(CUT | {"seed": 3}))
    for one, other in zip(whole, shards, strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(whole[1], cut(vectors, 5, seed=4)[1])


def test_prices_even_out_the_sizes():
    random = np.random.default_rng(0)
    costs = (random.random((4000, 8)) * np.linspace(0.5, 1.5, 8)).astype(np.float32)
    uneven, even = (np.bincount((costs + p).argmin(axis=1), minlength=8) for p in (0, balancing_prices(costs)))
    assert uneven.max() / uneven.min() > 3
    assert even.max() / even.min() < 1.2


def test_prices_cost_little_more_than_the_best_balanced_assignment():
    """At most 2 % more than the optimum of the transport problem with equal sizes, found by scipy."""
    from scipy.optimize import linear_sum_assignment

    random = np.random.default_rng(0)
    costs = (random.random((120, 6)) * np.linspace(0.5, 1.5, 6)).astype(np.float32)
    allowed = bounds(120, 6, BALANCE)
    prices = balancing_prices(costs)
    assignment = keep_bounds((costs + prices).argmin(axis=1), 6, allowed, (costs + prices).__getitem__)
    equal = np.repeat(costs, 20, axis=1)  # twenty places a column
    best = equal[linear_sum_assignment(equal)].sum()
    assert costs[np.arange(120), assignment].sum() <= 1.02 * best
    assert costs.min(axis=1).sum() < best


def test_rows_that_lose_least_are_moved():
    costs = np.array([[0, 9], [0, 1], [0, 5], [0, 2], [3, 0]], np.float32)
    moved = keep_bounds(costs.argmin(axis=1), 2, Bounds(2, 3), costs.__getitem__)
    assert moved.tolist() == [0, 1, 0, 0, 1]
    filled = keep_bounds(np.zeros(5, int), 2, Bounds(2, 5), costs.__getitem__)
    assert filled.tolist() == [0, 1, 0, 0, 1]


def test_fewer_vectors_than_clusters_is_refused():
    with pytest.raises(ValueError, match="3 vectors"):
        cut(np.eye(3, dtype=np.float32), 4)
