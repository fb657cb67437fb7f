"""Settings of `timestamps`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Columns, Device, Files, Language, Shards


@dataclass(frozen=True, kw_only=True)
class TimestampsSettings(Language, Columns, Device, Shards, Files):
    """Which aligner finds the times."""

    aligner: str = setting(help="ctc:MODEL (a Hugging Face CTC model) or sphinx (PocketSphinx, English, offline).")
    min_score: float = setting(
        0.02,
        low=0,
        high=1,
        help="List rows in flagged.jsonl whose text fits their audio less than this; 0 computes no scores, which makes"
        " sphinx three times as fast.",
    )
    workers: int = setting(0, low=0, recorded=False, help="Number of processes, for sphinx.  [default: one per core]")
