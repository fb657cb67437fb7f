"""`select`: texts of the pool drawn from where the gap is, under a budget of speech."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.artefact import create_artefact
from saladkit.formats.files import part_name
from saladkit.formats.gap_table import RegionGap
from saladkit.formats.samples import LEFT_OUT, SCHEMA, VERSION, take_rows, write_samples
from saladkit.machine import resolve_device
from saladkit.progress import say
from saladkit.reporting.region_lines import region_lines
from saladkit.runtime import Run
from saladkit.selection.budget import Budget
from saladkit.selection.choice import Choice, Filters
from saladkit.selection.duplicates import NearDuplicates
from saladkit.selection.evaluation_overlap import leave_out_near, leave_out_same_words, read_wordings
from saladkit.selection.importance import log_importance
from saladkit.selection.known_pool import KnownPool
from saladkit.selection.left_out import BAD_SPEECH, EXCLUDED, NEAR_DUPLICATE, LeftOut, leave_out_unfit
from saladkit.selection.sampling import effective_texts, per_region, spend, uniform_numbers
from saladkit.selection.strategies import (
    NEED_DISTANCES,
    NEED_REGION_GAPS,
    PROBE,
    Candidates,
    Order,
    put_in_order,
)
from saladkit.selection.texts import Texts
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import read_samples

ROWS_PER_PART = 65_536
ACTIVE, SPEAKABLE = Choice(), Filters()
ROWS_AT_ONCE = 1024  # that are compared for near duplicates, of those in the order drawn


def select(
    pool: str,
    output: str | Path,
    *,
    regions: str,
    budget: Budget,
    choice: Choice = ACTIVE,
    filters: Filters = SPEAKABLE,
    gap: str | None = None,
    exclude: tuple[str, ...] = (),
    explain: bool = False,
    seed: int = 0,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Choose texts of a pool, or (`budget.per_region`) probes of every region.

    Regions that the gap table marks as bad speech are left out, since a failure of synthesis is not a gap; every
    strategy leaves them out where it is given the table. Probes are drawn from all regions.

    The chosen rows keep all columns of the pool and say why they were chosen (`formats/samples.py`). The choice depends
    on the seed and the ids, not on the order of the pool. What the filters left out stands in `left-out.jsonl`.

    Args:
        explain: also print the regions as a table, on stderr.
        device: where texts of the evaluation are embedded.

    Returns:
        The summary: texts, predicted hours, texts by region, effective numbers of regions and of texts.

    Raises:
        SaladError: a budget that is not clear or larger than the pool; regions or a gap table of another pool.
    """
    run = Run("select")
    probing = budget.per_region is not None
    choice = Choice(PROBE) if probing else choice
    budget.check()
    choice.check(gap)
    filters.check(probing)
    table = read_samples(pool, needed=["id", "text"], names=names, limit=limit, beside=output)
    known = KnownPool.of(table.column("id"), pool, regions, gap)
    gaps = known.gaps(choice.metric, needed=choice.gamma > 0) if choice.strategy in NEED_REGION_GAPS else {}
    bad_regions = [] if probing else known.bad_speech
    left_out, texts = LeftOut(table.column("id").to_pylist()), Texts(table.column("text"))
    if dry_run:
        _leave_out(left_out, texts, known, exclude, filters, bad_regions)
        figures = {"candidates": int(left_out.allowed.sum()), "left_out": left_out.counts()}
        return run.summary({"dry_run": True, **figures, "regions": len(known.table)})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="select",
        settings={
            **choice.settings(),
            **budget.settings(),
            "filters": {name: value for name, value in vars(filters).items() if name != "decontaminate"},
            "seed": seed,
            "limit": limit,
            "columns": vars(names),
        },
        inputs={"pool": pool, "regions": regions, "gap": gap}
        | budget.inputs()
        | {f"target {i}": path for i, path in enumerate(choice.target)}
        | {f"decontaminate {i}": path for i, path in enumerate(filters.decontaminate)}
        | {f"exclude {i}": path for i, path in enumerate(exclude)},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None:
        return writer.finished
    with writer.nothing_left_of_an_error():
        wordings = _leave_out(left_out, texts, known, exclude, filters, bad_regions)
        if filters.decontaminate_cosine is not None:
            found = known.nearest_of([text for _, text in wordings], resolve_device(device))
            leave_out_near(left_out, *found, [id_ for id_, _ in wordings], filters.decontaminate_cosine)
        candidates, further = _candidates(known, left_out, texts, gaps, choice, seed)
        try:
            order = put_in_order(choice.strategy, candidates, choice.gamma, np.random.default_rng([seed, 3]))
        except ValueError as error:
            raise SaladError(
                f"nothing may be chosen of {pool}{f' by {gap}' if gap else ''}: {error}",
                "Leave filters out, or measure the gap on probes of every region.",
            ) from error
        rate = budget.speaking_rate()
        seconds = rate.seconds(texts)
        if probing:
            rows = per_region(candidates.regions, len(known.table), budget.per_region, candidates.uniform)
        else:
            drawn = _without_duplicates(order.rows, known, filters.near_duplicate, left_out)
            rows = _within_budget(drawn, order, *budget.costs(texts, seconds))
        why = _reasons(rows, choice.strategy, known, gaps, order, seconds)
        selected = _with_reasons(take_rows(table, rows), why, pool)
    starts = range(0, len(rows), ROWS_PER_PART)
    for index, start in enumerate(starts):
        with writer.writing(part_name(index, len(starts), ".parquet")) as aside:
            write_samples(selected.slice(start, ROWS_PER_PART), aside)
    with writer.writing(LEFT_OUT) as aside:
        aside.write_text("".join(json.dumps(entry) + "\n" for entry in left_out.listed()), encoding="utf-8")
    writer.finish(counts={"rows": len(rows), "left_out": left_out.counts()})
    by_region = np.bincount(known.region[rows], minlength=len(known.table))
    if explain:
        for line in region_lines(known.table, gaps, known.sums_by_region(order.probabilities), by_region):
            say(line)
    figures = {
        "rows": len(rows),
        "predicted_hours": round(float(seconds[rows].sum() / 3600), 4),
        "speaking_rate": {name: round(value, 4) for name, value in vars(rate).items()},
        "by_region": {str(r): int(n) for r, n in enumerate(by_region) if n},
        "left_out": left_out.counts(),
        "dropped_for_bad_speech": bad_regions,
        "effective_regions": round(float(by_region.sum() ** 2 / (by_region**2).sum()), 2),
        "effective_texts": round(effective_texts(order.probabilities, rows), 1),
    }
    return run.summary(figures | further, writer)


