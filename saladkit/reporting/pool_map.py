"""The map of a text pool: a dot for each text in the disc of its region, its gap, coverage and why it was chosen."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.records import damaged
from saladkit.formats.regions import POOL, SCHEMA, Regions
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.formats.samples import take_rows
from saladkit.formats.tensors import Tensors
from saladkit.reporting.inventory import Found, Inventory
from saladkit.reporting.map_layout import place_regions, place_texts
from saladkit.reporting.region_gaps import RegionGaps
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples

DOTS = 100_000  # texts that are drawn
TEXTS = 20_000  # of which the page has the words
LARGEST = 1_000_000  # texts of a pool that is read for their words
LETTERS = 160  # of each text
SELECTIONS = 8  # that are marked
KEYWORDS = 3  # that name a region
REASONS = ("strategy", "region_probability", "text_probability", "draw", "predicted_duration")


@dataclass(frozen=True)
class MapRegion:
    """One region on the map: its centre and its figures; `gap` is None where none was measured."""

    name: str
    texts: int
    centre: tuple[float, float]
    gap: float | None
    speech_share: float | None


@dataclass(frozen=True)
class MapSelection:
    """The texts that one selection took: row on the map -> why."""

    name: str
    reasons: dict[int, dict]


@dataclass(frozen=True)
class PoolMap:
    """All that the map shows. Arrays have one entry for each dot.

    Attributes:
        source: name of the regions artefact.
        pool: number of texts in the pool, of which some may not be drawn.
        places: float64 [n, 2].
        region: index in `regions`, int [n].
        distance: cosine distance to the nearest spoken text, float [n]; None without speech.
        ids: id of each text.
        words: the beginning of the texts by dot, of as many as the page has room for.
        metric, unit: name and unit of the regions' gap; None where none was measured.
    """

    source: str
    pool: int
    regions: list[MapRegion]
    places: np.ndarray
    region: np.ndarray
    distance: np.ndarray | None
    ids: list[str]
    words: dict[int, str]
    selections: list[MapSelection]
    metric: str | None
    unit: str | None


def pool_map(inventory: Inventory, gaps: RegionGaps | None) -> PoolMap | None:
    """Return the map of the regions that the gaps are of, or of the run's first; None without regions.

    Raises:
        SaladError: the regions are damaged.
    """
    source = inventory.by_digest(SCHEMA, gaps.source) if gaps else next(iter(inventory.of_schema(SCHEMA)), None)
    if source is None:
        return None
    opened = Regions.open(source.path)
    chosen = _selections(inventory, source)
    ids = opened.texts.column("id").to_pylist()
    shown = _shown(ids, chosen)
    dot_of = {ids[row]: dot for dot, row in enumerate(shown)}
    region = opened.texts.column("region").to_numpy()[shown]
    regions, centres = _regions(opened, gaps)
    distance = opened.texts.column("distance_to_speech")
    return PoolMap(
        source.name,
        len(ids),
        regions,
        _places(opened, shown, region, centres),
        region,
        None if distance.null_count else distance.to_numpy()[shown].astype(np.float64),
        [ids[row] for row in shown],
        _words(source, chosen, dot_of, [ids[row] for row in shown], shown),
        [MapSelection(name, _reasons(rows, dot_of)) for name, rows in chosen.items()],
        gaps.metric.name if gaps else None,
        gaps.metric.unit if gaps else None,
    )


def _selections(inventory: Inventory, source: Found) -> dict[str, list[dict]]:
    """Return the rows of each selection from these regions, without their audio."""
    artefacts = [
        artefact
        for artefact in inventory.of_schema(SAMPLES)
        if artefact.manifest["verb"] == "select" and artefact.reads("regions") == source.digest
    ]
    return {
        artefact.name: read_samples(str(artefact.path), needed=["id"], optional=["text", *REASONS]).to_pylist()
        for artefact in artefacts[:SELECTIONS]
    }


def _shown(ids: list[str], chosen: dict[str, list[dict]]) -> np.ndarray:
    """Return the rows that are drawn, ascending: all, or the chosen ones and evenly spaced others."""
    if len(ids) <= DOTS:
        return np.arange(len(ids))
    taken = {row["id"] for rows in chosen.values() for row in rows}
    is_chosen = np.fromiter((id_ in taken for id_ in ids), dtype=bool, count=len(ids))
    others = np.flatnonzero(~is_chosen)
    room = max(DOTS - int(is_chosen.sum()), 0)
    return np.sort(np.concatenate([np.flatnonzero(is_chosen), others[np.arange(room) * len(others) // max(room, 1)]]))


def _regions(opened: Regions, gaps: RegionGaps | None) -> tuple[list[MapRegion], np.ndarray]:
    """Return the regions by number, and the centres of their discs."""
    table = sorted(opened.table, key=lambda row: row["region"])
    of_region = {row.region: row for row in gaps.rows} if gaps else {}
    centroids = Tensors(opened.artefact.path / "clusters.safetensors").whole("centroids")
    centres, _ = place_regions(centroids, np.array([row["texts"] for row in table]))
    found = []
    for row, centre in zip(table, centres, strict=True):
        gap = of_region.get(row["region"])
        found.append(
            MapRegion(
                name=", ".join(row["keywords"][:KEYWORDS]) or f"region {row['region']}",
                texts=row["texts"],
                centre=(float(centre[0]), float(centre[1])),
                gap=gap.gap if gap else None,
                speech_share=row["speech_share"],
            )
        )
    return found, centres


def _places(opened: Regions, shown: np.ndarray, region: np.ndarray, centres: np.ndarray) -> np.ndarray:
    distances = _distances(opened, shown, region)
    places = np.empty((len(shown), 2))
    sizes = {row["region"]: row["texts"] for row in opened.table}
    for number in np.unique(region):
        inside = np.flatnonzero(region == number)
        wider = np.sqrt(sizes[number] / len(inside))  # where not all texts are drawn
        places[inside] = centres[number] + wider * place_texts(distances[inside])
    return places


def _distances(opened: Regions, shown: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Return how far each text's embedding, of length 1 about the centre, is from its region's centroid."""
    centroids = Tensors(opened.artefact.path / "clusters.safetensors").whole("centroids")
    found, begin = [], 0
    for part in opened.embeddings(POOL):
        here = (shown >= begin) & (shown < begin + len(part))
        vectors = part[shown[here] - begin].astype(np.float32) - opened.centre
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        found.append(np.linalg.norm(vectors - centroids[region[here]], axis=1))
        begin += len(part)
    if begin != len(opened.texts):
        raise damaged(opened.artefact.path, f"it has {begin} embeddings of {len(opened.texts)} texts")
    return np.concatenate(found)


