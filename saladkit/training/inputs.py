"""Open and check the sources of a training run, and list its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.rollouts import SCHEMA, VERSION
from saladkit.job import numbered
from saladkit.machine import is_main_process, processes
from saladkit.progress import say
from saladkit.rows.frame_sources import StoredLayouts, WholeRecordings
from saladkit.rows.readers import Readers
from saladkit.rows.rollout_rows import open_rollouts
from saladkit.rows.row_pieces import TOO_LONG
from saladkit.rows.schedule import StepShape, TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.spoken_phonemes import SourcePhonemes, SpokenPhonemes
from saladkit.rows.training_rows import TrainingSource
from saladkit.rows.training_sources import open_text, speech_source
from saladkit.rows.usable_speech import read_usable_speech
from saladkit.settings.training import TrainingSettings
from saladkit.speech.audio.audio_rows import audio_counts
from saladkit.speech.front_end import FrontEnd, leak_of
from saladkit.speech.phonemes import EspeakPhonemizer
from saladkit.training.decontamination import count_contaminated, without_questions

LOOKED_AT = 1000  # rows, to estimate how many words of a source are heard


@dataclass(frozen=True)
class TrainingInputs:
    """Sources of speech, of replayed text and of rollouts, and how their rows are laid out."""

    sources: list[TrainingSource]
    layout: SequenceLayout

    def followed(self, settings: TrainingSettings) -> list[TrainingSource]:
        """Return the sources whose rows learn from the teacher."""
        learn = settings.alpha > 0
        return [s for s in self.sources if s.is_rollouts or (learn and not settings.learns_from_text_alone(s.replay))]

    def phonemes(self) -> list[str] | None:
        """Return the phonemes that vectors learn to name, which are found now; None without a phoneme loss."""
        found = (source.phonemes.spoken for source in self.sources if source.phonemes is not None)
        spoken = next(found, None)
        return None if spoken is None else spoken.names

    def left_out(self) -> list[dict]:
        """Return the rows that are left out, as a manifest lists them."""
        unusable = [row for source in self.sources for row in source.unusable_rows()]
        return unusable + [
            {"id": id_, "source": s.name, "reason": why} for s in self.sources for id_, why in s.left_out
        ]

    def audio_counts(self) -> dict[str, int]:
        """Return how many recordings could not be used or were mended, as `audio_counts`."""
        return audio_counts(source.unusable for source in self.sources)

    def figures(self, settings: TrainingSettings, schedule: TrainingSchedule) -> dict:
        """Return the plan: rows and text tokens of every source, and how much is to be read."""
        return {
            "rows": {source.name: len(source) for source in self.sources},
            "text_tokens": {s.name: sum(len(text.token_ids) for text in s.texts) for s in self.sources},
            "rows_never_cut": sum(source.never_cut for source in self.sources),
            "rows_split": sum(source.split for source in self.sources),
            "skipped": len(self.left_out()),
            "rows_with_questions": sum(map(count_contaminated, self.sources)),
            "windows_to_read" if settings.window else "rows_to_read": len(schedule),
            "positions_to_read": round(schedule.expected_positions()),
        }

    def schedule(self, settings: TrainingSettings) -> TrainingSchedule:
        """Return the order in which the rows are read, by those processes that run or are planned for."""
        count = settings.for_processes or processes()
        shape = StepShape(
            settings.per_device_train_batch_size,
            settings.gradient_accumulation_steps * count,
            count,
            packed=settings.batching != "padded",
        )
        return TrainingSchedule(self.sources, self.layout, settings, shape)


def open_inputs(
    settings: TrainingSettings, tokenizer: PreTrainedTokenizerBase, readers: Readers, front_end: FrontEnd
) -> TrainingInputs:
    """Open and check all sources.

    Args:
        readers: the model to train, and the text LLM that runs beside it.
        front_end: the front end of the model to train.

    Raises:
        SaladError: a source cannot be read, no row of it fits --max-length and the models, speech has no word times, or
            every row of a source contains a question of --decontaminate.
    """
    names, limit, max_length = settings.names, settings.limit, settings.max_length
    for rollouts in settings.rollout_sources:
        Artefact.open(rollouts.path, SCHEMA, VERSION)  # before any audio is decoded
    speech = [
        read_usable_speech(
            source,
            front_end,
            frames_caches=list(settings.frames),
            word_times=list(settings.words),
            names=names,
            limit=limit,
            strict=settings.strict,
        )
        for source in settings.speech_sources
    ]
    sources = [
        speech_source(usable, tokenizer, max_length=max_length, readers=readers, interleaving=settings)
        for usable in speech
    ]
    sources += [
        open_text(source, tokenizer, names=names, limit=limit, max_length=max_length, readers=readers)
        for source in settings.text_sources
    ]
    sources += [
        open_rollouts(source, speech, tokenizer, limit=limit, max_length=max_length, readers=readers)
        for source in settings.rollout_sources
    ]
    for source in sources:
        _check_trainable(source, settings)
    whole = any(isinstance(source.frames, WholeRecordings) for source in sources)
    if whole and readers.layout.looks_ahead and is_main_process():
        say(leak_of(front_end.identity["name"]))
    if settings.lexical_steps and is_main_process():
        for note in map(_note_on_layouts, sources):
            if note:
                say(note)
    return TrainingInputs(with_phonemes(without_questions(sources, settings, tokenizer), settings), readers.layout)


def with_phonemes(sources: list[TrainingSource], settings: TrainingSettings) -> list[TrainingSource]:
    """Return the sources, those with speech with the phonemes of their rows if vectors learn to name them.

    Raises:
        SaladError: as `EspeakPhonemizer`.
    """
    if not settings.phoneme_loss_weight():
        return sources
    spoken = [source.words or [] if source.frames is not None else [] for source in sources]
    phonemes = SpokenPhonemes(EspeakPhonemizer(settings.spoken_language()), [own for rows in spoken for own in rows])
    first = np.cumsum([0, *map(len, spoken)]).tolist()
    return [
        replace(source, phonemes=SourcePhonemes(phonemes, begin)) if source.frames is not None else source
        for source, begin in zip(sources, first, strict=False)
    ]


def _note_on_layouts(source: TrainingSource) -> str | None:
    """Return a note if lexical steps hear a part of the words alone, because what is heard was drawn ahead."""
    if not isinstance(source.frames, StoredLayouts):
        return None
    rows = list(zip(source.ids, source.texts, strict=True))[:LOOKED_AT]
    spans = [span for id_, text in rows for span in source.frames.spans(id_, text, 0)[0]]
    heard = sum(span.end - span.begin for span in spans if span.is_speech)
    return (
        f"note: a lexical step hears the speech spans of one layout of {source.name} alone,"
        f" {heard / sum(span.end - span.begin for span in spans):.0%} of the words; give more --lexical-steps"
    )


def _check_trainable(source: TrainingSource, settings: TrainingSettings) -> None:
    further = [found for found in source.left_out if found[1] != TOO_LONG]
    if not len(source) and further:
        id_, reason = further[0]
        raise SaladError(
            f"no row of {source.name} can be read; row '{id_}': {reason}",
            "Raise --window, lower --max-length, or cut the recordings."
            if settings.window
            else "Lower --max-length, cut the recordings, or give a text LLM that reads more.",
        )
    if not len(source):
        raise SaladError(
            f"every row of {source.name} is over --max-length {settings.max_length}, and none can be split",
            "Raise --max-length, or put spaces where words end.",
        )
    taught = source.is_rollouts or (settings.alpha > 0 and not settings.learns_from_text_alone(source.replay))
    if not any(len(text.token_ids) > 1 or taught or text.following is not None for text in source.texts):
        raise SaladError(
            f"no row of {source.name} has a position with a loss: each is a single token, and no EOS follows",
            "Give longer texts, or leave this source out.",
        )
    if source.frames is not None and source.never_cut == len(source):
        raise SaladError(
            f"no row of {source.name} has a word inside whose time is known, so none can be interleaved",
            "Find the times with `saladkit timestamps` and give them with --words.",
        )


def input_paths(settings: TrainingSettings, teachers: Sequence[str]) -> dict[str, str | Path | None]:
    """Return the inputs by role, as a manifest lists them."""
    return {
        **numbered("data", [source.path for source in settings.speech_sources]),
        **numbered("replay", [source.path for source in settings.text_sources]),
        **numbered("frames", settings.frames),
        **numbered("words", settings.words),
        **numbered("decontaminate", settings.decontaminate),
        **numbered("rollouts", [source.path for source in settings.rollout_sources]),
        **({"teacher": teachers[0]} if len(teachers) == 1 else numbered("teacher", teachers)),
        "state": settings.resume_from_checkpoint,
    }


def identified_beside(settings: TrainingSettings) -> dict:
    """Return what the weights depend on beyond the recorded settings and the inputs' content."""
    sources = {"data": settings.speech_sources, "replay": settings.text_sources}
    sources |= {"rollouts": settings.rollout_sources} if settings.rollout_sources else {}
    weights = {role: [source.weight for source in found] for role, found in sources.items()}
    return {"weights": weights, "processes": processes()}
