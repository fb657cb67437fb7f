"""`gap`: misalignment, teacher KL and forgetting of a checkpoint on paired speech and text, and why they are large."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saladkit.errors import SaladError
from saladkit.formats.artefact import SUMMARY, Artefact, create_artefact, is_artefact
from saladkit.formats.checkpoint import trained_positions
from saladkit.formats.files import read_json, written_aside
from saladkit.formats.gap_table import SCHEMA, VERSION, read_items, with_gaps, write_gap_table, write_items
from saladkit.formats.regions import Regions
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.formats.samples import iterate_rows
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.machine import resolve_device
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.loading import load_salad_model, load_text_model, load_tokenizer
from saladkit.model.salad import SaladForCausalLM
from saladkit.progress import progress
from saladkit.rows.interleaving import InterleavingOptions
from saladkit.rows.schedule import TrainingSource
from saladkit.rows.sequences import Sequence, SequenceLayout
from saladkit.rows.tokens import tokenizer_digest
from saladkit.rows.training_sources import WeightedPath, check_teacher_covers, open_speech
from saladkit.runtime import Run
from saladkit.scoring.divergence import ItemSums, add_divergences, probe_sequences
from saladkit.scoring.group_means import group_rows
from saladkit.scoring.speech_quality import duration_ratios, mark_bad_speech
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import check_ids_distinct, read_samples
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.audio.resampling import resampler_identity
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.transcribers.error_rates import least_error_rate
from saladkit.speech.transcribers.transcriber import Transcriber, open_transcriber
from saladkit.teacher.signals import CachedTeacher, LiveTeacher, TeacherSignal

ROWS_PER_BLOCK = 512  # what a run that is cut off has to do again at most
SHOWN = (*("misalignment", "teacher_kl", "forgetting", "jsd", "text_nll", "speech_nll"), "agreement")


def gap(
    checkpoint: str,
    sources: list[str],
    output: str | Path,
    *,
    teacher: str,
    regions: str | None = None,
    words: tuple[str, ...] = (),
    context: str = "interleaved",
    interleavings: int = 4,
    text_words: tuple[int, int] = (10, 30),
    speech_words: tuple[int, int] = (5, 15),
    asr: str | None = None,
    worst: float = 0.15,
    batch_size: int = 16,
    seed: int = 0,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    dtype: str = "float32",
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Measure the gap on every row of `sources`, heard in `interleavings` random ways.

    Rows in which no text token follows speech in any draw are listed in the manifest.

    Args:
        teacher: the text LLM, or a teacher cache with the most likely tokens of these texts; then teacher KL and
            forgetting are those of its classes, which are never above the exact ones.
        context: `interleaved`, or `spoken`: all that stands before a compared word is heard.
        asr: recognizer that says how well the recordings are understood; else what `synth --asr` has noted is taken.
        worst: share of regions, those understood worst, that are marked as bad speech.

    Returns:
        The summary: mean of every figure with its bootstrap interval over items.

    Raises:
        SaladError: models, samples, cache or regions that are none or do not fit; figures that are not finite.
    """
    run = Run("gap")
    options = InterleavingOptions(text_words, speech_words)
    tokenizer = load_tokenizer(checkpoint)
    cache = TeacherCache(teacher) if is_artefact(teacher) and not (Path(teacher) / "config.json").exists() else None
    if cache is not None:
        cache.check_tokenizer(tokenizer_digest(tokenizer), checkpoint)
        _check_exact_enough(cache)
    elif tokenizer_digest(load_tokenizer(teacher)) != tokenizer_digest(tokenizer):
        raise SaladError(f"{teacher} has another tokenizer than {checkpoint}", "Give the text LLM it started from.")
    wanted = ["domain", "speaker", "duration", "cer"]
    tables = [(s, read_samples(s, needed=["id", "text"], optional=wanted, names=names, limit=limit)) for s in sources]
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
            "context": context,
            "interleavings": interleavings,
            "worst": worst,
            "text_words": list(text_words),
            "speech_words": list(speech_words),
            "dtype": dtype,
            "seed": seed,
            "limit": limit,
            "columns": vars(names),
            **resampler_identity(),
        },
        inputs={"checkpoint": checkpoint, "teacher": teacher, "regions": regions, "asr": asr}
        | {f"samples {i}": source for i, source in enumerate(sources)}
        | {f"words {i}": path for i, path in enumerate(words)},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None:
        return writer.finished
    device = resolve_device(device)
    student = load_salad_model(checkpoint, dtype=dtype, device=device).eval()
    original: TeacherSignal
    original = CachedTeacher(cache) if cache else LiveTeacher(load_text_model(teacher, dtype=dtype, device=device))
    transcriber = open_transcriber(asr, device=device, dtype=dtype) if asr else None
    ratios = duration_ratios(list(about.values()))
    front_end = front_end_of(student.config, device=device)
    layout = layout_of(student.config, front_end)
    items, skipped = [], []
    for number, path in enumerate(sources):
        source = open_speech(WeightedPath(path), tokenizer, front_end, word_times=words, names=names, limit=limit)
        if cache is not None:
            check_teacher_covers(cache, [source])
        recordings = None
        if transcriber is not None:
            recordings = read_samples(path, needed=["id", "text", "audio"], optional=[], names=names, limit=limit)
        for begin in range(0, len(source), ROWS_PER_BLOCK):
            rows = range(begin, min(begin + ROWS_PER_BLOCK, len(source)))
            block = writer.working / f"items-{number}-{rows.start}-{rows.stop}.parquet"
            if not block.exists():
                probes = [
                    (row, sequence)
                    for row in rows
                    for sequence in probe_sequences(source, row, layout, options, interleavings, seed, context)
                ]
                sums = _measure(student, original, source, probes, layout, batch_size)
                errors = _error_rates(transcriber, recordings, [source.ids[row] for row in sorted(sums)], path)
                with written_aside(block) as aside:
                    rows_of_table = [
                        _item(about[source.ids[row]], sums[row], region_of, errors, ratios, checkpoint)
                        for row in sorted(sums)
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
    groups = group_rows(items)
    left_out = Counter(region_of[id_] for path in sources for id_ in _left_out_by_synth(path) if id_ in region_of)
    mark_bad_speech([group for group in groups if group["kind"] == "region"], worst, left_out)
    silent = sorted(left_out.keys() - {item["region"] for item in items})
    write_gap_table(writer, items, groups)
    writer.finish(
        counts={"rows": len(items), "tokens": sum(item["tokens"] for item in items)},
        skipped=skipped,
        identity={"trained_positions": trained_positions(checkpoint), "silent_regions": silent},
    )
    figures = {"rows": len(items), "skipped": len(skipped)} | _shown(groups)
    return run.summary(figures | (_said_of(cache) if cache else {}), writer)


def _measure(
    student: SaladForCausalLM,
    teacher: TeacherSignal,
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


def _item(
    row: dict,
    sums: ItemSums,
    region_of: dict[str, int],
    errors: dict[str, float | None],
    ratios: dict[str, float],
    checkpoint: str,
) -> dict:
    figures = with_gaps({name: value / sums.tokens for name, value in asdict(sums).items() if name != "tokens"})
    if not np.all(np.isfinite(list(figures.values()))):
        raise SaladError(
            f"{checkpoint} or the teacher gives row '{row['id']}' probabilities that are not finite",
            "Give models that are whole; with --dtype float16, try float32.",
        )
    kept = {column: row.get(column) for column in ("domain", "speaker")}
    cer = errors.get(row["id"], row.get("cer"))
    quality = {"cer": cer if cer is not None and np.isfinite(cer) else None, "duration_ratio": ratios.get(row["id"])}
    return {"id": row["id"], "region": region_of.get(row["id"]), **kept, "tokens": sums.tokens, **figures, **quality}


def _error_rates(
    transcriber: Transcriber | None, recordings: pa.Table | None, ids: list[str], source: str
) -> dict[str, float | None]:
    """The character error rate of each recording, if there is someone to transcribe it."""
    if transcriber is None:
        return {}
    table = recordings.filter(pc.is_in(recordings.column("id"), pa.array(ids)))
    found = {}
    for row in progress(iterate_rows(table), total=table.num_rows, what="transcribe"):
        (written,) = transcriber.transcribe([decode_row(row, source)])
        found[row["id"]] = least_error_rate([row["text"], spoken_form(row["text"], "en").text], written)
    return found


def _left_out_by_synth(source: str) -> list[str]:
    """The ids of the rows that could not be spoken, or not well enough, where the source is an artefact that knows."""
    return [row["id"] for row in Artefact.open(source, SAMPLES).manifest["skipped"]] if is_artefact(source) else []


def _check_exact_enough(cache: TeacherCache) -> None:
    if cache.sampled:
        raise SaladError(
            f"{cache.artefact.path} holds draws, which tell a divergence only on average",
            "Give the text LLM, or a cache made with --keep top-k.",
        )
    if cache.identity["temperature"] != 1:
        raise SaladError(
            f"{cache.artefact.path} was made at temperature {cache.identity['temperature']:g}",
            "Give the text LLM, or a cache made at temperature 1.",
        )


def _said_of(cache: TeacherCache) -> dict:
    """What is known of how far a cache's figures lie from the exact ones: what it keeps, and what --verify found."""
    summary = cache.artefact.path / SUMMARY
    verified = read_json(summary).get("verified") if summary.is_file() else None
    known = {"top_k": cache.identity["top_k"], "kept_mass": cache.artefact.manifest["counts"]["kept_mass"]}
    return {"teacher_cache": known | ({"verified": verified} if verified else {})}


def _shown(groups: list[dict]) -> dict:
    (every,) = (group for group in groups if group["kind"] == "all")
    figures = {
        metric: {"mean": every[metric], "low": every[f"{metric}_low"], "high": every[f"{metric}_high"]}
        for metric in SHOWN
    }
    shown = {metric: {name: round(value, 4) for name, value in found.items()} for metric, found in figures.items()}
    bad = [group["region"] for group in groups if group["bad_speech"]]
    return (
        shown
        | ({"cer": round(every["cer"], 4)} if every["cer"] is not None else {})
        | ({"bad_speech": bad} if bad else {})
    )
