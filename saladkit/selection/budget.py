"""How much may be chosen: texts, tokens, hours of speech, or a share of the hours that natural speech has."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.model.loading import load_tokenizer
from saladkit.selection.speaking_rate import SpeakingRate
from saladkit.sources.samples import read_samples

OPTIONS = "--per-region, --count, --tokens, --hours and --fraction-of"
TEXTS_AT_ONCE = 1000


@dataclass(frozen=True)
class Budget:
    """Exactly one of the first five is given."""

    per_region: int | None = None  # texts of every region: probes
    count: int | None = None  # texts
    tokens: int | None = None
    hours: float | None = None
    fraction_of: tuple[str, float] | None = None  # samples with durations, and which share of their hours
    tokenizer: str | None = None  # for `tokens`: a model's folder or name
    rate_from: tuple[str, ...] = ()  # samples with durations, to which the speaking rate is fitted
    words_per_second: float = 2.5  # where there are none

    def check(self) -> None:
        """Raise a SaladError unless it is clear."""
        kinds = (self.per_region, self.count, self.tokens, self.hours, self.fraction_of)
        if sum(kind is not None for kind in kinds) != 1:
            raise SaladError("the budget is not clear", f"Give exactly one of {OPTIONS}.")
        if (self.tokens is None) != (self.tokenizer is None):
            raise SaladError(
                "--tokens and --tokenizer need each other: whose tokens are counted", "Give both, or another budget."
            )

    def settings(self) -> dict:
        """What of it changes a choice."""
        names = ("per_region", "count", "tokens", "hours", "words_per_second")
        share = None if self.fraction_of is None else self.fraction_of[1]
        return {name: getattr(self, name) for name in names} | {"fraction": share}

    def inputs(self) -> dict[str, str]:
        """What of it is read, by role."""
        found = {f"rate {i}": path for i, path in enumerate(self.rate_from)}
        found |= {} if self.fraction_of is None else {"fraction of": self.fraction_of[0]}
        return found | ({} if self.tokens is None else {"tokenizer": self.tokenizer})

    def speaking_rate(self) -> SpeakingRate:
        """Fitted to `rate_from`, or else to what `fraction_of` names; else as `words_per_second` says."""
        sources = self.rate_from or (() if self.fraction_of is None else (self.fraction_of[0],))
        if not sources:
            return SpeakingRate.of_words(self.words_per_second)
        texts, seconds = [], []
        for source in sources:
            rows = read_samples(source, needed=["id", "text", "duration"], optional=[])
            texts += rows.column("text").to_pylist()
            seconds.append(_durations(rows.column("duration").to_numpy(), source))
        return SpeakingRate.fit(texts, np.concatenate(seconds))

    def costs(self, texts: Sequence[str], seconds: np.ndarray) -> tuple[np.ndarray, float]:
        """(what each text takes, float64 [N]; how much there is), in texts, tokens or seconds."""
        if self.count is not None:
            return np.ones(len(texts)), self.count
        if self.tokens is not None:
            tokenizer = load_tokenizer(self.tokenizer)
            counts: list[int] = []
            for begin in range(0, len(texts), TEXTS_AT_ONCE):
                encoded = tokenizer(texts[begin : begin + TEXTS_AT_ONCE], add_special_tokens=False)["input_ids"]
                counts += [len(ids) for ids in encoded]
            return np.array(counts, dtype=np.float64), self.tokens
        if self.hours is not None:
            return seconds, self.hours * 3600
        source, share = self.fraction_of
        rows = read_samples(source, needed=["id", "duration"], optional=[])
        return seconds, share * float(_durations(rows.column("duration").to_numpy(), source).sum())


def _durations(seconds: np.ndarray, source: str) -> np.ndarray:
    if not (np.isfinite(seconds).all() and (seconds > 0).all()):
        raise SaladError(f"{source} has a duration that is no positive number", "Give samples whose speech is there.")
    return seconds
