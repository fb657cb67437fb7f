"""Recordings by what was asked for: what has been spoken is copied, and what a run has refused stays refused in it."""

from collections import Counter
from collections.abc import Callable

from saladkit.formats.spoken_rows import SpokenBefore
from saladkit.speech.synthesis.row import Request, SpeakingSettings, speech_key
from saladkit.speech.synthesis.workers import Speakers


class Recordings:
    """Recordings by request: spoken before, or else spoken now, each once.

    `digest` is that of `settings.described()`; `seconds_spoken` are those of speech made now.
    """

    def __init__(self, speakers: Speakers, before: SpokenBefore, settings: SpeakingSettings, digest: str):
        self.settings, self.seconds_spoken = settings, 0.0
        self._speakers, self._before, self._digest = speakers, before, digest
        self._refused: dict[str, dict] = {}  # by the gate

    def of_rows(self, requests: list[Request], spoke: Callable[[int], object]) -> list[dict]:
        """A row for each request; `spoke` is told how many are done as they come."""
        return self._of(requests, self._before.rows, spoke)

    def of_choices(self, requests: list[Request]) -> list[dict]:
        """The `audio` and `speech_key` for each request, or why there is none."""
        return self._of(requests, self._before.recordings, lambda _: None)

    def _of(
        self, requests: list[Request], known: Callable[[set[str]], dict[str, dict]], spoke: Callable[[int], object]
    ) -> list[dict]:
        keys = [speech_key(request, self._digest, self.settings.device) for request in requests]
        rows = known(set(keys)) | {key: self._refused[key] for key in self._refused.keys() & set(keys)}
        counts = Counter(keys)
        spoke(sum(counts[key] for key in rows))
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in rows}
        names = list(missing)
        for place, row in self._speakers.speak(list(missing.values())):
            rows[names[place]] = row if "reason" in row else row | {"speech_key": names[place]}
            self.seconds_spoken += row.get("duration", 0.0)
            self._refused |= {names[place]: row} if "check" in row else {}
            spoke(counts[names[place]])
        found = zip(keys, requests, strict=True)
        return [rows[key] | ({"id": request.id} if "reason" in rows[key] else {}) for key, request in found]
