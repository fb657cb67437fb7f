"""`select`: texts of the pool drawn from where the gap is, under a budget of speech."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.artefact import create_artefact
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.gap_table import COVERAGE, bad_speech_regions, read_region_gaps
from saladkit.formats.regions import Regions
from saladkit.formats.samples import SCHEMA, VERSION, read_samples, write_samples
from saladkit.runtime import Run
from saladkit.selection.sampling import draw_per_region, draw_texts, region_probabilities

PART = "part-00000-of-00001.parquet"


def select(
    pool: str,
    output: str | Path,
    *,
    regions: str,
    gap: str | None = None,
    gamma: float = 5.0,
    metric: str = "teacher-kl",
    per_region: int | None = None,
    count: int | None = None,
    hours: float | None = None,
    words_per_second: float = 2.5,
    exclude: tuple[str, ...] = (),
    seed: int = 0,
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Choose texts: probes (`per_region`), or a budget in texts (`count`) or in hours of speech.

    Regions that the gap table marks as bad speech are left out, since a failure of synthesis is not a gap; a uniform
    choice (gamma 0) leaves them out too where it is given the table.

    The chosen rows keep all columns of the pool and say why they were chosen: `region`, `region_gap`,
    `region_probability`, `draw`.

    Returns:
        The summary: texts, predicted hours, texts by region, effective number of regions.

    Raises:
        SaladError: a budget that is not clear or larger than the pool; regions or a gap table of another pool.
    """
    run = Run("select")
    if sum(budget is not None for budget in (per_region, count, hours)) != 1:
        raise SaladError("the budget is not clear", "Give exactly one of --per-region, --count and --hours.")
    probing = per_region is not None
    if not probing and gamma > 0 and gap is None and metric != COVERAGE:
        raise SaladError(
            f"gamma is {gamma} and there is no gap table", "Give --gap, or --gamma 0 for a uniform choice."
        )
    table = read_samples(pool, needed=["id", "text"], names=names, limit=limit)
    ids = table.column("id").to_pylist()
    opened = Regions.open(regions)
    taken = {
        id_ for source in exclude for id_ in read_samples(source, needed=["id"], optional=[]).column("id").to_pylist()
    }
    for id_ in ids:
        if id_ not in opened.region_of:
            raise SaladError(
                f"{regions} has no region for row '{id_}' of {pool}", "Run `saladkit regions` on this pool."
            )
    region = np.array([-1 if id_ in taken else opened.region_of[id_] for id_ in ids])
    words = np.array([len(text.split()) for text in table.column("text").to_pylist()])
    clusters = len(opened.table)
    bad = [] if gap is None or probing else bad_speech_regions(gap)
    region[np.isin(region, bad)] = -1
    gaps = None
    if not probing and metric == COVERAGE:
        gaps = _distances(opened, regions)
    elif not probing and gap is not None:
        gaps = _gaps(gap, metric, clusters, gamma)
    if dry_run:
        return run.summary({"dry_run": True, "candidates": int((region >= 0).sum()), "regions": clusters})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="select",
        settings={
            "gamma": None if probing else gamma,
            "metric": metric if gaps is not None else None,
            "per_region": per_region,
            "count": count,
            "hours": hours,
            "words_per_second": words_per_second,
            "seed": seed,
            "limit": limit,
            "columns": vars(names),
        },
        inputs={"pool": pool, "regions": regions, "gap": gap}
        | {f"exclude {i}": path for i, path in enumerate(exclude)},
        overwrite=overwrite,
    )
    if writer.finished is not None:
        return writer.finished
    random = np.random.default_rng([seed, 3])
    if probing:
        chosen = draw_per_region(region, clusters, per_region, random)
    else:
        sizes = np.array([row["texts"] for row in opened.table])
        sizes[bad] = 0
        try:
            probabilities = region_probabilities(sizes, gaps, gamma)
        except ValueError as error:
            raise SaladError(f"{gap}: {error}", "Measure the gap on probes of every region.") from error
        seconds = words / words_per_second
        lengths, budget = (np.ones(len(ids)), count) if count else (seconds, hours * 3600)
        chosen = draw_texts(region, probabilities, lengths, budget, random)
        if lengths[[draw.row for draw in chosen]].sum() < budget:
            raise SaladError(f"the regions with weight hold too few texts for this budget ({len(chosen)})", "Lower it.")
    selected = table.take(pa.array([draw.row for draw in chosen]))
    why = {
        "region": pa.array([draw.region for draw in chosen], pa.int32()),
        "region_gap": pa.array([None if gaps is None else float(gaps[draw.region]) for draw in chosen], pa.float64()),
        "region_probability": pa.array([draw.probability for draw in chosen], pa.float64()),
        "draw": pa.array(range(len(chosen)), pa.int32()),
    }
    selected = selected.drop_columns([column for column in why if column in selected.column_names])
    for column, values in why.items():
        selected = selected.append_column(column, values)
    with writer.writing(PART) as aside:
        write_samples(selected, aside)
    by_region = np.bincount([draw.region for draw in chosen], minlength=clusters)
    shares = by_region / by_region.sum()
    writer.finish(counts={"rows": len(chosen), "excluded": len(taken)})
    figures = {
        "rows": len(chosen),
        "predicted_hours": round(float(words[[draw.row for draw in chosen]].sum() / words_per_second / 3600), 4),
        "by_region": {str(r): int(n) for r, n in enumerate(by_region) if n},
        "dropped_for_bad_speech": bad,
        "effective_regions": round(float(1 / (shares**2).sum()), 2),
    }
    return run.summary(figures, writer)


def _distances(opened: Regions, regions: str) -> np.ndarray:
    """How far each region lies from all speech: M of those who never ask a model."""
    distances = [row["distance_to_speech"] for row in opened.table]
    if None in distances:
        raise SaladError(f"{regions} does not know the distance to speech", "Make it again with --speech.")
    return np.array(distances)


def _gaps(gap: str, metric: str, clusters: int, gamma: float) -> np.ndarray:
    found = read_region_gaps(gap, metric)
    missing = [region for region in range(clusters) if region not in found]
    if missing and gamma > 0:
        raise SaladError(
            f"{gap} has no {metric} for region {missing[0]} ({len(missing)} of {clusters} are missing)",
            "Measure the gap on probes of every region, with --regions.",
        )
    return np.array([found.get(region, 0.0) for region in range(clusters)])
