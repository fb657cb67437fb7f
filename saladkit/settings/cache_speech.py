"""Settings of `cache-speech`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import BadAudio, Columns, Device, Dtype, Files, Shards, SpeechEncoder


@dataclass(frozen=True, kw_only=True)
class CacheSpeechSettings(SpeechEncoder, BadAudio, Columns, Device, Dtype, Shards, Files):
    """Settings of `cache-speech`: the speech encoder, and how it runs."""

    batch_seconds: float = setting(
        120.0,
        above=0,
        recorded=False,
        help="Seconds of audio per batch, padding included. On a CPU, a lower value is as fast and needs less memory.",
    )
