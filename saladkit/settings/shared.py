"""Settings that several commands share, with the same meaning in each."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from saladkit.errors import SaladError
from saladkit.settings.on_ray import OnRay
from saladkit.settings.setting import Settings, setting
from saladkit.sources.columns import ColumnNames

LOG_MEL = "log-mel"  # the speech encoder that is trained from scratch
PHONES = "phones"  # the reader of recordings that the voice of this name makes; it has no weights
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, kw_only=True)
class Columns(Settings):
    """Names of the source's columns."""

    id_column: str = setting("id", help="Name of the column of ids.")
    text_column: str = setting("text", help="Name of the column of texts.")
    audio_column: str = setting("audio", help="Name of the column of audio.")

    @property
    def names(self) -> ColumnNames:
        """The names of all three columns."""
        return ColumnNames(self.id_column, self.text_column, self.audio_column)


@dataclass(frozen=True, kw_only=True)
class Seed(Settings):
    """The seed of all random numbers."""

    seed: int = setting(0, low=0, high=2**31 - 1, help="Random seed; the same seed gives the same output.")


@dataclass(frozen=True, kw_only=True)
class Device(Settings):
    """The device on which models run."""

    device: str = setting(
        "auto",
        choices=("auto", "cpu", "cuda", "mps"),
        recorded=False,
        help="Device on which models run; auto takes the best one.",
    )


@dataclass(frozen=True, kw_only=True)
class Dtype(Settings):
    """The data type in which models run."""

    dtype: str = setting("float32", choices=DTYPES, help="Data type of a model's weights.")


@dataclass(frozen=True, kw_only=True)
class Shards(OnRay):
    """Which part of the work this process does."""

    claim: bool = setting(
        False,
        recorded=False,
        help="Share the work with every process that runs this command on the same output folder, also on other"
        " machines: claim a part, make it, claim the next. Processes may join and leave at any time.",
    )
    claim_timeout: float = setting(
        900.0, above=0, recorded=False, help="Seconds without a sign of life after which a claimed part is taken over."
    )
    num_shards: int | None = setting(
        None,
        low=1,
        recorded=False,
        help="Number of processes that share the work; start the command once for each.  [default: tasks of the Slurm"
        " array, else 1]",
    )
    shard_index: int | None = setting(
        None,
        low=0,
        recorded=False,
        help="Index of this process, from 0.  [default: that of the Slurm task, unless --num-shards is another number"
        " than that of the array's tasks; else 0]",
    )

    def check(self) -> None:
        """Raise a SaladError if there is no shard of this index, or if parts are claimed and shared out."""
        super().check()
        shared = "--claim" if self.on is None else "--on"
        if (self.claim or self.on is not None) and (self.num_shards is not None or self.shard_index is not None):
            raise SaladError(
                f"{shared} with --num-shards or --shard-index",
                f"Leave both out: with {shared}, any number of processes share the work.",
            )
        deletes = [f"--{name}" for name in ("overwrite", "remake") if getattr(self, name, False)]
        if (self.claim or self.on is not None) and deletes:
            raise SaladError(
                f"{shared} with {deletes[0]}, which deletes what other processes make",
                f"Remove the output folder first, and leave {deletes[0]} out.",
            )
        index, count = self.shard
        if index >= count:
            raise SaladError(
                f"--shard-index {index} is not below --num-shards {count}",
                "Give an index below --num-shards; the first shard has index 0.",
            )

    def without_ray(self) -> "Shards":
        """Return the settings of the driver's own part of the work, which is done as a further worker."""
        usual: dict[str, Any] = {of.name: of.default for of in fields(OnRay) if of.name != "workers"}
        if not self.starts_processes:
            usual["workers"] = 0
        return replace(self, **usual, claim=True)

    @property
    def shard(self) -> tuple[int, int]:
        """Index and number of shards: as given, or those of a Slurm array's task, or 0 and 1.

        Raises:
            SaladError: the task's number is none of an array with even steps.
        """
        if self.claim or self.on is not None:
            return 0, 1
        if self.shard_index is None and self.num_shards in (None, _slurm_count(os.environ)):
            return _slurm_shard(os.environ)
        return self.shard_index or 0, self.num_shards or 1


