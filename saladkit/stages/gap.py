"""`gap`: measure misalignment, teacher KL and forgetting of a checkpoint on samples with speech and text."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, is_artefact
from saladkit.formats.checkpoint import trained_positions
from saladkit.formats.gap_table import SCHEMA, VERSION, write_gap_table
from saladkit.formats.regions import Regions
from saladkit.formats.rollouts import SCHEMA as ROLLOUTS
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.job import Job, Made, Work, numbered
from saladkit.machine import resolve_device
from saladkit.model.chat_template import template_of
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.limits import compared_vocabulary, read_limits
from saladkit.model.loading import load_salad_model, load_text_model, load_tokenizer
from saladkit.progress import say
from saladkit.reporting.exposure_summary import exposure_figures, exposure_lines
from saladkit.reporting.gap_summary import gap_figures, gap_lines
from saladkit.rows.readers import Readers
from saladkit.rows.rollout_identity import check_tokens_are_of
from saladkit.rows.training_sources import check_teacher_covers, speech_source
from saladkit.rows.usable_speech import read_usable_speech
from saladkit.scoring.distance_behind_speech import distance_rows
from saladkit.scoring.exact_cache import cache_for_gap, precision_of
from saladkit.scoring.exposed_rollouts import ExposureMeasurement
from saladkit.scoring.gap_items import UNMEASURED, GapMeasurement
from saladkit.scoring.group_means import group_tables
from saladkit.scoring.speech_quality import (
    are_synthetic,
    duration_ratios,
    fault_row,
    is_fault,
    mark_bad_speech,
    natural_error_rates,
)
from saladkit.settings.gap import GapSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.samples import check_ids_distinct, read_samples
from saladkit.speech.audio.audio_rows import audio_counts
from saladkit.speech.transcribers.transcriber import model_of, open_transcriber
from saladkit.teacher.encodings import vocabulary_of
from saladkit.teacher.signals import CachedTeacher, LiveTeacher, TeacherSignal


def gap(checkpoint: str, sources: list[str], output: str | Path, settings: GapSettings) -> dict:
    """Measure the gap on every row of `sources`, in several random interleavings of text and speech.

    Rows whose audio cannot be used, and rows in which no text token follows speech in any interleaving, are listed in
    the manifest. With a teacher cache, teacher KL and forgetting are computed over the classes of the cache, which
    gives lower bounds.

    Returns:
        The summary: the mean of every figure with its bootstrap confidence interval over items.

    Raises:
        SaladError: models, samples, cache or regions cannot be read or do not fit, or figures are not finite.
    """
    cache = cache_for_gap(settings.teacher, checkpoint)
    about = _rows_by_id(sources, settings)
    region_of = _region_of(about, settings.regions)

    def make(work: Work) -> Made:
        found = _measure(checkpoint, sources, settings, cache, about, region_of, work)
        items, faulty, skipped, mended = found.items, found.faulty, found.skipped, found.mended
        groups, spread, silent = _groups(items, faulty, sources, region_of, settings)
        behind = distance_rows(items)
        write_gap_table(work.writer, items, groups, spread, behind, found.exposure)
        mended |= {"faults_of_synthesis": len(faulty)} if faulty else {}
        shown = gap_figures(groups, spread, behind, settings)
        exposed = exposure_figures(found.exposure, settings.rollouts or "") if found.exposure else {}
        for line in gap_lines(shown) + exposure_lines(exposed):
            say(line)
        shown |= {"exposure": exposed} if exposed else {}
        _tell_bad_speech(groups, len(items), len(faulty))
        return Made(
            counts={"rows": len(items), "tokens": sum(item["tokens"] for item in items)} | mended,
            skipped=skipped,
            identity={"trained_on": trained_positions(checkpoint), "silent_regions": silent},
            figures={"rows": len(items), "skipped": len(skipped)} | mended | shown | precision_of(cache),
        )

    job = Job("gap", SCHEMA, VERSION, settings, _inputs(checkpoint, sources, settings))
    return job.run(output, plan={"rows": len(about), "interleavings": len(about) * settings.interleavings}, make=make)


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        items, faulty: the items, and those that are faults of synthesis.
        skipped: the rows left out, as a manifest lists them.
        mended: counts of mended audio.
        exposure: rows of `formats.gap_table.EXPOSURE`; None without rollouts.
    """

    items: list[dict]
    faulty: list[dict]
    skipped: list[dict]
    mended: dict[str, int]
    exposure: list[dict] | None


