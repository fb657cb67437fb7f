"""The map as data for the page's script: small whole numbers in base64, so that 100,000 dots take under 1 MB."""

from base64 import b64encode

import numpy as np

from saladkit.reporting.pool_map import PoolMap

SIDE = 65535  # of the square in which places are whole numbers
LEVELS = 254  # of the distance to speech, in one byte


def map_data(view: PoolMap) -> dict:
    """Return what `templates/map.js` reads."""
    low, high = view.places.min(axis=0), view.places.max(axis=0)
    scale = SIDE / max(float((high - low).max()), 1e-9)
    centre = (low + high) / 2

    def on_square(places: np.ndarray) -> np.ndarray:
        return np.clip((places - centre) * scale + SIDE / 2, 0, SIDE)

    return {
        "side": SIDE,
        "x": _packed(on_square(view.places)[:, 0], "<u2"),
        "y": _packed(on_square(view.places)[:, 1], "<u2"),
        "region": _packed(view.region, "<u2"),
        "distance": None if view.distance is None else _packed(_levels(view.distance), "u1"),
        "distances": None if view.distance is None else [float(view.distance.min()), float(view.distance.max())],
        "ids": view.ids,
        "words": {str(dot): words for dot, words in view.words.items()},
        "regions": [
            {
                "name": region.name,
                "texts": region.texts,
                "centre": on_square(np.array([region.centre]))[0].round().tolist(),
                "gap": region.gap,
            }
            for region in view.regions
        ],
        "selections": [
            {"name": selection.name, "reasons": {str(dot): why for dot, why in selection.reasons.items()}}
            for selection in view.selections
        ],
        "levels": LEVELS,
        "unit": view.unit,
    }


def _levels(distance: np.ndarray) -> np.ndarray:
    low, high = distance.min(), distance.max()
    return (distance - low) / max(high - low, 1e-9) * LEVELS


def _packed(values: np.ndarray, kind: str) -> str:
    return b64encode(np.round(values).astype(kind).tobytes()).decode()