def _words(
    source: Found, chosen: dict[str, list[dict]], dot_of: dict[str, int], ids: list[str], shown: np.ndarray
) -> dict[int, str]:
    """Return the beginning of texts by dot: of chosen texts, then of evenly spaced others if the pool is where it was.

    Args:
        ids: of the dots.
        shown: rows of the pool that are dots.
    """
    rows = [row for of in chosen.values() for row in of if row["id"] in dot_of]
    words = {dot_of[row["id"]]: _begin(row.get("text") or "") for row in rows}
    others = np.array([dot for dot in range(len(shown)) if dot not in words], dtype=np.int64)
    room = min(len(others), max(TEXTS - len(words), 0))
    wanted = others[np.arange(room) * len(others) // max(room, 1)]
    pool = _pool(source)
    if pool is not None and (not len(shown) or shown[-1] < pool.num_rows):
        rows = take_rows(pool, shown[wanted]).to_pylist()
        # A pool that has changed has other ids.
        words |= {
            dot: _begin(row["text"]) for dot, row in zip(wanted.tolist(), rows, strict=True) if row["id"] == ids[dot]
        }
    return words


def _pool(source: Found) -> pa.Table | None:
    """Read the ids and texts of the pool; None if it is not where it was, or too large to read for a page."""
    settings, path = source.manifest["settings"], source.manifest["inputs"].get("pool", {}).get("path", "")
    if not Path(path).exists() or source.manifest["counts"].get("texts", 0) > LARGEST:
        return None
    try:
        names = ColumnNames(settings["id_column"], settings["text_column"], settings["audio_column"])
        return read_samples(path, needed=["id", "text"], optional=[], names=names, limit=settings.get("limit"))
    except (SaladError, KeyError):
        return None


def _begin(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def _reasons(rows: list[dict], dot_of: dict[str, int]) -> dict[int, dict]:
    """Return why each text was chosen, by its dot."""
    return {
        dot_of[row["id"]]: {name: row[name] for name in REASONS if row.get(name) is not None}
        for row in rows
        if row["id"] in dot_of
    }
