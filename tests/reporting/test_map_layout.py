"""The places of regions and texts on the map, against what they promise."""

import numpy as np
import pytest

from saladkit.reporting.map_layout import SPACE, place_regions, place_texts, scaled


def distances(points):
    """The slow twin: one pair at a time."""
    return np.array([[np.linalg.norm(a - b) for b in points] for a in points])


def test_points_of_a_plane_keep_their_distances():
    plane = np.random.default_rng(0).normal(size=(12, 2))
    turned = plane @ np.linalg.qr(np.random.default_rng(1).normal(size=(6, 2)))[0].T  # a plane in six dimensions
    assert distances(scaled(turned)) == pytest.approx(distances(plane), abs=1e-6)


def test_similar_regions_lie_near_each_other():
    generator = np.random.default_rng(2)
    kinds = np.repeat(np.eye(3, 16), 4, axis=0)
    centres, _ = place_regions(kinds + 0.05 * generator.normal(size=kinds.shape), np.full(12, 50))
    between, kind = distances(centres), np.arange(12) // 4
    for region in range(12):
        own, others = between[region, kind == kind[region]], between[region, kind != kind[region]]
        assert own.sum() / 3 < 0.7 * others.mean()  # without itself


@pytest.mark.parametrize("regions", [1, 2, 12, 60])
def test_no_two_regions_overlap_and_areas_are_in_proportion(regions):
    generator = np.random.default_rng(regions)
    texts = generator.integers(1, 400, regions)
    centres, radii = place_regions(generator.normal(size=(regions, 8)), texts)
    assert np.pi * radii**2 == pytest.approx(texts)
    apart = distances(centres) - (radii[:, None] + radii[None])
    assert regions == 1 or apart[~np.eye(regions, dtype=bool)].min() > -(SPACE - 1) * radii.max()


def test_equal_centroids_have_places_of_their_own():
    centres, _ = place_regions(np.ones((5, 4)), np.full(5, 10))
    assert np.isfinite(centres).all() and distances(centres)[~np.eye(5, dtype=bool)].min() > 1


def test_texts_fill_their_disc_from_the_typical_ones_outwards():
    far = np.random.default_rng(3).random(300)
    places = place_texts(far)
    out = np.linalg.norm(places, axis=1)
    assert (np.argsort(out) == np.argsort(far)).all()
    assert out.max() <= np.sqrt(300 / np.pi)
    nearest = distances(places)[~np.eye(300, dtype=bool)].reshape(300, 299).min(axis=1)
    assert nearest.min() > 0.5, "no text hides another: a text has the area 1"
