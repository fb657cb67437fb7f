"""`gap`: misalignment, teacher KL and forgetting of a checkpoint on paired speech and text."""

from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import create_artefact, written_aside
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.gap_table import METRICS, SCHEMA, VERSION, read_items, write_gap_table, write_items
from saladkit.formats.regions import Regions
from saladkit.formats.samples import check_ids_distinct, read_samples
from saladkit.model.dataset import TrainingSource
from saladkit.model.divergence import ItemSums, add_divergences, probe_sequences
from saladkit.model.interleaving import InterleavingOptions
from saladkit.model.listening import front_end_of, layout_of
from saladkit.model.loading import load_salad_model, load_text_model, load_tokenizer
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.sequence import Sequence, SequenceLayout
from saladkit.model.sources import WeightedPath, open_speech
from saladkit.model.text import tokenizer_digest
from saladkit.runtime import Run, progress, resolve_device
from saladkit.scoring.statistics import Estimate, bootstrap_mean
from saladkit.teacher.signals import LiveTeacher

ROWS_PER_BLOCK = 512  # what a run that is cut off has to do again at most


def gap(
    checkpoint: str,
    sources: list[str],
    output: str | Path,
    *,
    teacher: str,
    regions: str | None = None,
    words: tuple[str, ...] = (),
    interleavings: int = 4,
    text_words: tuple[int, int] = (10, 30),
    speech_words: tuple[int, int] = (5, 15),
    batch_size: int = 16,
    seed: int = 0,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    dtype: str = "float32",
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Measure the gap on every row of `sources`, over random `interleavings` that begin with speech.

    Rows in which no text token follows speech in any draw are listed in the manifest.

    Returns:
        The summary: mean of every figure with its bootstrap interval over items.

    Raises:
        SaladError: models, samples or regions that are none or do not fit each other; figures that are not finite.
    """
    run = Run("gap")
    options = InterleavingOptions(text_words, speech_words)
    tokenizer = load_tokenizer(checkpoint)
    if tokenizer_digest(load_tokenizer(teacher)) != tokenizer_digest(tokenizer):
        raise SaladError(f"{teacher} has another tokenizer than {checkpoint}", "Give the text LLM it started from.")
    tables = [
        (s, read_samples(s, needed=["id"], optional=["domain", "speaker"], names=names, limit=limit)) for s in sources
    ]
    check_ids_distinct(tables)
    about = {row["id"]: row for _, table in tables for row in table.to_pylist()}
    region_of = Regions.open(regions).region_of if regions else {}
    for id_ in about if regions else ():
        if id_ not in region_of:
            raise SaladError(
                f"{regions} has no region for row '{id_}'", "Give the regions of the pool it was chosen from."
            )
    if dry_run:
        return run.summary({"dry_run": True, "rows": len(about), "interleavings": len(about) * interleavings})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="gap",
        settings={
            "interleavings": interleavings,
            "text_words": list(text_words),
            "speech_words": list(speech_words),
            "dtype": dtype,
            "seed": seed,
            "limit": limit,
            "columns": vars(names),
        },
        inputs={"checkpoint": checkpoint, "teacher": teacher, "regions": regions}
        | {f"samples {i}": source for i, source in enumerate(sources)}
        | {f"words {i}": path for i, path in enumerate(words)},
        overwrite=overwrite,
    )
    if writer.finished is not None:
        return writer.finished
    device = resolve_device(device)
    student = load_salad_model(checkpoint, dtype=dtype, device=device).eval()
    original = LiveTeacher(load_text_model(teacher, dtype=dtype, device=device))
    front_end = front_end_of(student.config, device=device)
    layout = layout_of(student.config, front_end)
    items, skipped = [], []
    for number, path in enumerate(sources):
        source = open_speech(WeightedPath(path), tokenizer, front_end, word_times=words, names=names, limit=limit)
        for begin in range(0, len(source), ROWS_PER_BLOCK):
            rows = range(begin, min(begin + ROWS_PER_BLOCK, len(source)))
            block = writer.working / f"items-{number}-{rows.start}-{rows.stop}.parquet"
            if not block.exists():
                probes = [
                    (row, sequence)
                    for row in rows
                    for sequence in probe_sequences(source, row, layout, options, interleavings, seed)
                ]
                sums = _measure(student, original, source, probes, layout, batch_size)
                with written_aside(block) as aside:
                    rows_of_table = [
                        _item(about[source.ids[row]], sums[row], region_of, checkpoint) for row in sorted(sums)
                    ]
                    write_items(aside, rows_of_table)
            measured = read_items(block)
            items += measured
            found = {item["id"] for item in measured}
            skipped += [
                {"id": source.ids[row], "source": path, "reason": "no text token follows speech in any draw"}
                for row in rows
                if source.ids[row] not in found
            ]
    if not items:
        raise SaladError("no text token follows speech in any row", "Give longer texts or shorter --speech-words.")
    write_gap_table(writer, items, _by_region(items))
    writer.finish(counts={"rows": len(items), "tokens": sum(item["tokens"] for item in items)}, skipped=skipped)
    return run.summary({"rows": len(items), "skipped": len(skipped), **_means(items)}, writer)


def _measure(
    student: SaladForCausalLM,
    teacher: LiveTeacher,
    source: TrainingSource,
    probes: list[tuple[int, Sequence]],
    layout: SequenceLayout,
    batch_size: int,
) -> dict[int, ItemSums]:
    probes = sorted(probes, key=lambda probe: len(probe[1]))
    sums: dict[int, ItemSums] = {}
    for begin in progress(range(0, len(probes), batch_size), what="gap", unit="batch"):
        add_divergences(student, teacher, source, probes[begin : begin + batch_size], layout, sums)
    return sums


def _item(row: dict, sums: ItemSums, region_of: dict[str, int], checkpoint: str) -> dict:
    figures = {metric: getattr(sums, metric) / sums.tokens for metric in METRICS}
    if not np.all(np.isfinite(list(figures.values()))):
        raise SaladError(
            f"{checkpoint} or the teacher gives row '{row['id']}' probabilities that are not finite",
            "Give models that are whole; with --dtype float16, try float32.",
        )
    kept = {column: row.get(column) for column in ("domain", "speaker")}
    return {"id": row["id"], "region": region_of.get(row["id"]), **kept, "tokens": sums.tokens, **figures}


def _estimates(items: list[dict]) -> dict[str, Estimate]:
    """Nats per text token: sums over items by sums of their tokens, with intervals over items."""
    tokens = np.array([item["tokens"] for item in items])
    return {metric: bootstrap_mean(np.array([item[metric] for item in items]), weights=tokens) for metric in METRICS}


def _means(items: list[dict]) -> dict:
    return {
        metric: {"mean": round(e.value, 4), "low": round(e.low, 4), "high": round(e.high, 4)}
        for metric, e in _estimates(items).items()
    }


def _by_region(items: list[dict]) -> list[dict]:
    rows = []
    for region in sorted({item["region"] for item in items if item["region"] is not None}):
        inside = [item for item in items if item["region"] == region]
        row = {"region": region, "probes": len(inside)}
        for metric, estimate in _estimates(inside).items():
            row |= {metric: estimate.value, f"{metric}_low": estimate.low, f"{metric}_high": estimate.high}
        rows.append(row)
    return rows
