"""Join a pool with its regions and a gap table, by id."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.artefact import digest_path
from saladkit.formats.gap_table import Measured, RegionGap, bad_speech_regions, check_measured_with
from saladkit.formats.regions import LM_PREFIX, MEDIAN_DISTANCE, POOL, Regions, StoredEmbeddings
from saladkit.selection.embedders.registry import open_embedder
from saladkit.selection.measured_neighbours import Prediction, predict
from saladkit.selection.neighbours import nearest
from saladkit.selection.vectors import Vectors
from saladkit.settings.select import COVERAGE
from saladkit.settings.shared import BatchTokens


@dataclass(frozen=True)
class KnownPool:
    """The N texts of a pool, in K regions."""

    pool: str  # path
    regions: str  # path
    opened: Regions
    place: np.ndarray  # row of each text in the regions' table, int [N]
    gap: str | None  # path
    measured: Measured | None  # M of the probes and of the regions, if the strategy may use it
    keeps_bad_speech: bool = False  # whether regions that the gap table marks as bad speech count as any other

    @classmethod
    def of(
        cls,
        ids: pa.ChunkedArray,
        pool: str,
        regions: str,
        gap: str | None,
        measured: Measured | None,
        *,
        keeps_bad_speech: bool = False,
    ) -> "KnownPool":
        """Look up the ids of a pool.

        Raises:
            SaladError: a text has no region, or the gap table was measured with other regions.
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
        return cls(pool, regions, opened, place.to_numpy(), gap, measured, keeps_bad_speech)

    @property
    def table(self) -> list[dict]:
        """One row per region, as in `formats.regions.REGIONS`."""
        return self.opened.table

    @cached_property
    def bad_speech(self) -> dict[int, str]:
        """Regions to leave out for bad speech, with the reason."""
        return {} if self.gap is None else bad_speech_regions(self.gap, keep_marked=self.keeps_bad_speech)

    @cached_property
    def region(self) -> np.ndarray:
        """Region of each text, int [N]."""
        return self.opened.texts.column("region").to_numpy()[self.place]

    def sizes(self) -> np.ndarray:
        """Return the texts of each region in the regions' whole pool, int [K]; 0 for regions of bad speech."""
        sizes = np.array([row["texts"] for row in self.table])
        sizes[list(self.bad_speech)] = 0
        return sizes

    def sums_by_region(self, values: np.ndarray) -> np.ndarray:
        """Sum values [N] over the texts of each region, float64 [K]."""
        return np.bincount(self.region, weights=values, minlength=len(self.table))

    def count_by_region(self, rows: np.ndarray) -> np.ndarray:
        """Count the texts of these rows in each region, int64 [K]."""
        return np.bincount(self.region[rows], minlength=len(self.table))

    def distances(self) -> np.ndarray:
        """Return the distance of each text to its nearest spoken text, float32 [N].

        Raises:
            SaladError: the regions were made without speech.
        """
        self._check_covered()
        return self.opened.texts.column("distance_to_speech").to_numpy()[self.place]

    def vectors(self) -> Vectors:
        """Return all vectors of the regions; text n has row `place[n]`."""
        return Vectors(self.opened.embeddings(POOL), self.opened.centre)

    def characters_read(self) -> np.ndarray:
        """Return how many characters of each text its embedding is of, int32 [N]; -1 for all."""
        return self.opened.characters_read()[self.place]

    def gaps(self, metric: str, needed: bool) -> dict[int, RegionGap]:
        """Return M by region: what was measured, or the regions' own distance to speech.

        Args:
            needed: whether a region without the metric is an error.

        Raises:
            SaladError: the metric of a region is missing or not finite.
        """
        if metric == COVERAGE:
            self._check_covered()
            return {row["region"]: RegionGap(row[MEDIAN_DISTANCE], None, None) for row in self.table}
        found = {} if self.measured is None else self.measured.by_region()
        unmeasured = {row["region"] for row in self.table} - found.keys()
        missing = sorted(unmeasured.difference(self.bad_speech))
        if missing and needed:
            raise SaladError(
                f"{self.gap} has no {metric} for region {missing[0]} ({len(missing)} of {len(self.table)} are missing)",
                "Measure the gap on probes of every region, with --regions.",
            )
        wrong = [region for region, gap in found.items() if gap.mean is None or not np.isfinite(gap.mean)]
        if wrong:
            raise SaladError(
                f"{self.gap}: the {metric} of region {wrong[0]} is not finite",
                "Run `saladkit gap` into a new folder.",
            )
        return found

    def predicted(self) -> Prediction:
        """Predict M of each of the N texts from its nearest probes.

        Raises:
            SaladError: fewer than three texts of the gap table are in the regions, or a metric is not finite.
        """
        if self.measured is None:
            raise TypeError("misalignment is predicted from a gap table, and there is none")
        items, known = self.measured.items, self.opened.texts.column("id").combine_chunks()
        places = pc.index_in(pa.array([item["id"] for item in items], pa.string()), value_set=known).to_pylist()
        bad = set(self.bad_speech)
        items = [
            item | {"place": place}
            for item, place in zip(items, places, strict=True)
            if place is not None and item["region"] not in bad
        ]
        figures = np.array([item[self.measured.column] for item in items], dtype=np.float64)
        if len(items) < 3 or not np.isfinite(figures).all():
            raise SaladError(
                f"{self.gap} has too few measured texts of {self.regions}, or a metric that is not finite",
                "Measure the gap on probes of these regions.",
            )
        vectors = self.vectors()
        probes = vectors.take(np.array([item["place"] for item in items]))
        tokens = np.array([item["tokens"] for item in items], dtype=np.float64)
        found = predict(vectors, probes, figures, tokens)
        return Prediction(found.mean[self.place], found.uncertainty[self.place], found.leave_one_out_r2)

    def nearest_of(self, texts: list[str], device: str) -> tuple[np.ndarray, np.ndarray]:
        """Find for each text of the pool the nearest of some other texts.

        Returns:
            Cosine distances float32 [N], and indices into `texts` int64 [N].

        Raises:
            SaladError: the embedder of the regions cannot be opened, or has changed.
        """
        stored = StoredEmbeddings.open(self.regions)
        if digest_path(stored.embedder.removeprefix(LM_PREFIX)) != stored.digest:
            raise SaladError(
                f"{stored.embedder} has changed since {self.regions} was made",
                "Run `saladkit regions` into a new folder.",
            )
        embedder = open_embedder(
            stored.embedder, device=device, dtype=stored.dtype, batch_tokens=BatchTokens().batch_tokens
        )
        vectors = Vectors([embedder.encode(texts, lambda count: None)], self.opened.centre)
        found = nearest(self.vectors(), vectors, 1, on_gpus=device == "cuda")
        return found.distances[self.place, 0], found.rows[self.place, 0]

    def _check_covered(self) -> None:
        if self.table[0][MEDIAN_DISTANCE] is None:
            raise SaladError(
                f"{self.regions} has no distance to speech for its texts",
                "Run `saladkit regions` with --speech, into a new folder.",
            )
