"""Place the regions of a text pool, and the texts in them, on a plane.

A region is a disc whose area is in proportion to its texts. Similar regions lie near each other: their centroids are
placed by multidimensional scaling, and overlapping discs are pushed apart. In its disc, a text lies the farther out the
farther its embedding is from the centroid; the direction means nothing. So no text hides another.
"""

import numpy as np
from scipy.spatial import KDTree

STEPS = 150  # of the scaling; its stress hardly falls after 100
PUSHES = 400  # at most, until no two discs overlap
PULL, PULLS, PUSHES_A_PULL = 0.96, 40, 12  # how far all discs are drawn to the middle, how often, and pushes after each
PUSH = 0.25  # share of an overlap by which a disc gives way; by half of it, discs in a crowd are thrown past each other
SPACE = 1.06  # radius that a disc keeps free, in units of its own
FILL = 0.55  # share of the plane that the discs take before they are pushed apart
GOLDEN = np.pi * (3 - np.sqrt(5))  # angle between successive seeds of a sunflower, which fill a disc evenly


def place_regions(centroids: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of the regions' discs, float64 [K, 2], and their radii, float64 [K].

    Args:
        centroids: float [K, D].
        texts: number of texts of each region, [K].
    """
    radii = np.sqrt(np.maximum(texts, 1) / np.pi)
    centres = scaled(centroids.astype(np.float64))
    spread = np.sqrt((centres**2).sum(axis=1).mean()) or 1.0
    wanted = np.sqrt((radii**2).sum() / FILL / 2)  # the mean square distance of a disc of that area from its middle
    return _apart(centres * (wanted / spread), radii * SPACE), radii


def place_texts(distances: np.ndarray) -> np.ndarray:
    """Return the places of the texts of one region around its centre, in units of sqrt(texts / pi), float64 [n, 2].

    Args:
        distances: of each text's embedding from the centroid, [n].
    """
    order = np.empty(len(distances))
    order[np.argsort(distances, kind="stable")] = np.arange(len(distances))
    radius, angle = np.sqrt((order + 0.5) / np.pi), order * GOLDEN
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def scaled(points: np.ndarray) -> np.ndarray:
    """Return places on a plane whose distances are as near as possible to those of `points`, float64 [K, 2].

    Metric multidimensional scaling by majorization (SMACOF; Borg and Groenen, Modern Multidimensional Scaling, 8.6),
    from the first two principal components.
    """
    centred = points - points.mean(axis=0)
    wanted = _distances(centred)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes * np.where(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)] < 0, -1, 1)[:, None]  # one sign
    plane = np.zeros((len(points), 2))
    plane[:, : min(2, len(axes))] = centred @ axes[:2].T
    for _ in range(STEPS):
        found = _distances(plane)
        ratio = np.divide(wanted, found, out=np.zeros_like(found), where=found > 1e-12)
        plane = (ratio.sum(axis=1)[:, None] * plane - ratio @ plane) / max(len(points), 1)
    return plane


def _distances(points: np.ndarray) -> np.ndarray:
    squares = (points**2).sum(axis=1)
    return np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * points @ points.T, 0))


def _apart(centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Push discs apart where they overlap, while all are drawn together so that no room is wasted."""
    # Discs in the same place have no direction: give each a little of its own, that of a sunflower's seed.
    angle, out = np.arange(len(centres)) * GOLDEN, np.sqrt(np.arange(len(centres)) + 0.5)
    centres = centres + 1e-3 * (radii * out)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centres = _pushed(centres, radii, PUSHES)
    for _ in range(PULLS):
        centres = _pushed(PULL * centres, radii, PUSHES_A_PULL)
    return _pushed(centres, radii, PUSHES)


def _pushed(centres: np.ndarray, radii: np.ndarray, pushes: int) -> np.ndarray:
    """Move each of two overlapping discs by a part of their overlap, this often or until none overlap."""
    for _ in range(pushes):
        first, second = KDTree(centres).query_pairs(2 * radii.max(), output_type="ndarray").T
        between = centres[first] - centres[second]
        distance = np.sqrt((between**2).sum(axis=1))
        overlap = np.maximum(radii[first] + radii[second] - distance, 0)
        if overlap.max(initial=0) < 1e-3 * radii.min():
            break
        push = (PUSH * overlap / np.maximum(distance, 1e-12))[:, None] * between
        moved = centres.copy()
        np.add.at(moved, first, push)
        np.add.at(moved, second, -push)
        centres = moved
    return centres
