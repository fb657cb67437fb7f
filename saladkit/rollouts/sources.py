"""Read samples and draw the prompts of their rows."""

from dataclasses import dataclass, field

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.layouts_cache import holds_layouts
from saladkit.formats.rollouts import SPEECH
from saladkit.rollouts.known_model import KnownModel
from saladkit.rollouts.prompts import Prompt, PromptDrawing
from saladkit.rows.model_limits import check_most_are_known
from saladkit.rows.training_rows import TrainingSource
from saladkit.rows.training_sources import open_speech, open_text
from saladkit.settings.rollout import RolloutSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.samples import check_ids_distinct
from saladkit.speech.audio.audio_rows import AudioRows


@dataclass
class Prompts:
    """The prompts of all sources, in order, and the rows without one, as a manifest lists them."""

    all: list[Prompt] = field(default_factory=list)
    skipped: list[dict] = field(default_factory=list)
    audio: list[AudioRows] = field(default_factory=list)

    @property
    def has_conversations(self) -> bool:
        """Whether a prompt is laid out by the chat template."""
        return any(prompt.is_conversation for prompt in self.all)


def read_prompts(sources: list[str], known: KnownModel, settings: RolloutSettings) -> Prompts:
    """Read the rows of all sources and draw a prompt of each.

    Raises:
        SaladError: samples or caches cannot be read, a cache holds layouts, or no row has a prompt.
    """
    for path in settings.frames:
        if holds_layouts(path):
            raise SaladError(
                f"{path} holds layouts that were drawn for training, in which no prompt ends where it is to end",
                "Leave it out: prompts are encoded alone.",
            )
    opened = [_open(path, known, settings) for path in sources]
    check_ids_distinct([(source.name, pa.table({"id": source.ids})) for source in opened])
    drawing = PromptDrawing(settings.prompt_words, settings.prompt_modality, settings.seed)
    found = Prompts()
    for source in opened:
        found.audio += [source.unusable] if source.unusable else []
        found.skipped += source.unusable_rows()
        _check_tokens(source, known)
        for row, id_ in enumerate(source.ids):
            made = drawing.of_row(source, row)
            reason = made if isinstance(made, str) else _why_not(made, known, settings)
            if isinstance(made, str) or reason is not None:
                found.skipped.append({"id": id_, "source": source.name, "reason": reason})
            else:
                found.all += made
    if not found.all:
        raise _no_prompts(found.skipped, sources)
    return found


def _open(path: str, known: KnownModel, settings: RolloutSettings) -> TrainingSource:
    source, tokenizer, names, limit = WeightedPath(path), known.tokenizer, settings.names, settings.limit
    if SPEECH not in settings.prompt_modality:
        return open_text(source, tokenizer, names=names, limit=limit)
    assert known.front_end is not None
    return open_speech(
        source,
        tokenizer,
        known.front_end,
        frames_caches=settings.frames,
        word_times=settings.words,
        names=names,
        limit=limit,
        strict=settings.strict,
    )


def _check_tokens(source: TrainingSource, known: KnownModel) -> None:
    pairs = zip(source.ids, source.texts, strict=True)
    unknown = [id_ for id_, text in pairs if not known.limits.knows(text.token_ids)]
    check_most_are_known(known.tokenizer, known.limits, source.name, unknown, len(source))


def _why_not(prompts: list[Prompt], known: KnownModel, settings: RolloutSettings) -> str | None:
    """Return why the model cannot read the prompts of a row with their responses; None if it can."""
    lengths = [len(prompt.token_ids) for prompt in prompts]
    if known.limits.positions is not None:
        lengths = [prompt.most_positions(known.layout) for prompt in prompts]
    return known.limits.why_not(prompts[0].token_ids, max(lengths) + settings.max_new_tokens)


def _no_prompts(skipped: list[dict], sources: list[str]) -> SaladError:
    if not skipped:
        return SaladError(f"{', '.join(sources)}: there are no rows", "Give samples with at least one row.")
    first = skipped[0]
    return SaladError(
        f"no row has a prompt; row '{first['id']}' of {first['source']}: {first['reason']}",
        "Give longer rows, a wider range of --prompt-words or fewer --max-new-tokens.",
    )
