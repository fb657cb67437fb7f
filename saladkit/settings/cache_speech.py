"""Settings of `cache-speech`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import setting
from saladkit.settings.shared import (
    BadAudio,
    Columns,
    Device,
    Dtype,
    Files,
    Interleaving,
    MaxLength,
    Seed,
    Shards,
    SpeechEncoder,
    Words,
)

_OF_LAYOUTS = ("layouts", "text_words", "speech_words", "text_first", "whole_turns", "max_length", "seed")


@dataclass(frozen=True, kw_only=True)
class CacheSpeechSettings(
    SpeechEncoder, Interleaving, MaxLength, Words, Seed, BadAudio, Columns, Device, Dtype, Shards, Files
):
    """Settings of `cache-speech`: the speech encoder, and how it runs."""

    batch_seconds: float = setting(
        120.0,
        above=0,
        recorded=False,
        help="Seconds of audio per batch, padding included. On a CPU, a lower value is as fast and needs less memory.",
    )
    layouts: int = setting(
        0,
        low=0,
        help="For encoders that look ahead: draw this many layouts (lists of text and speech spans) of each row, and"
        " encode only their speech spans, each alone. 0: encode whole recordings.",
    )
    tokenizer: str | None = setting(
        None,
        metavar="MODEL",
        recorded=False,
        help="For --layouts: the text LLM that will be trained, whose tokenizer tells where words may be cut.",
    )

    def check(self) -> None:
        """Raise a SaladError if there are layouts without a tokenizer, or a tokenizer without layouts."""
        super().check()
        if self.layouts and self.tokenizer is None:
            raise SaladError(
                f"--layouts {self.layouts} without --tokenizer",
                "Give the text LLM that will be trained with --tokenizer.",
            )
        if self.tokenizer is not None and not self.layouts:
            raise SaladError("--tokenizer without --layouts", "Give --layouts 3, or leave --tokenizer out.")

    def recorded(self) -> dict:
        """Return the settings that a manifest records; how spans are drawn only if there are layouts."""
        found = super().recorded()
        return found if self.layouts else {name: found[name] for name in found if name not in _OF_LAYOUTS}
