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
    rollouts: str | None = setting(
        None,
        metavar="PATH",
        recorded=False,
        help="Rollouts (from `rollout`) behind prompts of SAMPLES, for the exposure gap: teacher KL behind what was"
        " written, less teacher KL behind the true text. A teacher cache needs to be of SAMPLES and rollouts.",
    )
    context: str = setting(
        "interleaved",
        choices=("interleaved", "spoken"),
        help="What comes before a compared word: text and speech in turn, or speech only.",
    )
    interleavings: int = setting(4, low=1, help="Number of random interleavings of text and speech per row.")
    max_recording_cer: float | None = setting(
        0.5,
        low=0,
        help="Leave out synthetic recordings with a higher character error rate by --asr, as faults of the synthesis.",
    )
    max_region_cer: float = setting(
        0.2,
        low=0,
        applies=lambda own: own.worst is None,
        help="Mark a region as bad speech if its character error rate, less that of natural recordings in the region"
        " if there are any, is above this.",
    )
    worst: float | None = setting(
        None,
        low=0,
        high=1,
        help="Instead of --max-region-cer, mark this share of regions, those with the highest character error rates,"
        " however low they are (the paper: 0.15).",
    )
    batch_size: int = setting(16, low=1, recorded=False, help="Rows per batch.")
