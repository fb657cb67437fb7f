"""Choose texts: the figures that a strategy uses, the order it makes, and how far the budget reaches in that order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.gap_table import RegionGap
from saladkit.progress import say
from saladkit.selection.budget import costs_of, unit_of
from saladkit.selection.duplicates import NONE, NearDuplicates
from saladkit.selection.importance import log_importance
from saladkit.selection.known_pool import KnownPool
from saladkit.selection.left_out import EXCLUDED, NEAR_DUPLICATE, LeftOut
from saladkit.selection.realised_draw import RealisedDraw, compare_draws
from saladkit.selection.sampling import effective_texts, per_region, spend, uniform_numbers
from saladkit.selection.strategies import NEED_DISTANCES, NEED_REGION_GAPS, PROBE, Candidates, Order, put_in_order
from saladkit.selection.texts import Texts
from saladkit.selection.whole_texts import WholeTexts
from saladkit.settings.select import Preference, SelectSettings
from saladkit.sources.samples import read_samples

ROWS_AT_ONCE = 1024  # rows that are compared with earlier ones for near duplicates in one step


@dataclass(frozen=True)
class Choice:
    """The chosen texts of a pool.

    Attributes:
        strategy: one of `strategies.ORDERS`.
        rows: row numbers in the pool, in the order drawn, int64 [n].
        gaps: M by region, where the strategy uses M.
        draw: how far the choice is from what the strategy asked for.
        figures: further figures of the strategy, for the summary.
    """

    strategy: str
    rows: np.ndarray
    order: Order
    gaps: dict[int, RegionGap]
    draw: RealisedDraw
    figures: dict


def strategy_of(preference: Preference) -> str:
    """Return the name of the strategy in `strategies.ORDERS`."""
    return PROBE if preference.probing else preference.strategy


def read_gaps(known: KnownPool, preference: Preference) -> dict[int, RegionGap]:
    """Return M by region; empty if the strategy does not use it.

    Raises:
        SaladError: a figure is missing or not finite.
    """
    if strategy_of(preference) not in NEED_REGION_GAPS:
        return {}
    return known.gaps(preference.metric, needed=preference.gamma > 0)


def without_weight(known: KnownPool, gaps: dict[int, RegionGap], gamma: float) -> list[int]:
    """Return the regions of which nothing is drawn because their M, as `read_gaps` returns it, is not positive."""
    if gamma == 0:
        return []
    bad = set(known.bad_speech)
    return sorted(
        region for region, gap in gaps.items() if gap.mean is not None and gap.mean <= 0 and region not in bad
    )


def choose(
    known: KnownPool,
    left_out: LeftOut,
    texts: Texts,
    seconds: np.ndarray,
    gaps: dict[int, RegionGap],
    settings: SelectSettings,
) -> Choice:
    """Draw texts of a pool until the budget is spent.

    Args:
        left_out: the texts that may not be chosen; near duplicates of drawn texts are added.
        seconds: predicted length of each text's speech, [N].
        gaps: as `read_gaps` returns them.

    Raises:
        SaladError: fewer texts may be chosen than the budget asks for, or a figure that the strategy uses is missing.
    """
    strategy = strategy_of(settings)
    candidates, figures = _candidates(strategy, known, left_out, texts, gaps, settings)
    try:
        order = put_in_order(strategy, candidates, settings.gamma, np.random.default_rng([settings.seed, 3]))
    except ValueError as error:
        by = f" by {settings.gap}" if settings.gap else ""
        raise SaladError(
            f"no text of {known.pool} can be chosen{by}: {error}",
            "Omit filters, or measure the gap on probes of every region.",
        ) from error
    if settings.per_region is not None:
        rows = per_region(candidates.regions, len(known.table), settings.per_region, candidates.uniform)
        costs, asked = np.ones(len(texts)), np.full(len(known.table), float(settings.per_region))
    else:
        rows, costs = _draw(order, known, left_out, texts, seconds, settings)
        shares = known.sums_by_region(order.probabilities) if order.asked is None else order.asked
        asked = len(rows) * shares
    draw = compare_draws(asked, candidates.regions, costs, rows, left_out.rows(NEAR_DUPLICATE), unit_of(settings))
    return Choice(strategy, rows, order, gaps, draw, figures)


def _draw(
    order: Order, known: KnownPool, left_out: LeftOut, texts: Texts, seconds: np.ndarray, settings: SelectSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of an order that the budget reaches, without near duplicates, and the cost of each text, [N]."""
    seen = None
    if settings.near_duplicate is not None:
        whole = WholeTexts(texts, known.characters_read())
        seen = NearDuplicates(known.vectors(), known.place, settings.near_duplicate, whole)
    costs, amount = costs_of(settings, texts, seconds)
    rows = _within_budget(_without_duplicates(order.rows, seen, left_out), order, costs, amount)
    if seen is not None:
        _tell_what_was_not_read(seen)
    return rows, costs


