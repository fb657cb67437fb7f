"""What regions and a gap table tell of the texts of a pool, joined by id."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.artefact import digest_path
from saladkit.formats.gap_table import (
    RegionGap,
    bad_speech_regions,
    check_measured_with,
    read_gap_table,
    read_region_gaps,
)
from saladkit.formats.regions import LM_PREFIX, MEDIAN_DISTANCE, POOL, Regions, StoredEmbeddings
from saladkit.selection.embedders.registry import open_embedder
from saladkit.selection.measured_neighbours import Prediction, predict
from saladkit.selection.neighbours import nearest
from saladkit.selection.vectors import Vectors
from saladkit.settings.select import COVERAGE, METRICS
from saladkit.settings.shared import BatchTokens


@dataclass(frozen=True)
class KnownPool:
    """N texts in K regions; `place` int [N] is where each text stands in the regions."""

    pool: str
    regions: str
    opened: Regions
    place: np.ndarray
    gap: str | None

    @classmethod
    def of(cls, ids: pa.ChunkedArray, pool: str, regions: str, gap: str | None) -> "KnownPool":
        """Look the ids of a pool up.

        Raises:
            SaladError: a text without a region, or a gap table that was measured with other regions.
        """
        opened = Regions.open(regions)
        place = pc.index_in(ids, value_set=opened.texts.column("id").combine_chunks())
        if place.null_count:
            id_ = ids[pc.index(place.is_null(), True).as_py()]
            raise SaladError(
                f"{regions} has no region for row '{id_}' of {pool}", "Run `saladkit regions` on this pool."
            )
        if gap is not None:
            check_measured_with(gap, regions)
        return cls(pool, regions, opened, place.to_numpy(), gap)

    @property
    def table(self) -> list[dict]:
        """Rows of `formats.regions.REGIONS`."""
        return self.opened.table

    @cached_property
    def bad_speech(self) -> list[int]:
        """Regions that the gap table marks as such."""
        return [] if self.gap is None else bad_speech_regions(self.gap)

    @cached_property
    def region(self) -> np.ndarray:
        """int [N]."""
        return self.opened.texts.column("region").to_numpy()[self.place]

    def sizes(self) -> np.ndarray:
        """Texts of each region in the whole pool, [K]; 0 where speech is bad."""
        sizes = np.array([row["texts"] for row in self.table])
        sizes[self.bad_speech] = 0
        return sizes

    def sums_by_region(self, values: np.ndarray) -> np.ndarray:
        """Sums of values [N] over the texts of each region, float64 [K]."""
        return np.bincount(self.region, weights=values, minlength=len(self.table))

    def count_by_region(self, rows: np.ndarray) -> np.ndarray:
        """Count the texts of these rows in each region, int64 [K]."""
        return np.bincount(self.region[rows], minlength=len(self.table))

    def distances(self) -> np.ndarray:
        """Of each text to the nearest spoken one, float32 [N]."""
        self._check_covered()
        return self.opened.texts.column("distance_to_speech").to_numpy()[self.place]

    def vectors(self) -> Vectors:
        """All that the regions hold: text n is row `place[n]`."""
        return Vectors(self.opened.embeddings(POOL), self.opened.centre)

    def gaps(self, metric: str, needed: bool) -> dict[int, RegionGap]:
        """M by region: a figure of the gap table, or the regions' own distance to speech.

        Args:
            needed: whether a region without one is an error.

        Raises:
            SaladError: a figure that is missing or not finite.
        """
        if metric == COVERAGE:
            self._check_covered()
            return {row["region"]: RegionGap(row[MEDIAN_DISTANCE], None, None) for row in self.table}
        found = {} if self.gap is None else read_region_gaps(self.gap, METRICS[metric])
        unmeasured = {row["region"] for row in self.table} - found.keys()
        missing = sorted(unmeasured.difference(self.bad_speech))
        if missing and needed:
            raise SaladError(
                f"{self.gap} has no {metric} for region {missing[0]} ({len(missing)} of {len(self.table)} are missing)",
                "Measure the gap on probes of every region, with --regions.",
            )
        wrong = [region for region, gap in found.items() if gap.mean is None or not np.isfinite(gap.mean)]
        if wrong:
            raise SaladError(f"{self.gap}: the {metric} of region {wrong[0]} is not finite", "Measure the gap again.")
        return found

    def predicted(self, metric: str) -> Prediction:
        """M of each text, predicted from its nearest probes, [N].

        Raises:
            SaladError: fewer than three of the gap table's texts are in the regions.
        """
        items, known = read_gap_table(self.gap)[0], self.opened.texts.column("id").combine_chunks()
        places = pc.index_in(pa.array([item["id"] for item in items], pa.string()), value_set=known).to_pylist()
        bad = set(self.bad_speech)
        items = [
            item | {"place": place}
            for item, place in zip(items, places, strict=True)
            if place is not None and item["region"] not in bad
        ]
        figures = np.array([item[METRICS[metric]] for item in items], dtype=np.float64)
        if len(items) < 3 or not np.isfinite(figures).all():
            raise SaladError(
                f"{self.gap} has too few measured texts of {self.regions}, or a figure that is not finite",
                "Measure the gap on probes of these regions.",
            )
        vectors = self.vectors()
        probes = vectors.take(np.array([item["place"] for item in items]))
        tokens = np.array([item["tokens"] for item in items], dtype=np.float64)
        found = predict(vectors, probes, figures, tokens)
        return Prediction(found.mean[self.place], found.uncertainty[self.place], found.leave_one_out_r2)

    def nearest_of(self, texts: list[str], device: str) -> tuple[np.ndarray, np.ndarray]:
        """Of each text of the pool the nearest of some other texts: (cosine distances float32 [N], rows int64 [N]).

        Raises:
            SaladError: the embedder of the regions is not there any more, or is another.
        """
        stored = StoredEmbeddings.open(self.regions)
        if digest_path(stored.embedder.removeprefix(LM_PREFIX)) != stored.digest:
            raise SaladError(
                f"{stored.embedder} is not what it was when {self.regions} was made", "Make the regions again with it."
            )
        embedder = open_embedder(
            stored.embedder, device=device, dtype=stored.dtype, batch_tokens=BatchTokens().batch_tokens
        )
        vectors = Vectors([embedder.encode(texts, lambda count: None)], self.opened.centre)
        found = nearest(self.vectors(), vectors, 1, on_gpus=device == "cuda")
        return found.distances[self.place, 0], found.rows[self.place, 0]

    def _check_covered(self) -> None:
        if self.table[0][MEDIAN_DISTANCE] is None:
            raise SaladError(f"{self.regions} does not know the distance to speech", "Make it again with --speech.")
