"""Predict how many positions a row fills before its spans are drawn."""

from typing import NamedTuple

import numpy as np

from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.shared import Spans


class Heard(NamedTuple):
    """What is expected of a row of n words at place n of each array, float64 [most words + 1].

    Attributes:
        share: share of its words that is heard.
        spans: number of its speech spans.
        turns: how often speech follows text, or the beginning of the row, and text follows speech.
    """

    share: np.ndarray
    spans: np.ndarray
    turns: np.ndarray


def expected_lengths(source: TrainingSource, layout: SequenceLayout, heard: Heard) -> np.ndarray:
    """Return the expected length of each row's sequence, float64 [rows]: exact for text, and about right for speech.

    Spans that cannot end where they were drawn to, and words of unequal length, are not looked at.
    """
    if source.frames is None:
        return source.tokens.astype(np.float64)
    prefix = np.array([text.prefix for text in source.texts])
    share, spans, turns = (values[source.word_counts] for values in heard)
    vectors = source.seconds * layout.frames_per_second / layout.frames_per_vector
    filled_up = spans * (layout.frames_per_vector - 1) / (2 * layout.frames_per_vector)  # the last vector of a span
    return (
        prefix + (source.tokens - prefix) * (1 - share) + vectors * share + filled_up + layout.modality_tokens * turns
    )


def heard_from_the_start(lengths: Spans, text_first: float, most_words: int) -> Heard:
    """Return what is heard of rows that begin with a span of their own."""
    begun = {False: np.zeros(most_words + 1), True: np.zeros(most_words + 1)}  # P(a span begins at a word)
    begun[False][0], begun[True][0] = text_first, 1 - text_first
    for word in range(most_words):
        for is_speech, (low, high) in ((False, lengths.text_words), (True, lengths.speech_words)):
            begun[not is_speech][word + low : word + high + 1] += begun[is_speech][word] / (high - low + 1)
    low, high = lengths.speech_words
    lasts = np.clip((high - np.arange(high)) / (high + 1 - low), 0, 1)  # P(a span of speech has more than i words)
    is_heard = np.convolve(begun[True], lasts)[:most_words]
    spans, texts = (np.concatenate([[0.0], np.cumsum(begun[is_speech][:most_words])]) for is_speech in (True, False))
    words = np.arange(1, most_words + 1)
    return Heard(np.concatenate([[0.0], np.cumsum(is_heard) / words]), spans, spans + np.maximum(texts - text_first, 0))


def heard_on_average(lengths: Spans, most_words: int) -> Heard:
    """Return what is heard of rows anywhere in a window."""
    text, speech = (sum(words) / 2 for words in (lengths.text_words, lengths.speech_words))
    share, pairs = speech / (text + speech), np.arange(most_words + 1) / (text + speech)
    # Rows begin within a span, so that there is one more of its kind.
    return Heard(np.full(most_words + 1, share), share + pairs, share + 2 * pairs)


def all_heard(lengths: Spans, most_words: int, *, joined: bool) -> Heard:
    """Return what is heard of rows of speech spans alone.

    Args:
        joined: whether spans go on from row to row, as in a window.
    """
    spans = np.arange(most_words + 1) / (sum(lengths.speech_words) / 2) + (1.0 if joined else 0.5)
    return Heard(np.ones(most_words + 1), spans, np.ones(most_words + 1))