def spread_of(choice: Choice, known: KnownPool) -> dict:
    """Return the chosen texts by region, and the effective numbers of regions and of texts."""
    by_region = known.count_by_region(choice.rows)
    return {
        "by_region": {str(region): int(count) for region, count in enumerate(by_region) if count},
        "effective_regions": round(float(by_region.sum() ** 2 / (by_region**2).sum()), 2),
        "effective_texts": round(effective_texts(choice.order.probabilities, choice.rows), 1),
    }


def _candidates(
    strategy: str,
    known: KnownPool,
    left_out: LeftOut,
    texts: Texts,
    gaps: dict[int, RegionGap],
    settings: SelectSettings,
) -> tuple[Candidates, dict]:
    """Return the figures that a strategy uses, and figures for the summary."""
    found: dict[str, np.ndarray] = {}
    figures = {}
    if strategy in NEED_REGION_GAPS:
        found["gaps"] = np.array([gaps[row["region"]].mean if row["region"] in gaps else 0.0 for row in known.table])
    if strategy in NEED_DISTANCES:
        found["distances"] = known.distances()
    if strategy == "dsir":
        columns = [read_samples(path, needed=["id", "text"], optional=[]).column("text") for path in settings.target]
        found["importance"] = log_importance(texts, [text for column in columns for text in column.to_pylist()])
    if strategy == "knn":
        prediction = known.predicted()
        found["predicted"] = prediction.mean + settings.bonus * prediction.uncertainty
        figures["probes_r2"] = round(prediction.leave_one_out_r2, 4)
    regions = np.where(left_out.allowed, known.region, -1)
    return Candidates(regions, known.sizes(), uniform_numbers(left_out.ids, settings.seed), **found), figures


def _tell_what_was_not_read(seen: NearDuplicates) -> None:
    truncated = seen.texts.count_truncated()
    if truncated:
        say(
            f"select: the embedder has read the beginnings alone of {truncated} of {len(seen.texts)} texts; their near"
            f" duplicates also agree in the words beyond, and {seen.spared} texts stay as they do not"
        )


def _without_duplicates(
    order: Iterable[np.ndarray], seen: NearDuplicates | None, left_out: LeftOut
) -> Iterator[np.ndarray]:
    if seen is None:
        yield from order
        return
    seen.know(left_out.rows(EXCLUDED))
    for rows in order:
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[begin : begin + ROWS_AT_ONCE]
            twins = seen.twins_of(some)
            is_new = twins == NONE
            left_out.leave(some[~is_new], NEAR_DUPLICATE, [left_out.ids[twin] for twin in twins[~is_new]])
            yield some[is_new]


def _within_budget(drawn: Iterable[np.ndarray], order: Order, costs: np.ndarray, amount: float) -> np.ndarray:
    if costs[order.eligible].sum() < amount:
        raise SaladError(
            f"there are too few texts for the budget ({order.eligible.sum()} may be chosen)",
            "Lower the budget, or give a larger pool.",
        )
    rows = spend(drawn, costs, amount)
    if costs[rows].sum() < amount * (1 - 1e-9):
        raise SaladError(
            f"there are too few texts for the budget without near duplicates ({len(rows)} may be chosen)",
            "Lower the budget, or raise --near-duplicate.",
        )
    return rows
