"""`rollout`: let a checkpoint write on behind prompts that it hears or reads."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from saladkit.formats.files import part_name
from saladkit.formats.rollouts import SCHEMA, VERSION
from saladkit.job import Clock, Job, Made, Part, Work, numbered
from saladkit.progress import say
from saladkit.rollouts.figures import TRUNCATED, figures_of
from saladkit.rollouts.filling import fill_parts, parts_of, predict
from saladkit.rollouts.known_model import KnownModel
from saladkit.rollouts.sources import read_prompts
from saladkit.rollouts.writer import RolloutWriter
from saladkit.settings.rollout import RolloutSettings
from saladkit.speech.audio.audio_rows import audio_counts


def rollout(checkpoint: str, sources: list[str], output: str | Path, settings: RolloutSettings) -> dict:
    """Write `samples` responses to the first words of every row of `sources`, heard or read.

    Rows whose audio cannot be used, or that no place can be cut at, are listed in the manifest. A dry run times a few
    batches.

    Returns:
        The summary: rows, positions, lengths and ends of responses, repetitions, and how far the log-probabilities of a
        second pass lie from those with which the tokens were drawn.

    Raises:
        SaladError: the checkpoint or samples cannot be read, or do not fit; no row has a prompt; or logits are not
            finite.
    """
    clock = Clock()
    known = KnownModel.open(checkpoint, settings)
    prompts = read_prompts(sources, known, settings)
    has_conversations = prompts.has_conversations
    writer = cache(lambda: RolloutWriter.load(known, settings, has_conversations))
    parts = parts_of(prompts.all, settings.samples)
    names = [part_name(index, len(parts), ".parquet") for index in range(len(parts))]
    planned = {"prompts": len(prompts.all), "skipped": len(prompts.skipped)}

    def make(work: Work) -> Made:
        running, before = writer(), clock.seconds()

        def fill(missing: Iterator[int]) -> int:
            return fill_parts(((parts[i], work.path / names[i]) for i in missing), running, work.advance)

        listed = [Part((name,), len(part) * settings.samples) for name, part in zip(names, parts, strict=True)]
        speed = round(sum(work.fill(listed, fill)) / max(work.busy_seconds() - before, 0.01), 1)
        figures = figures_of(work.path / name for name in names)
        if figures["truncated"] > TRUNCATED:
            say(
                f"note: {100 * figures['truncated']:.0f} % of the responses were cut off at --max-new-tokens"
                f" {settings.max_new_tokens}"
            )
        mended = audio_counts(prompts.audio)
        counts = {name: value for name, value in figures.items() if name != "largest_difference"} | mended
        identity = known.identity(has_conversations)
        return Made(counts, figures | planned | mended | {"tokens_per_second": speed}, prompts.skipped, identity)

    inputs = {"checkpoint": checkpoint} | numbered("samples", sources)
    inputs |= numbered("frames", settings.frames) | numbered("words", settings.words)
    job = Job("rollout", SCHEMA, VERSION, settings, inputs, identified=_laid_out(known, has_conversations), clock=clock)
    return job.run(output, plan=planned, make=make, foresee=lambda: predict(writer(), prompts.all))


def _laid_out(known: KnownModel, has_conversations: bool) -> dict:
    return {"chat_template": known.template().digest} if has_conversations else {}
