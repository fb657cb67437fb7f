"""The phonemes of the rows of a training, as targets of speech vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import SequenceLayout, SpeechSpan, heard_between
from saladkit.speech.phonemes import SILENCE, Phonemizer, TimedPhoneme

PER_VECTOR = 2  # phonemes that a vector names, one for each half: 25 a second at 12.5 vectors a second


@dataclass(frozen=True)
class SpokenPhonemes:
    """The phonemes of all rows with speech; they are found when they are first needed.

    Attributes:
        words: the words of each row with their times.
    """

    phonemizer: Phonemizer
    words: Sequence[list[Word]]

    @cached_property
    def rows(self) -> list[list[TimedPhoneme]]:
        """The phonemes of each row; none where the phonemizer knows none."""
        return [self.phonemizer.phonemes(own) for own in self.words]

    @cached_property
    def names(self) -> list[str]:
        """All phonemes that occur, the classes of the phoneme loss; the first is SILENCE."""
        return [SILENCE, *sorted({phoneme.name for row in self.rows for phoneme in row} - {SILENCE})]

    @cached_property
    def _classes(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.names)}

    def at(self, row: int, times: np.ndarray) -> np.ndarray:
        """Return the class of the phoneme at each time in s, int64 of the shape of `times`.

        It is -1 before the first phoneme and from the end of the last word on, where nobody knows what sounds.
        """
        phonemes = self.rows[row]
        classes = np.array([-1, *(self._classes[phoneme.name] for phoneme in phonemes[:-1]), -1])
        begins = np.array([phoneme.start for phoneme in phonemes])
        return classes[np.searchsorted(begins, times, side="right")] if phonemes else np.full(times.shape, -1)

    def named_in(
        self, row: int, spans: Sequence[Span], speech: Sequence[SpeechSpan], words: list[Word], layout: SequenceLayout
    ) -> list[SpeechSpan]:
        """Return the speech spans of a row with the phonemes that their vectors name.

        Args:
            spans: spans of the row; those of speech are `speech`, in the same order.
            words: the words of the row with their times.
        """
        heard = [span for span in spans if span.is_speech]
        named = []
        for span, one in zip(heard, speech, strict=True):
            start, _ = heard_between(span, words)
            origin = 0 if start is None else layout.frame(start)
            middles = (np.arange(one.vectors * PER_VECTOR) + 0.5) / PER_VECTOR * layout.frames_per_vector
            classes = self.at(row, (origin + middles) / layout.frames_per_second)
            named.append(replace(one, phonemes=classes.reshape(one.vectors, PER_VECTOR)))
        return named


@dataclass(frozen=True)
class SourcePhonemes:
    """The phonemes of the rows of one source, which begin at row `first` of all."""

    spoken: SpokenPhonemes
    first: int

    def named_in(
        self, row: int, spans: Sequence[Span], speech: Sequence[SpeechSpan], words: list[Word], layout: SequenceLayout
    ) -> list[SpeechSpan]:
        """As `SpokenPhonemes.named_in`, for a row of the source."""
        return self.spoken.named_in(self.first + row, spans, speech, words, layout)