def _slurm_count(environment: Mapping[str, str]) -> int | None:
    """Return the number of tasks of the Slurm array that this process belongs to; None outside of one."""
    count = environment.get("SLURM_ARRAY_TASK_COUNT")
    return None if count is None or "SLURM_ARRAY_TASK_ID" not in environment else int(count)


def _slurm_shard(environment: Mapping[str, str]) -> tuple[int, int]:
    count = _slurm_count(environment)
    if count is None:
        return 0, 1
    task = environment["SLURM_ARRAY_TASK_ID"]
    first, step = (int(environment.get(f"SLURM_ARRAY_TASK_{name}", usual)) for name, usual in (("MIN", 0), ("STEP", 1)))
    index, rest = divmod(int(task) - first, step)
    if rest or index >= count:
        raise SaladError(
            f"task {task} has no place in a Slurm array of {count} tasks from {first} in steps of {step}",
            "Use --claim, or an array with even steps such as --array=0-7.",
        )
    return index, count


@dataclass(frozen=True, kw_only=True)
class Limit(Settings):
    """How many rows are read."""

    limit: int | None = setting(None, low=1, help="Read at most this many rows of each input.")


@dataclass(frozen=True, kw_only=True)
class Output(Settings):
    """What happens to the output folder."""

    overwrite: bool = setting(False, recorded=False, help="Delete the content of the output folder first.")
    remake: bool = setting(
        False,
        recorded=False,
        help="Delete the content of the output folder first if it was made from other inputs or settings.",
    )
    dry_run: bool = setting(False, recorded=False, help="Print the plan and write nothing.")


@dataclass(frozen=True, kw_only=True)
class Files(Limit, Output):
    """How many rows are read, and what happens to the output folder."""


@dataclass(frozen=True, kw_only=True)
class BadAudio(Settings):
    """What happens to rows whose audio cannot be used."""

    strict: bool = setting(
        False,
        recorded=False,
        help="Stop at the first row whose audio is missing or damaged. Without it, such rows are left out and listed in"
        " the manifest, unless they are more than half of an input.",
    )


@dataclass(frozen=True, kw_only=True)
class Decontamination(Settings):
    """Which texts are left out because they contain an evaluation question."""

    decontaminate: tuple[str, ...] = setting(
        (),
        metavar="QUESTIONS",
        recorded=False,
        help="Leave out texts that share --ngram consecutive words with one of these questions, or all words of a"
        " shorter question, of 4 words at least; repeat for more.",
    )
    ngram: int = setting(
        13,
        low=1,
        applies=lambda own: bool(own.decontaminate),
        help="Number of consecutive words, for --decontaminate; in scripts without spaces, of signs that make as many.",
    )


@dataclass(frozen=True, kw_only=True)
class Temperature(Settings):
    """The softmax temperature of teacher and student."""

    temperature: float = setting(
        1.0,
        above=0,
        help="Divide the logits of teacher and student by this; use the same value for a teacher cache and a"
        " training on it.",
    )


@dataclass(frozen=True, kw_only=True)
class MaxLength(Settings):
    """The greatest length of a text."""

    max_length: int = setting(
        2048,
        low=2,
        help="Split texts with more tokens between words; use the same value for a teacher cache and a training on it.",
    )


@dataclass(frozen=True, kw_only=True)
class BatchTokens(Settings):
    """The batch size of a frozen model."""

    batch_tokens: int = setting(8192, low=1, recorded=False, help="Tokens per batch, padding included.")


@dataclass(frozen=True, kw_only=True)
class Words(Settings):
    """Where word times come from."""

    words: tuple[str, ...] = setting(
        (),
        metavar="PATH",
        recorded=False,
        help="Word times (from `timestamps` or `import-times`), used instead of those in the samples; repeat for more.",
    )


@dataclass(frozen=True, kw_only=True)
class Spans(Settings):
    """The lengths of text and speech spans; the defaults are the paper's (arXiv 2510.13632)."""

    text_words: tuple[int, int] = setting((10, 30), help="Smallest and largest number of words in a span of text.")
    speech_words: tuple[int, int] = setting((5, 15), help="Smallest and largest number of words in a span of speech.")

    def check(self) -> None:
        """Raise a SaladError if a range of lengths is invalid."""
        super().check()
        for name in ("text_words", "speech_words"):
            low, high = getattr(self, name)
            if not 1 <= low <= high:
                raise SaladError(
                    f"--{name.replace('_', '-')} {low} {high} is not a range of lengths",
                    "Give the shortest length, which is at least 1, and then the longest.",
                )


