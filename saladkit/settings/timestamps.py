"""Settings of `timestamps`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Columns, Device, Files, Language, Shards

LOW_SCORE = 0.02  # of a text that is not the one spoken; benchmarks/timestamp_scores.py measures what it tells apart


@dataclass(frozen=True, kw_only=True)
class TimestampsSettings(Language, Columns, Device, Shards, Files):
    """Which aligner finds the times."""

    aligner: str = setting(help="ctc:MODEL (a Hugging Face CTC model) or sphinx (PocketSphinx, English, offline).")
    min_score: float = setting(
        LOW_SCORE,
        low=0,
        high=1,
        help="List the rows whose text fits their audio with a score below this in flagged.jsonl; they are kept. 0"
        " computes no scores, which makes sphinx three times as fast.",
    )
    workers: int = setting(0, low=0, recorded=False, help="Number of processes, for sphinx; 0: one per core.")
