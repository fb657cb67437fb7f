"""Settings of `gap`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import BadAudio, Columns, Device, Dtype, Files, Recognizer, Seed, Spans, Words


@dataclass(frozen=True, kw_only=True)
class GapSettings(Recognizer, Words, Spans, BadAudio, Columns, Seed, Device, Dtype, Files):
    """Settings of `gap`: what a checkpoint is compared with, and how its speech input is laid out."""

    teacher: str = setting(
        recorded=False,
        help="The text LLM that CHECKPOINT was made from, for exact figures; or a teacher cache of its most likely"
        " tokens, for lower bounds.",
    )
    regions: str | None = setting(
        None, recorded=False, help="Regions of the texts (from `saladkit regions`), for figures by region."
    )
    context: str = setting(
        "interleaved",
        choices=("interleaved", "spoken"),
        help="What comes before a compared word: text and speech in turn, or speech only.",
    )
    interleavings: int = setting(4, low=1, help="Number of random interleavings of text and speech per row.")
    worst: float = setting(
        0.15,
        low=0,
        high=1,
        help="Share of regions, those with the highest character error rates by --asr, that are marked as bad speech.",
    )
    batch_size: int = setting(16, low=1, recorded=False, help="Rows per batch.")
