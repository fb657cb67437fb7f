"""Settings that mean the same in every verb."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.sources.columns import ColumnNames

LOG_MEL = "log-mel"  # the speech encoder that is trained from scratch
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, kw_only=True)
class Columns(Settings):
    """What a source calls the columns that we need."""

    id_column: str = setting("id", help="Column of the ids.")
    text_column: str = setting("text", help="Column of the texts.")
    audio_column: str = setting("audio", help="Column of the audio.")

    @property
    def names(self) -> ColumnNames:
        """The three names together."""
        return ColumnNames(self.id_column, self.text_column, self.audio_column)


@dataclass(frozen=True, kw_only=True)
class Seed(Settings):
    """The seed of everything that is drawn."""

    seed: int = setting(0, low=0, high=2**31 - 1, help="The same seed gives the same bytes.")


@dataclass(frozen=True, kw_only=True)
class Device(Settings):
    """Where models run."""

    device: str = setting("auto", choices=("auto", "cpu", "cuda", "mps"), recorded=False, help="Where models run.")


@dataclass(frozen=True, kw_only=True)
class Dtype(Settings):
    """The numbers that models run in."""

    dtype: str = setting("float32", choices=DTYPES, help="Type of the weights while a model runs.")


@dataclass(frozen=True, kw_only=True)
class Shards(Settings):
    """Which part of the work this process does."""

    num_shards: int = setting(1, low=1, recorded=False, help="Number of processes that share the work.")
    shard_index: int = setting(0, low=0, recorded=False, help="Index of this process among them.")

    def check(self) -> None:
        """Raise a SaladError where there is no such shard."""
        super().check()
        if self.shard_index >= self.num_shards:
            raise SaladError(
                f"--shard-index {self.shard_index} of --num-shards {self.num_shards}", "The first shard has index 0."
            )


@dataclass(frozen=True, kw_only=True)
class Limit(Settings):
    """How much is read."""

    limit: int | None = setting(None, low=1, help="Read at most this many rows of each input.")


@dataclass(frozen=True, kw_only=True)
class Output(Settings):
    """What happens to the output folder."""

    overwrite: bool = setting(False, recorded=False, help="Delete what the output folder holds.")
    dry_run: bool = setting(False, recorded=False, help="Print the plan and write nothing.")


@dataclass(frozen=True, kw_only=True)
class Files(Limit, Output):
    """How much is read, and what happens to the output folder."""


@dataclass(frozen=True, kw_only=True)
class Temperature(Settings):
    """The softmax temperature of teacher and student."""

    temperature: float = setting(
        1.0, above=0, help="Divide the logits of teacher and student by this; a cache and a training must agree on it."
    )


@dataclass(frozen=True, kw_only=True)
class MaxLength(Settings):
    """How long a text may be."""

    max_length: int = setting(
        2048, low=2, help="Split longer texts between words, in tokens; a cache and a training must agree on it."
    )


@dataclass(frozen=True, kw_only=True)
class BatchTokens(Settings):
    """How much text a frozen model reads at a time."""

    batch_tokens: int = setting(8192, low=1, recorded=False, help="Tokens per batch, padding included.")


@dataclass(frozen=True, kw_only=True)
class Words(Settings):
    """Where word times come from."""

    words: tuple[str, ...] = setting(
        (),
        metavar="PATH",
        recorded=False,
        help="Word times (`timestamps`, `import-times`) to use instead of those in the samples; repeat for more.",
    )


@dataclass(frozen=True, kw_only=True)
class Spans(Settings):
    """How long the spans of text and of speech are (the defaults are the paper's)."""

    text_words: tuple[int, int] = setting((10, 30), help="Shortest and longest text span, in words.")
    speech_words: tuple[int, int] = setting((5, 15), help="Shortest and longest speech span, in words.")

    def check(self) -> None:
        """Raise a SaladError where a range of lengths is none."""
        super().check()
        for name in ("text_words", "speech_words"):
            low, high = getattr(self, name)
            if not 1 <= low <= high:
                raise SaladError(
                    f"--{name.replace('_', '-')} {low} {high} is no range of lengths",
                    "Give the shortest length, at least 1, and then the longest.",
                )


@dataclass(frozen=True, kw_only=True)
class Recognizer(Settings):
    """Who transcribes speech."""

    asr: str | None = setting(
        None,
        metavar="NAME",
        recorded=False,
        help="Speech recognizer: a Hugging Face model, or sphinx (PocketSphinx, English, offline).",
    )


@dataclass(frozen=True, kw_only=True)
class Language(Settings):
    """The language of the texts."""

    language: str | None = setting(
        None,
        metavar="CODE",
        help="Language of the texts. In English (en) numbers, dates, units and abbreviations are spoken and aligned"
        " as words; as-written leaves them as they are.  [default: the voice's; for existing speech, English]",
    )


@dataclass(frozen=True, kw_only=True)
class SpeechEncoder(Settings):
    """Which speech encoder the model listens with."""

    encoder: str = setting(
        LOG_MEL,
        option="--speech-encoder",
        metavar="NAME",
        recorded=False,
        help="Speech encoder: log-mel, trained from scratch; or a frozen Hugging Face model, a folder or a name:"
        " Mimi (kyutai/mimi), or a Whisper, wav2vec2, HuBERT or WavLM model.",
    )
    bins: int = setting(
        80, option="--mel-bins", low=1, applies=lambda own: own.encoder == LOG_MEL, help="Mel bins of log-mel."
    )
    codebooks: int = setting(
        8, low=1, applies=lambda own: own.encoder != LOG_MEL, help="Number of Mimi's codebooks that are used."
    )
    layer: int | None = setting(
        None,
        option="--encoder-layer",
        low=1,
        applies=lambda own: own.encoder != LOG_MEL,
        help="Layer whose output is used, for Whisper, wav2vec2, HuBERT and WavLM.  [default: the last]",
    )