def _leave_out(
    left_out: LeftOut,
    texts: Texts,
    known: KnownPool,
    exclude: tuple[str, ...],
    filters: Filters,
    bad_regions: list[int],
) -> list[tuple[str, str]]:
    """Leave out what may not be chosen; returns the questions, by id and wording, that the texts were compared with."""
    for source in exclude:
        taken = read_samples(source, needed=["id"], optional=[]).column("id")
        left_out.leave(np.flatnonzero(pc.is_in(pa.array(left_out.ids), value_set=taken.combine_chunks())), EXCLUDED)
    left_out.leave(np.flatnonzero(np.isin(known.region, bad_regions)), BAD_SPEECH)
    leave_out_unfit(left_out, texts, filters.min_words, filters.max_words, filters.speakable_only)
    wordings = read_wordings(filters.decontaminate)
    if wordings:
        too_short = leave_out_same_words(left_out, texts, wordings, filters.ngram)
        if too_short:
            say(f"select: {too_short} questions are too short to be looked for word for word")
    return wordings


def _candidates(
    known: KnownPool,
    left_out: LeftOut,
    texts: Texts,
    gaps: dict[int, RegionGap],
    choice: Choice,
    seed: int,
) -> tuple[Candidates, dict]:
    """What a strategy goes by, and figures for the summary."""
    found, figures = {}, {}
    if choice.strategy in NEED_REGION_GAPS:
        found["gaps"] = np.array([gaps[row["region"]].mean if row["region"] in gaps else 0.0 for row in known.table])
    if choice.strategy in NEED_DISTANCES:
        found["distances"] = known.distances()
    if choice.strategy == "dsir":
        targets = [read_samples(source, needed=["id", "text"], optional=[]).column("text") for source in choice.target]
        found["importance"] = log_importance(texts, [text for column in targets for text in column.to_pylist()])
    if choice.strategy == "knn":
        prediction = known.predicted(choice.metric)
        found["predicted"] = prediction.mean + choice.bonus * prediction.uncertainty
        figures["probes_r2"] = round(prediction.leave_one_out_r2, 4)
    regions = np.where(left_out.allowed, known.region, -1)
    return Candidates(regions, known.sizes(), uniform_numbers(left_out.ids, seed), **found), figures


