"""Settings of `gap`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Columns, Device, Dtype, Files, Recognizer, Seed, Spans, Words


@dataclass(frozen=True, kw_only=True)
class GapSettings(Recognizer, Words, Spans, Columns, Seed, Device, Dtype, Files):
    """Settings of `gap`: what a checkpoint is compared with, and how its speech input is laid out."""

    teacher: str = setting(
        recorded=False,
        help="The original text LLM, for exact figures; or a teacher cache with its most likely tokens.",
    )
    regions: str | None = setting(
        None, recorded=False, help="Regions that hold the texts (`saladkit regions`): adds means by region."
    )
    context: str = setting(
        "interleaved",
        choices=("interleaved", "spoken"),
        help="Context of a compared word: spans of text and speech in turn, or speech only.",
    )
    interleavings: int = setting(4, low=1, help="Random interleavings drawn per row.")
    worst: float = setting(
        0.15,
        low=0,
        high=1,
        help="Share of regions to mark as bad speech, those with the highest error rates of --asr.",
    )
    batch_size: int = setting(16, low=1, recorded=False, help="Rows per batch.")
