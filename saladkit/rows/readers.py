"""The models that read a row: judge whether a text, and what may be made of it with speech, fits each of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.rows.interleaving import may_cut
from saladkit.rows.model_limits import ModelLimits
from saladkit.rows.sequences import ANY_LENGTH, SequenceLayout, end_of_span
from saladkit.rows.tokens import TokenizedText


@dataclass(frozen=True)
class Readers:
    """The student, which reads text and speech, and the text LLM that runs beside it and reads the text alone.

    Attributes:
        teacher: None with a teacher cache.
        window: positions of a window, which a row must not exceed; None without windows. No text is split for it,
            because a teacher cache holds the texts as --max-length splits them.
    """

    student: ModelLimits
    teacher: ModelLimits | None
    layout: SequenceLayout
    window: int | None = None

    @property
    def all(self) -> list[ModelLimits]:
        """Both models, or the student alone."""
        return [self.student] if self.teacher is None else [self.student, self.teacher]

    def at_most(self, max_length: int | None) -> int | None:
        """Return the number of tokens over which a text is split, as `ModelLimits.at_most` of both models."""
        for model in self.all:
            max_length = model.at_most(max_length)
        return max_length

    def check_window(self) -> None:
        """Raise a SaladError unless each model reads a window as one text."""
        for model in self.all:
            if self.window is not None and model.positions is not None and self.window > model.positions:
                raise SaladError(
                    f"--window-context window with --window {self.window}, and {model.name} reads {model.positions}"
                    " positions",
                    f"Give a --window of at most {model.positions}, or --window-context row.",
                )

    def why_not(
        self, text: TokenizedText, words: list[Word] | None = None, frames: Callable[[], int] | None = None
    ) -> str | None:
        """Return why a model cannot read a row; None if all can.

        Args:
            words: words of the text with their times; None for text only.
            frames: returns the number of frames of the whole recording; called only if the row's length matters.
        """
        length = None
        limits = [limit for limit in (self.student.positions, self.window) if limit is not None]
        if words is not None and frames is not None and limits:
            length = self._longest_row(text, words, frames, min(limits))
        return self.why_not_length(text, length)

    def why_not_length(self, text: TokenizedText, length: int | None) -> str | None:
        """Return why a model cannot read a row of at most `length` positions, or of its tokens alone if that is None.

        None if all can.
        """
        if self.window is not None and (fills := length or len(text.token_ids)) > self.window:
            return f"it may take {fills} positions, over --window {self.window}"
        reasons = [self.student.why_not(text.token_ids, length)]
        if self.teacher is not None:
            reasons.append(self.teacher.why_not(text.token_ids))
        return next((reason for reason in reasons if reason is not None), None)

    def _longest_row(self, text: TokenizedText, words: list[Word], frames: Callable[[], int], limit: int) -> int:
        """Return `longest_row`; the frames are counted, which may take an encoder, only if they can matter."""
        if words[-1].end is not None and (bound := longest_row(text, words, ANY_LENGTH, self.layout)) <= limit:
            return bound
        return longest_row(text, words, frames(), self.layout)


def longest_row(text: TokenizedText, words: list[Word], frames: int, layout: SequenceLayout) -> int:
    """Return a number of positions that no interleaving of a row exceeds, and that some interleaving comes near to.

    Args:
        frames: number of frames of the whole recording.
    """
    places = np.flatnonzero(may_cut(text, words))
    times = [words[place].start for place in places[:-1]]
    firsts = [0 if time is None else min(layout.frame(time), frames) for time in times]
    ends = [end_of_span(place, words, layout) for place in places[1:].tolist()]
    shared = int(layout.looks_ahead)  # a frame that two spans share, each encoded alone, counts for both
    lasts = [frames if end is None else min(end + shared, frames) for end in ends]
    positions = text.prefix + layout.modality_tokens  # TEXT_FOLLOWS behind the last speech
    for (begin, end), first, last in zip(pairwise(places), firsts, lasts, strict=True):
        vectors = max(1, math.ceil((last - first) / layout.frames_per_vector)) + layout.modality_tokens
        tokens = int(text.word_tokens[end] - text.word_tokens[begin]) + layout.modality_tokens
        positions += max(vectors, tokens)
    return max(positions, len(text.token_ids))