@dataclass(frozen=True, kw_only=True)
class Interleaving(Spans):
    """How text and speech spans are drawn in training."""

    text_first: float = setting(
        0.5, low=0, high=1, help="Probability that a row or window begins with text rather than speech."
    )
    whole_turns: float = setting(
        0.5,
        low=0,
        high=1,
        help="Probability that a user's turn in a conversation (messages) is heard whole; else it is interleaved.",
    )

    @property
    def interleaving(self) -> dict:
        """How spans are drawn, as the identity of a layouts cache records it."""
        lengths = {"text_words": list(self.text_words), "speech_words": list(self.speech_words)}
        return lengths | {"text_first": self.text_first, "whole_turns": self.whole_turns}


@dataclass(frozen=True, kw_only=True)
class Recognizer(Settings):
    """The speech recognizer."""

    asr: str | None = setting(
        None,
        metavar="NAME",
        recorded=False,
        help="Speech recognizer that transcribes recordings: a Hugging Face model; faster-whisper:MODEL[#LANGUAGE], a"
        " Whisper for CTranslate2; or sphinx (PocketSphinx, English, offline).",
    )


@dataclass(frozen=True, kw_only=True)
class ChatPrompt(Settings):
    """Whether a question is a turn of a chat."""

    apply_chat_template: bool = setting(
        False,
        help="Lay out questions by the tokenizer's chat template, as a user's turn that the assistant answers; few-shot"
        " examples are turns too.",
    )
    system_prompt: str | None = setting(
        None, metavar="TEXT", help="System prompt before the question.  [default: the chat template's own, if any]"
    )


@dataclass(frozen=True, kw_only=True)
class AnswerLength(Settings):
    """How much a model writes."""

    max_new_tokens: int = setting(
        64, low=1, help="Longest written answer, in tokens; an answer whose thoughts do not end is unparsed."
    )


@dataclass(frozen=True, kw_only=True)
class Language(Settings):
    """The language of the texts."""

    language: str | None = setting(
        None,
        metavar="CODE",
        help="Language of the texts. For English (en), numbers, dates, units and abbreviations are first written out"
        " as words; as-written leaves them unchanged.  [default: the voice's; for existing speech, English]",
    )


@dataclass(frozen=True, kw_only=True)
class SpeechEncoder(Settings):
    """The speech encoder of a model."""

    encoder: str = setting(
        LOG_MEL,
        option="--speech-encoder",
        metavar="NAME",
        recorded=False,
        help="Speech encoder: log-mel, which is trained from scratch; folder or name of a frozen Hugging Face model:"
        " Mimi (kyutai/mimi), Whisper, wav2vec2, HuBERT or WavLM; or phones, for speech of the voice phones.",
    )
    bins: int = setting(
        80,
        option="--mel-bins",
        low=1,
        applies=lambda own: own.encoder == LOG_MEL,
        help="Number of mel bins of log-mel.",
    )
    codebooks: int = setting(
        8, low=1, applies=lambda own: own.encoder not in (LOG_MEL, PHONES), help="Number of Mimi's codebooks to use."
    )
    layer: int | None = setting(
        None,
        option="--encoder-layer",
        low=1,
        applies=lambda own: own.encoder not in (LOG_MEL, PHONES),
        help="Layer of Whisper, wav2vec2, HuBERT or WavLM whose output is used.  [default: the last]",
    )
    silence: float = setting(
        4.0,
        option="--encoder-silence",
        low=0,
        applies=lambda own: own.encoder not in (LOG_MEL, PHONES),
        help="Seconds of silence that Whisper reads behind each span or recording; 30 as it was trained. Other encoders"
        " read none.",
    )

    def encoder_model(self) -> str | None:
        """Return folder or name of the encoder's model; None if it comes without weights."""
        return None if self.encoder in (LOG_MEL, PHONES) else self.encoder
