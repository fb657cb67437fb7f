"""Where the frames of a row's speech spans come from: from whole recordings, or from spans that are encoded alone.

A causal encoder's frames of a span do not depend on what follows, so they are cut out of those of the whole recording.
An encoder that looks ahead would put the words behind a span into its frames, and the model is to predict these words:
there every span is encoded alone, when it is drawn (`SpansAlone`) or ahead (`StoredLayouts`). The spans of rollouts
are those that the model heard and read when it wrote (`FixedSpans`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.layouts_cache import LayoutBounds, LayoutsCache
from saladkit.formats.teacher_cache import digest_tokens
from saladkit.formats.words import Word
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import ANY_LENGTH, Frames, SequenceLayout, heard_between
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.shared import Interleaving
from saladkit.speech.front_end import LiveFrames


class Recordings(Protocol):
    """Recordings as front-end frames: a frames cache, or encoded when they are read."""

    def row(self, id_: str) -> np.ndarray:
        """Return the frames of the recording with this id, [F, width]."""
        ...

    def length(self, id_: str) -> int:
        """Return the number of these frames."""
        ...


@dataclass(frozen=True)
class WholeRecordings:
    """Frames of whole recordings, of which spans are cut out."""

    recordings: Recordings

    def length(self, id_: str) -> int:
        """Return the number of frames of a whole recording."""
        return self.recordings.length(id_)

    def of_spans(self, id_: str, spans: list[Span], words: list[Word]) -> np.ndarray:
        """Return the frames of the recording, [F, width], whatever the spans."""
        return self.recordings.row(id_)


@dataclass(frozen=True)
class SpansAlone:
    """Frames of spans that are each encoded alone, from their audio, when they are needed."""

    recordings: LiveFrames

    def length(self, id_: str) -> int:
        """Return the number of frames of a whole recording, or one more."""
        return math.ceil(self.recordings.seconds(id_) * self.recordings.front_end.frames_per_second)

    def most_frames(
        self, id_: str, spans: list[Span], words: list[Word], layout: SequenceLayout
    ) -> dict[tuple[int, int], int]:
        """Return by its words (begin, end) how many frames each speech span has, or one more; nothing is encoded."""
        found = {}
        for span in (span for span in spans if span.is_speech):
            start, stop = heard_between(span, words)
            last = self.length(id_) if stop is None else layout.frame_after(stop)
            first = 0 if start is None else layout.frame(start)
            found[span.begin, span.end] = max(last - first, 1)
        return found

    def of_spans(self, id_: str, spans: list[Span], words: list[Word]) -> dict[tuple[int, int], np.ndarray]:
        """Return the frames of each speech span by its words (begin, end)."""
        heard = sorted({(span.begin, span.end) for span in spans if span.is_speech})
        bounds = [heard_between(Span(True, *ends), words) for ends in heard]
        return dict(zip(heard, self.recordings.stretches(id_, bounds), strict=True))


@dataclass(frozen=True)
class StoredLayouts:
    """Layouts that were drawn ahead, with the frames of their speech spans."""

    cache: LayoutsCache

    @property
    def text_first(self) -> float:
        """Probability with which the layouts begin with text."""
        return self.cache.identity["interleaving"]["text_first"]

    def length(self, id_: str) -> int:
        """Return the number of frames of a whole recording, or one more."""
        return math.ceil(self.cache.seconds(id_) * self.cache.identity["frames_per_second"])

    def spans(self, id_: str, text: TokenizedText, turn: int) -> tuple[list[Span], dict[tuple[int, int], int]]:
        """Return the spans of a layout, and by their words (begin, end) the numbers of frames of its speech spans.

        Args:
            turn: any number; turns that follow each other take one layout after another.
        """
        stored = self._bounds(id_, text, turn)
        bounds = pairwise([0, *stored.ends])
        spans = [Span(is_speech, *of_span) for is_speech, of_span in zip(stored.heard, bounds, strict=True)]
        heard = [(span.begin, span.end) for span in spans if span.is_speech]
        return spans, dict(zip(heard, np.diff(stored.offsets).tolist(), strict=True))

    def frames(self, id_: str, text: TokenizedText, turn: int) -> dict[tuple[int, int], np.ndarray]:
        """Return the frames of the speech spans of a layout by their words (begin, end), for `build_sequence`."""
        _, counts = self.spans(id_, text, turn)
        return dict(zip(counts, self.cache.frames(self._bounds(id_, text, turn)), strict=True))

    def _bounds(self, id_: str, text: TokenizedText, turn: int) -> LayoutBounds:
        return self.cache.bounds(id_, digest_tokens(text.token_ids), turn % self.cache.layouts)


DrawnFrames = WholeRecordings | SpansAlone  # of spans that the caller draws


@dataclass(frozen=True)
class FixedSpans:
    """Spans that a row has whenever it is read, with frames of recordings that several rows may share.

    Attributes:
        spans: the spans of each row, by its id.
        recordings: frames and id of the recording of each row with speech, by the row's id.
    """

    spans: Mapping[str, list[Span]]
    recordings: Mapping[str, tuple[DrawnFrames, str]]

    def length(self, id_: str) -> int:
        """Return the number of frames of a whole recording, or one more; 0 for a row of text alone."""
        if id_ not in self.recordings:
            return 0
        frames, recording = self.recordings[id_]
        return frames.length(recording)

    def most_frames(self, id_: str, words: list[Word], layout: SequenceLayout) -> int | dict[tuple[int, int], int]:
        """Return how many frames a row's speech has, or more, as `sequence_length` takes them."""
        if id_ not in self.recordings:
            return 0
        frames, recording = self.recordings[id_]
        if isinstance(frames, SpansAlone):
            return frames.most_frames(recording, self.spans[id_], words, layout)
        last = max(span.end for span in self.spans[id_] if span.is_speech)
        return ANY_LENGTH if heard_between(Span(True, 0, last), words)[1] is not None else frames.length(recording)

    def of_spans(self, id_: str, spans: list[Span], words: list[Word]) -> Frames | None:
        """Return the frames of a row's speech, for `build_sequence`; None for a row of text alone."""
        if id_ not in self.recordings:
            return None
        frames, recording = self.recordings[id_]
        return frames.of_spans(recording, spans, words)


