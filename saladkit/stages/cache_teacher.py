"""`cache-teacher`: store a text LLM's next-token distributions once for all later training."""

from functools import cache
from pathlib import Path

from saladkit.caching.earlier_caches import EarlierCaches
from saladkit.caching.filling import cache_parts, fill_parts, kept_figures
from saladkit.caching.prediction import predict
from saladkit.caching.running_teacher import RunningTeacher, identity_of
from saladkit.caching.verification import verify
from saladkit.formats.teacher_cache import SCHEMA, VERSION
from saladkit.job import Clock, Job, Made, Part, Work, numbered
from saladkit.model.limits import read_limits
from saladkit.model.loading import load_tokenizer
from saladkit.progress import say
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.distinct_texts import read_distinct_texts
from saladkit.settings.cache_teacher import CacheTeacherSettings


def cache_teacher(sources: list[str], output: str | Path, settings: CacheTeacherSettings) -> dict:
    """Store the sparse distributions of every distinct text in `sources`.

    Texts of more than `max_length` tokens are split between words. The distributions of texts in a cache of `reuse` are
    copied. A dry run times a few batches. With `verify`, random texts of the complete cache are recomputed and
    compared with it, in every run.

    Returns:
        The summary: rows, positions, bytes per position, positions per second, mean stored probability, and the result
        of the verification.

    Raises:
        SaladError: samples or the model cannot be read, a cache to reuse is of another teacher, or no text can be
            cached because of its length.
    """
    clock = Clock()
    tokenizer = load_tokenizer(settings.model)
    limits = read_limits(settings.model)
    longest = limits.at_most(settings.max_length) or settings.max_length
    texts = read_distinct_texts(sources, tokenizer, limits, longest, settings.names, settings.limit)
    if texts.split:
        say(f"cache-teacher: {texts.split} texts of more than {longest} tokens are split between words")
    identity = identity_of(settings, tokenizer)
    laid_out = {"chat_template": ChatTemplate(tokenizer).digest} if texts.has_conversations else {}
    earlier = EarlierCaches.open(settings.reuse, identity)
    reused = sum(earlier.has(tokens) for _, tokens in texts.rows)
    teacher = cache(lambda: RunningTeacher.load(settings, identity))
    counts = {"rows": len(texts.rows), "rows_split": texts.split, "positions": texts.positions}
    further = {"reused": reused, "skipped": len(texts.skipped)}

    def make(work: Work) -> Made:
        parts, running, before = cache_parts(texts), teacher(), clock.seconds()
        computed = work.fill(
            [Part(part.files, len(part.texts)) for part in parts],
            lambda missing: fill_parts((parts[i] for i in missing), work.path, running, earlier, work.advance),
            unit="text",
        )
        speed = {"positions_per_second": round(sum(computed) / max(work.busy_seconds() - before, 0.01))}
        size = {"bytes_per_position": round(work.bytes() / texts.positions, 1)}
        held = counts | size | kept_figures(parts, work.path, settings.keep)
        identity = running.identity | laid_out
        return Made(counts=held, figures=held | further | speed, skipped=texts.skipped, identity=identity)

    def examine(folder: Path) -> dict:
        token_ids = [tokens for _, tokens in texts.rows]
        return {"verified": verify(folder, teacher(), token_ids, settings.verify)} if settings.verify else {}

    inputs = {"model": settings.model} | numbered("samples", sources) | numbered("reuse", settings.reuse)
    job = Job("cache-teacher", SCHEMA, VERSION, settings, inputs, identified=laid_out, clock=clock)
    return job.run(
        output, plan=counts | further, make=make, foresee=lambda: predict(teacher(), texts, earlier), examine=examine
    )
