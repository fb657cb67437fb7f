"""Settings of `distill`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import LOG_MEL, PHONES, SpeechEncoder
from saladkit.settings.training import TrainingSettings
from saladkit.settings.weighted_path import WeightedPath

FREE, LEARNED = "free", "learned"
ADAPTER_LENGTHS = (FREE, LEARNED)


@dataclass(frozen=True, kw_only=True)
class AdapterSettings(Settings):
    """The shape of the adapter; the defaults are the paper's (the layers of SmolLM-360M)."""

    adapter_layers: int = setting(12, low=1, help="Number of the adapter's layers (Llama-style).")
    adapter_width: int = setting(960, low=1, help="Width of the adapter's layers.")
    adapter_mlp_width: int = setting(2560, low=1, help="Width of the adapter's MLPs.")
    adapter_heads: int = setting(15, low=1, help="Number of the adapter's attention heads.")
    adapter_kv_heads: int = setting(5, low=1, help="Number of the adapter's key-value heads.")
    adapter_length: str = setting(
        FREE,
        choices=ADAPTER_LENGTHS,
        help="Whether each speech vector has its own length (free, the paper's), or all have one learned length, which"
        " --lexical-weight needs (learned).",
    )

    def check(self) -> None:
        """Raise a SaladError if heads do not divide the width, or key-value heads do not divide the heads."""
        super().check()
        # Twice the heads, as rotary embeddings need an even width per head.
        if self.adapter_width % (2 * self.adapter_heads) or self.adapter_heads % self.adapter_kv_heads:
            raise SaladError(
                f"an adapter of width {self.adapter_width} with {self.adapter_heads} heads and"
                f" {self.adapter_kv_heads} key-value heads",
                "Make the width a multiple of twice the heads, and the heads a multiple of the key-value heads.",
            )


@dataclass(frozen=True, kw_only=True)
class DistillSettings(AdapterSettings, SpeechEncoder, TrainingSettings):
    """Settings of Stage I: the teacher, the shape of the model, and its training."""

    data: tuple[str, ...] = setting(
        metavar="PATH[:WEIGHT]",
        recorded=False,
        help="Samples with speech, text and word times; repeat for a mixture, of which each source gets the share that"
        " its weight says.",
    )
    teacher: str | None = setting(
        None,
        recorded=False,
        help="The teacher: a teacher cache (from `cache-teacher`), or a text LLM, to run during training.  [default:"
        " MODEL]",
    )
    encoder_width: int = setting(
        160,
        low=1,
        applies=lambda own: own.encoder in (LOG_MEL, PHONES),
        help="Width of the encoder that is trained on log-mel frames or on phones.",
    )
    encoder_fine_blocks: int = setting(
        0,
        low=0,
        applies=lambda own: own.encoder == LOG_MEL,
        help="Number of residual convolutions of this encoder at 25 vectors a second.",
    )
    encoder_blocks: int = setting(
        2,
        low=0,
        applies=lambda own: own.encoder in (LOG_MEL, PHONES),
        help="Number of residual convolutions of this encoder at 12.5 vectors a second.",
    )
    phoneme_weight: float = setting(
        0.0,
        low=0,
        help="Weight, in the lexical steps, of the phoneme loss, by which the encoder's vectors name the phonemes of"
        " spoken words (not in the paper).",
    )
    phoneme_language: str = setting(
        "en-us",
        metavar="CODE",
        applies=lambda own: own.phoneme_weight > 0,
        help="Language in which espeak-ng says the phonemes of the words, for --phoneme-weight.",
    )
    modality_token: bool = setting(False, help="Insert learned vectors where speech begins and where text follows it.")

    @property
    def speech_sources(self) -> list[WeightedPath]:
        """The sources of speech with their weights."""
        return [WeightedPath.parse(text) for text in self.data]

    def phoneme_loss_weight(self) -> float:
        """Return the weight of the phoneme loss in the lexical steps."""
        return self.phoneme_weight

    def spoken_language(self) -> str:
        """Return the language whose phonemes are named, where there is a phoneme loss."""
        return self.phoneme_language

    def check(self) -> None:
        """Raise a SaladError if there is a phoneme loss without lexical steps, or an encoder that is not trained."""
        super().check()
        if self.phoneme_weight and self.encoder != LOG_MEL:
            raise SaladError(
                f"--phoneme-weight {self.phoneme_weight} has no effect on {self.encoder}, which no sound trains",
                f"Give --speech-encoder {LOG_MEL}, or leave --phoneme-weight out.",
            )
        if self.phoneme_weight and not self.lexical_steps:
            raise SaladError(
                f"--phoneme-weight {self.phoneme_weight} without lexical steps",
                "Give --lexical-steps and --lexical-weight, or leave --phoneme-weight out.",
            )