def _without_duplicates(
    order: Iterable[np.ndarray], known: KnownPool, cosine: float | None, left_out: LeftOut
) -> Iterator[np.ndarray]:
    if cosine is None:
        yield from order
        return
    seen = NearDuplicates(known.vectors(), cosine)
    seen.know(known.place[left_out.rows(EXCLUDED)])
    for rows in order:
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[begin : begin + ROWS_AT_ONCE]
            new = seen.which_are_new(known.place[some])
            left_out.leave(some[~new], NEAR_DUPLICATE)
            yield some[new]


def _within_budget(drawn: Iterable[np.ndarray], order: Order, costs: np.ndarray, amount: float) -> np.ndarray:
    if costs[order.eligible].sum() < amount:
        raise SaladError(
            f"the budget is larger than what may be chosen: too few texts ({order.eligible.sum()})",
            "Lower it, or give a larger pool.",
        )
    rows = spend(drawn, costs, amount)
    if costs[rows].sum() < amount * (1 - 1e-9):
        raise SaladError(
            f"without near duplicates there are too few texts for the budget ({len(rows)})",
            "Lower it, or raise --near-duplicate.",
        )
    return rows


def _with_reasons(selected: pa.Table, why: dict[str, pa.Array], pool: str) -> pa.Table:
    """The chosen rows, each with why it was chosen; those of an earlier selection say so anew."""
    there = [column for column in why if column in selected.column_names]
    if there and len(there) < len(why):
        raise SaladError(f"{pool} has a column '{there[0]}', which select writes", "Give the column another name.")
    selected = selected.drop_columns(there)
    for column, values in why.items():
        selected = selected.append_column(column, values)
    return selected


def _reasons(
    rows: np.ndarray, strategy: str, known: KnownPool, gaps: dict[int, RegionGap], order: Order, seconds: np.ndarray
) -> dict[str, pa.Array]:
    region = known.region[rows]
    of_region = [gaps.get(number, RegionGap(None, None, None)) for number in region.tolist()]
    score = None if order.score is None else order.score[rows].astype(np.float64)
    return {
        "strategy": pa.array([strategy] * len(rows), pa.string()),
        "region": pa.array(region, pa.int32()),
        "region_gap": pa.array([gap.mean for gap in of_region], pa.float64()),
        "region_gap_low": pa.array([gap.low for gap in of_region], pa.float64()),
        "region_gap_high": pa.array([gap.high for gap in of_region], pa.float64()),
        "region_probability": pa.array(known.sums_by_region(order.probabilities)[region], pa.float64()),
        "text_probability": pa.array(order.probabilities[rows], pa.float64()),
        "text_score": pa.nulls(len(rows), pa.float64()) if score is None else pa.array(score),
        "draw": pa.array(range(len(rows)), pa.int32()),
        "predicted_duration": pa.array(seconds[rows], pa.float64()),
    }