FrameSource = DrawnFrames | StoredLayouts | FixedSpans


def check_layouts(
    cache: LayoutsCache,
    rows: list[tuple[str, TokenizedText]],
    interleaving: Interleaving | None,
    tokenizer_digest: str,
    where: str,
) -> None:
    """Check that a cache holds layouts of rows, drawn as the settings of a training say and for its tokenizer.

    Args:
        rows: id and text of each row.
        interleaving: how the training draws spans; None if it draws none.
        where: path of the rows, for the message.

    Raises:
        SaladError: the layouts were drawn otherwise or for another tokenizer, or a row has none.
    """
    path, drawn = cache.artefact.path, cache.identity["interleaving"]
    if cache.identity["tokenizer"] != tokenizer_digest:
        raise SaladError(
            f"the layouts of {path} were drawn for another tokenizer than the text LLM's",
            "Run `saladkit cache-speech --layouts` with this text LLM as its --tokenizer.",
        )
    for name, wanted in interleaving.interleaving.items() if interleaving else ():
        if drawn[name] != wanted:
            option = f"--{name.replace('_', '-')}"
            theirs, ours = (" ".join(map(str, np.atleast_1d(value))) for value in (drawn[name], wanted))
            raise SaladError(
                f"the layouts of {path} were drawn with {option} {theirs}, and the training has {option} {ours}",
                f"Give {option} {theirs} to the training, or run `saladkit cache-speech --layouts` with {option}"
                f" {ours}.",
            )
    for id_, text in rows:
        if not cache.has(id_, digest_tokens(text.token_ids)):
            raise SaladError(
                f"{path} has no layouts of the text of row '{id_}' of {where}",
                "Run `saladkit cache-speech --layouts` on these samples, with the training's --max-length.",
            )