def _measure(
    checkpoint: str,
    sources: list[str],
    settings: GapSettings,
    cache: TeacherCache | None,
    about: dict[str, dict],
    region_of: dict[str, int],
    work: Work,
) -> Measured:
    """Measure all sources and, if there are any, rollouts."""
    device = resolve_device(settings.device)
    student = load_salad_model(checkpoint, dtype=settings.dtype, device=device).eval()
    front_end = front_end_of(student.config, device=device)
    tokenizer, words = load_tokenizer(checkpoint), list(settings.words)
    layout = layout_of(student.config, front_end)
    readers = Readers(read_limits(checkpoint), None if cache else read_limits(settings.teacher), layout)
    teacher = _teacher(cache, settings, device, tokenizer, readers.student.vocabulary)
    if settings.rollouts:
        _check_rollouts(settings.rollouts, tokenizer, student.config, checkpoint)
    measurement = GapMeasurement(
        student,
        teacher,
        layout,
        settings,
        checkpoint,
        about,
        region_of,
        duration_ratios(list(about.values())),
        open_transcriber(settings.asr, device=device, dtype=settings.dtype) if settings.asr else None,
    )
    opened = partial(read_usable_speech, word_times=words, names=settings.names, limit=settings.limit)
    items: list[dict] = []
    faulty: list[dict] = []
    skipped: list[dict] = []
    speech = [opened(WeightedPath(path), front_end, strict=settings.strict) for path in sources]
    further = ExposureMeasurement(student, teacher, cache, layout, settings.batch_size, checkpoint)
    # Laid out before minutes of work on the samples, so that what does not fit is said at once.
    pairs = further.laid_out(settings.rollouts, speech, tokenizer) if settings.rollouts else None
    for number, (path, usable) in enumerate(zip(sources, speech, strict=True)):
        source = speech_source(usable, tokenizer, readers=readers)
        if source.has_conversations:
            template_of(tokenizer, student.config)
        if cache is not None:
            check_teacher_covers(cache, [source])
        measured, unmeasured = measurement.of_source(source, work.writer.working, number)
        faults = [item for item in measured if is_fault(item, settings)]
        faulty, items = faulty + faults, items + [item for item in measured if not is_fault(item, settings)]
        skipped += unmeasured + [fault_row(item, path) for item in faults]
    if not items:
        raise _nothing_measured(skipped, faulty)
    exposure = None if pairs is None else further.measured(pairs, work.writer.working)
    audio = [usable.unusable for usable in speech]
    skipped = [row for found in audio for row in found.listed()] + skipped
    return Measured(items, faulty, skipped, audio_counts(audio), exposure)


def _check_rollouts(path: str, tokenizer: PreTrainedTokenizerBase, config: SaladConfig, checkpoint: str) -> None:
    laid_out = Artefact.open(path, ROLLOUTS).manifest["identity"].get("chat_template") is not None
    check_tokens_are_of(path, tokenizer, template_of(tokenizer, config).digest if laid_out else None, checkpoint)


def _groups(
    items: list[dict], faulty: list[dict], sources: list[str], region_of: dict[str, int], settings: GapSettings
) -> tuple[list[dict], list[dict], list[int]]:
    """Return the items' groups, their spread, and the regions of which no synthetic recording was measured."""
    groups, spread = group_tables(items)
    lost = [region_of[id_] for path in sources for id_ in _left_out_by_synth(path) if id_ in region_of]
    faults = Counter(lost + [item["region"] for item in faulty if item["region"] is not None])
    regions = [group for group in groups if group["kind"] == "region"]
    mark_bad_speech(regions, settings, faults, natural_error_rates(items, settings))
    return groups, spread, sorted(faults.keys() - {group["region"] for group in regions})


