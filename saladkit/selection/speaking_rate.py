"""Predict how long the speech of a text will be, by a rate that is fitted to texts with recordings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saladkit.sources.words import count_spoken_words

ENOUGH = 20  # texts to fit three coefficients; with fewer texts, only the rate by words is fitted


@dataclass(frozen=True)
class SpeakingRate:
    """Seconds of a text: `offset` + `per_word` * words + `per_character` * characters other than spaces."""

    offset: float
    per_word: float
    per_character: float
    assumed: bool = False  # whether no recordings tell the rate

    @classmethod
    def of_words(cls, words_per_second: float) -> "SpeakingRate":
        """Return an assumed rate, for use without recordings."""
        return cls(0.0, 1 / words_per_second, 0.0, assumed=True)

    @classmethod
    def fit(cls, texts: Sequence[str], seconds: np.ndarray) -> "SpeakingRate":
        """Fit a rate by least squares.

        Args:
            seconds: lengths of the texts' recordings, [N].
        """
        features = _features(texts)
        if len(texts) < ENOUGH or np.linalg.matrix_rank(features) < 3:
            return cls(0.0, float(seconds.sum() / features[:, 1].sum()), 0.0)
        fitted = np.linalg.lstsq(features, seconds, rcond=None)[0]
        if (fitted[1:] < 0).any():  # the texts are too similar to tell words from characters
            return cls(0.0, 0.0, float(seconds.sum() / features[:, 2].sum()))
        offset, per_word, per_character = fitted.tolist()
        return cls(offset, per_word, per_character)

    def figures(self) -> dict[str, float | bool]:
        """Return the rate for a summary."""
        figures = {name: round(getattr(self, name), 4) for name in ("offset", "per_word", "per_character")}
        return figures | {"assumed": self.assumed}

    def seconds(self, texts: Sequence[str]) -> np.ndarray:
        """Return the predicted seconds of each text, float64 [N], at least 0.1 per word."""
        features = _features(texts)
        predicted = features @ np.array([self.offset, self.per_word, self.per_character])
        return np.maximum(predicted, 0.1 * features[:, 1])


def _features(texts: Sequence[str]) -> np.ndarray:
    """Return 1, the words, and the characters other than spaces of each text, float64 [N, 3]."""
    features = np.ones((len(texts), 3))
    for row, text in enumerate(texts):
        features[row, 1:] = count_spoken_words(text), sum(map(len, text.split()))
    return features
