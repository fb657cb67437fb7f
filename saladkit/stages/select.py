"""`select`: choose texts of a pool, mostly from regions with a large gap, up to a budget of speech."""

import json
from pathlib import Path

import pyarrow as pa

from saladkit.contamination.questions import read_questions
from saladkit.formats.files import part_name
from saladkit.formats.gap_table import Measured, RegionGap, read_measured, read_settings, spans_of
from saladkit.formats.samples import LEFT_OUT, SCHEMA, VERSION, write_samples
from saladkit.job import Clock, Job, Made, Work, numbered
from saladkit.progress import say
from saladkit.reporting.region_lines import region_lines
from saladkit.scoring.progress import read_progress
from saladkit.selection.budget import budget_inputs, fit_speaking_rate
from saladkit.selection.choosing import Choice, choose, read_gaps, spread_of, without_weight
from saladkit.selection.evaluation_filter import EvaluationFilter
from saladkit.selection.filtering import leave_out
from saladkit.selection.known_pool import KnownPool
from saladkit.selection.left_out import LeftOut
from saladkit.selection.misplaced import certainty_notes, check_gamma
from saladkit.selection.realised_draw import note_on_draw
from saladkit.selection.reasons import with_reasons
from saladkit.selection.speaking_rate import SpeakingRate
from saladkit.selection.texts import Texts
from saladkit.settings.select import COVERAGE, MEASURED, SELECTION_METRICS, SelectSettings
from saladkit.sources.samples import read_samples

ROWS_PER_PART = 65_536
FEWER_TEXTS = "lower --gamma or the budget, loosen the filters, or give a larger pool"
FEWER_PROBES = "lower --per-region, loosen the filters, or give a larger pool"


def select(pool: str, output: str | Path, settings: SelectSettings) -> dict:
    """Choose texts of a pool or, with `per_region`, probes of every region.

    Every strategy leaves out regions that the gap table marks as bad speech, if there is a table, unless
    `settings.bad_speech` is "keep": a failure of synthesis is not a gap. Probes are drawn from all regions.

    The chosen rows keep all columns of the pool, and get columns with the reasons (`formats/samples.py`). The choice
    depends on the seed and the ids, not on the order of the pool. `left-out.jsonl` lists texts that filters left out.

    Returns:
        The summary: texts, predicted hours, texts by region, effective number of regions and of texts.

    Raises:
        SaladError: samples cannot be read, regions or gap table are of another pool, or there are too few texts for the
            budget.
    """
    clock = Clock()
    table = read_samples(pool, needed=["id", "text"], names=settings.names, limit=settings.limit, beside=output)
    ids, keep = table.column("id"), settings.bad_speech == "keep"
    known = KnownPool.of(ids, pool, settings.regions, settings.gap, _measured(settings), keeps_bad_speech=keep)
    gaps = read_gaps(known, settings)
    certainty = check_gamma(known, gaps, settings)
    left_out, texts = LeftOut(ids.to_pylist()), Texts(table.column("text"))
    questions = read_questions(settings.decontaminate)
    evaluation = EvaluationFilter(questions, texts, settings, settings.device) if questions else None

    def foresee() -> dict:
        leave_out(left_out, texts, known, evaluation, settings, embed=False)
        return {"candidates": int(left_out.allowed.sum()), "left_out": left_out.counts()}

    def make(work: Work) -> Made:
        asked: dict = leave_out(left_out, texts, known, evaluation, settings, embed=True)
        rate = fit_speaking_rate(settings)
        seconds = rate.seconds(texts)
        choice = choose(known, left_out, texts, seconds, gaps, settings)
        _write(with_reasons(table, choice, known, seconds), left_out, work)
        for note in certainty_notes(certainty, settings.metric):
            say(note)
        _tell(choice, known, gaps, rate, settings)
        if evaluation is not None and not settings.decontaminate_answers:
            asked |= {"chosen_texts_with_answer": evaluation.facts_in(choice.rows, left_out.ids)}
        counts = {"rows": len(choice.rows), "left_out": left_out.counts()}
        found: dict = {"draw": choice.draw.figures(), **({"decontamination": asked} if asked else {})}
        spoken = {
            "predicted_hours": round(float(seconds[choice.rows].sum() / 3600), 4),
            "speaking_rate": rate.figures(),
        }
        bad = {} if settings.probing else {str(region): why for region, why in known.bad_speech.items()}
        found["dropped_for_bad_speech"] = bad
        if gaps:
            found["regions_without_weight"] = without_weight(known, gaps, settings.gamma)
        return Made(counts | found, counts | found | spoken | certainty | spread_of(choice, known) | choice.figures)

    inputs: dict[str, str | Path | None] = {"pool": pool, "regions": settings.regions, "gap": settings.gap}
    inputs["gap before"] = settings.gap_before
    inputs |= budget_inputs(settings)
    for role in ("target", "decontaminate", "exclude"):
        inputs |= numbered(role, getattr(settings, role))
    job = Job("select", SCHEMA, VERSION, settings, inputs, clock=clock)
    return job.run(output, plan={"regions": len(known.table)}, make=make, foresee=foresee)


def _measured(settings: SelectSettings) -> Measured | None:
    """Return the figures of the gap tables that are M; None without a table, or if the strategy does not use them."""
    if settings.gap is None or settings.metric == COVERAGE or settings.strategy not in MEASURED or settings.probing:
        return None
    if settings.gap_before is not None:
        return read_progress(settings.gap_before, settings.gap)
    return read_measured(settings.gap, SELECTION_METRICS[settings.metric])


def _tell(
    choice: Choice, known: KnownPool, gaps: dict[int, RegionGap], rate: SpeakingRate, settings: SelectSettings
) -> None:
    """Say on stderr what the summary holds and what deserves attention."""
    if rate.assumed:
        say(
            f"select: hours are predicted at an assumed rate of {settings.words_per_second:g} words per second;"
            " give recordings with --rate-from, or another --words-per-second"
        )
    if known.bad_speech and not settings.probing:
        reasons = "; ".join(f"{region}: {why}" for region, why in known.bad_speech.items())
        say(f"select: {len(known.bad_speech)} of {len(known.table)} regions are left out for bad speech ({reasons})")
    if idle := without_weight(known, gaps, settings.gamma):
        counted = f"{len(idle)} of {len(known.table)} regions"
        say(f"select: {counted} have no positive {settings.metric}, and no weight ({', '.join(map(str, idle))})")
    if note := note_on_draw(choice.draw, FEWER_PROBES if settings.probing else FEWER_TEXTS):
        say(note)
    if settings.explain:
        odds = known.sums_by_region(choice.order.probabilities)
        if gaps and settings.gap is not None:
            since = f" since {settings.gap_before}" if settings.gap_before else ""
            say(f"gap: {settings.metric}{since}, {spans_of(read_settings(settings.gap)) or 'spans unknown'}")
        for line in region_lines(known.table, gaps, odds, known.count_by_region(choice.rows)):
            say(line)


def _write(selected: pa.Table, left_out: LeftOut, work: Work) -> None:
    starts = range(0, selected.num_rows, ROWS_PER_PART)
    for index, start in enumerate(starts):
        with work.writing(part_name(index, len(starts), ".parquet")) as aside:
            write_samples(selected.slice(start, ROWS_PER_PART), aside)
    with work.writing(LEFT_OUT) as aside:
        aside.write_text("".join(json.dumps(entry) + "\n" for entry in left_out.listed()), encoding="utf-8")
