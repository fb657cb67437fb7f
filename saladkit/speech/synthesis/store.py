"""Find recordings by key, and speak the missing ones; a recording that the gate refused is not spoken again."""

from collections import Counter
from collections.abc import Callable

from saladkit.formats.spoken_rows import EarlierRecordings
from saladkit.settings.synth import Speaking
from saladkit.speech.synthesis.requests import Request, speech_key
from saladkit.speech.synthesis.workers import Speakers


class Recordings:
    """Return recordings of requests: spoken now, each once, or copied if they were spoken before.

    Attributes:
        seconds_spoken: seconds of speech spoken now.
    """

    def __init__(self, speakers: Speakers, before: EarlierRecordings, settings: Speaking, settings_digest: str):
        """Use the recordings of `before`; `settings_digest` is the digest of `models.described`."""
        self.settings, self.seconds_spoken = settings, 0.0
        self._speakers, self._before, self._digest = speakers, before, settings_digest
        self._refused: dict[str, dict] = {}  # by the gate; key -> row

    def of_rows(self, requests: list[Request], advance: Callable[[int], object]) -> list[dict]:
        """Return a row for each request, as `row.speak`; call `advance` with the number of newly done rows."""
        return self._of(requests, self._before.rows, advance)

    def of_choices(self, requests: list[Request]) -> list[dict]:
        """Return `audio` and `speech_key` for each request, or `id` and `reason` if it has no recording."""
        return self._of(requests, self._before.recordings, lambda rows: None)

    def _of(
        self, requests: list[Request], known: Callable[[set[str]], dict[str, dict]], advance: Callable[[int], object]
    ) -> list[dict]:
        keys = [speech_key(request, self._digest, self.settings.device) for request in requests]
        rows = known(set(keys)) | {key: self._refused[key] for key in self._refused.keys() & set(keys)}
        counts = Counter(keys)
        advance(sum(counts[key] for key in rows))
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in rows}
        names = list(missing)
        for place, row in self._speakers.speak(list(missing.values())):
            rows[names[place]] = row if "reason" in row else row | {"speech_key": names[place]}
            self.seconds_spoken += row.get("duration", 0.0)
            self._refused |= {names[place]: row} if "check" in row else {}
            advance(counts[names[place]])
        found = zip(keys, requests, strict=True)
        return [rows[key] | ({"id": request.id} if "reason" in rows[key] else {}) for key, request in found]
