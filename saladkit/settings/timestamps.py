"""Settings of `timestamps`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import BadAudio, Columns, Device, Files, Language, Shards

LOW_SCORE = 0.02  # below this the recording rarely speaks the text; measured by benchmarks/timestamp_scores.py


@dataclass(frozen=True, kw_only=True)
class TimestampsSettings(Language, BadAudio, Columns, Device, Shards, Files):
    """Settings of `timestamps`: the aligner."""

    starts_processes = True

    aligner: str = setting(
        help="Aligner: ctc:MODEL (a Hugging Face CTC model) or sphinx (PocketSphinx, English, offline)."
    )
    min_score: float = setting(
        LOW_SCORE,
        low=0,
        high=1,
        help="List rows whose text fits their audio with a score below this in flagged.jsonl; the rows are kept. 0:"
        " do not compute scores, which makes sphinx three times as fast.",
    )