def _tell_bad_speech(groups: list[dict], items: int, faulty: int) -> None:
    """Say which regions are marked as bad speech and why, and if the recognizer may be at fault."""
    regions = [group for group in groups if group["kind"] == "region"]
    bad = [group for group in regions if group["bad_speech"]]
    for group in bad:
        say(f"gap: region {group['region']} is marked as bad speech: {group['bad_speech_reason']}")
    if faulty > items or 2 * len(bad) > len(regions) > 0:
        say(
            f"note: {faulty} of {items + faulty} recordings are faults, {len(bad)} of {len(regions)} regions are bad:"
            " perhaps the recognizer does not know this voice or language; see --max-recording-cer and --max-region-cer"
        )


def _nothing_measured(skipped: list[dict], faulty: list[dict]) -> SaladError:
    """Return the error of a run without items; it names a row that a model cannot read, if there is one."""
    if faulty:
        least = min(item["cer"] for item in faulty)
        return SaladError(
            f"every recording is a fault of synthesis: the least character error rate is {least:.2f}, above"
            " --max-recording-cer",
            "Name a recognizer that knows the language with --asr, or raise --max-recording-cer.",
        )
    for row in skipped:
        if row["reason"] != UNMEASURED:
            problem = f"no row can be measured; row '{row['id']}' of {row['source']}: {row['reason']}"
            return SaladError(problem, "Give shorter texts, or models that read more.")
    return SaladError("no text token follows speech in any row", "Give longer texts or shorter --speech-words.")


def _inputs(checkpoint: str, sources: list[str], settings: GapSettings) -> dict[str, str | Path | None]:
    """Return the inputs by the roles under which the manifest lists them."""
    models = {"checkpoint": checkpoint, "teacher": settings.teacher}
    others = {"regions": settings.regions, "rollouts": settings.rollouts} | (
        model_of(settings.asr) if settings.asr else {}
    )
    return models | others | numbered("samples", sources) | numbered("words", settings.words)


def _teacher(
    cache: TeacherCache | None,
    settings: GapSettings,
    device: str,
    tokenizer: PreTrainedTokenizerBase,
    vocabulary: int,
) -> TeacherSignal:
    """Return the teacher, compared over the tokens that it shares with a student whose head scores `vocabulary`."""
    if cache is not None:
        return CachedTeacher(cache, compared_vocabulary(tokenizer, vocabulary, cache.identity["vocabulary"]))
    model = load_text_model(settings.teacher, dtype=settings.dtype, device=device)
    return LiveTeacher(model, vocabulary=compared_vocabulary(tokenizer, vocabulary, vocabulary_of(model)))


def _rows_by_id(sources: list[str], settings: GapSettings) -> dict[str, dict]:
    read = partial(read_samples, needed=["id", "text"], optional=["domain", "speaker", "duration", "cer", "voice"])
    tables = [(source, read(source, names=settings.names, limit=settings.limit)) for source in sources]
    check_ids_distinct(tables)
    rows = [row for _, table in tables for row in table.to_pylist()]
    return {row["id"]: row | {"synthetic": s} for row, s in zip(rows, are_synthetic(rows), strict=True)}


def _region_of(about: dict[str, dict], regions: str | None) -> dict[str, int]:
    """Return the region of each row: of a text of the pool, or of a spoken text, that the regions were made from."""
    if regions is None:
        return {}
    opened = Regions.open(regions)
    further = {id_: row["text"] for id_, row in about.items() if id_ not in opened.region_of}
    spoken = opened.region_of_spoken(further) if further else {}
    for id_ in further:
        if id_ not in spoken:
            raise SaladError(
                f"{regions} has no region for row '{id_}'",
                "Give the regions of the pool it was chosen from, or of which it was --speech.",
            )
    return opened.region_of | spoken


def _left_out_by_synth(source: str) -> list[str]:
    """Return the ids of the rows that `synth` left out; empty if the source is not an artefact."""
    return [row["id"] for row in Artefact.open(source, SAMPLES).manifest["skipped"]] if is_artefact(source) else []
