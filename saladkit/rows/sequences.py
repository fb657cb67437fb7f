"""Rows as the model reads them: text tokens and speech vectors in one causal sequence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.interleaving import Span
from saladkit.rows.tokens import TokenizedText

# Modality tokens: ids that no vocabulary has, so that the ids of a text never change.
TEXT_FOLLOWS, SPEECH_FOLLOWS = -1, -2
_ROUNDING = 1e-6  # frames; 0.29 s times 100 frames per second is a little below 29
ANY_LENGTH = 2**31  # frames: more than any recording has

# Front-end frames of a row's speech: those of the whole recording, [F, width]; or by their words (begin, end) those of
# speech spans that were each encoded alone, [F, width] each.
Frames = np.ndarray | Mapping[tuple[int, int], np.ndarray]


@dataclass(frozen=True)
class SpeechSpan:
    """A span of speech input.

    Attributes:
        frames: front-end frames, float32 [vectors * frames_per_vector, width], or a codec's codes, int64.
        vectors: number of vectors of the adapter.
        lexical_targets: int64 [vectors], the token that each vector should name (`training/lexical_loss.py`); -1 for
            none. A causal encoder cannot know a word before its end, so that the last vectors of a word name its
            tokens, one each, and the vectors before them name none.
        phonemes: int64 [vectors, phonemes of a vector], the phonemes that each vector should name
            (`spoken_phonemes.py`), -1 for none; None where nothing learns to name them.
    """

    frames: np.ndarray
    vectors: int
    lexical_targets: np.ndarray
    phonemes: np.ndarray | None = None


@dataclass(frozen=True)
class Sequence:
    """An interleaved row.

    Attributes:
        input_ids: int64 [L]; 0 for speech, negative for a modality token.
        speech_mask: bool [L], true for speech.
        spans: the speech spans in order; their vectors fill the true places of `speech_mask`.
        positions: int64 [P], positions from which a text token is predicted: those with a loss. In a conversation,
            those before the tokens that the assistant writes.
        targets: int64 [P], index of the predicted token in the row's text of n tokens; never 0, as nothing precedes
            that token; n for what follows the text.
    """

    input_ids: np.ndarray
    speech_mask: np.ndarray
    spans: list[SpeechSpan]
    positions: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True)
class SequenceLayout:
    """How a model lays out speech in a sequence.

    Attributes:
        frames_per_second: rate of the front end.
        frames_per_vector: number of front-end frames that make one vector.
        modality_tokens: whether SPEECH_FOLLOWS stands before speech, and TEXT_FOLLOWS before text after speech. Text
            at the beginning of a row has no such token, so that a row of text only is what the text LLM reads.
        looks_ahead: whether the encoder's frames depend on later audio, so that speech spans are encoded alone.
    """

    frames_per_second: float
    frames_per_vector: int
    modality_tokens: bool = False
    looks_ahead: bool = False

    def frame(self, seconds: float) -> int:
        """Return the last frame boundary at or before a time; the frames before it contain no later audio.

        A causal front end's frame i is made of audio up to (i + 1) / frames_per_second: log-mel's window of 25 ms ends
        there, and so do the samples that Mimi's frame depends on. Boundaries that a time misses by rounding count.
        """
        return math.floor(seconds * self.frames_per_second + _ROUNDING)

    def frame_after(self, seconds: float) -> int:
        """Return the first frame boundary at or after a time; the frames before it contain all earlier audio."""
        return math.ceil(seconds * self.frames_per_second - _ROUNDING)

    def place(self, seconds: float) -> float:
        """Return a time, rounded to 10 ms, in frames: 2.5 is the middle of the third frame."""
        return round(seconds * 100) * self.frames_per_second / 100


def build_sequence(
    text: TokenizedText, spans: list[Span], words: list[Word], frames: Frames | None, layout: SequenceLayout | None
) -> Sequence:
    """Lay out one row.

    What follows the text is the last target if the spans reach the text's end and it is learned. Behind speech, it is
    predicted from the position from which a model answers a spoken prompt (`prompt_sequences.close_speech`).

    Args:
        spans: spans of text and speech that cover the words of the text from the first one, in order.
        words: words of the text with their times.
        frames: front-end frames of the row's speech; may be None, like `layout`, without speech spans.

    Raises:
        ValueError: there are speech spans, but no frames or no layout.
    """
    ids, mask, speech_spans = list(text.token_ids[: text.prefix]), [False] * text.prefix, []
    positions, targets = [], []
    after_speech = False
    for span in spans:
        first, end = text.word_tokens[span.begin], text.word_tokens[span.end]
        if span.is_speech != after_speech and layout is not None and layout.modality_tokens:
            ids.append(SPEECH_FOLLOWS if span.is_speech else TEXT_FOLLOWS)
            mask.append(False)
        after_speech = span.is_speech
        if span.is_speech:
            if frames is None or layout is None:
                raise ValueError("a speech span needs frames and a layout")
            speech = cut_speech(text, span, words, frames, layout)
            speech_spans.append(speech)
            ids += [0] * speech.vectors
            mask += [True] * speech.vectors
            continue
        for token in range(first, end):
            if ids and (text.learned is None or text.learned[token]):  # the first token is predicted from nothing
                positions.append(len(ids) - 1)
                targets.append(token)
            ids.append(int(text.token_ids[token]))
            mask.append(False)
    follows = text.learned is None or bool(text.learned[-1])
    if ids and follows and spans[-1].end == len(text.splittable) - 1:
        if after_speech and layout is not None and layout.modality_tokens:
            ids.append(TEXT_FOLLOWS)
            mask.append(False)
        positions.append(len(ids) - 1)
        targets.append(len(text.token_ids))
    return Sequence(
        np.array(ids, dtype=np.int64),
        np.array(mask, dtype=bool),
        speech_spans,
        np.array(positions, dtype=np.int64),
        np.array(targets, dtype=np.int64),
    )


def without_targets(sequence: Sequence) -> Sequence:
    """Return a sequence that is read without predicting anything."""
    return replace(sequence, positions=sequence.positions[:0], targets=sequence.targets[:0])


def heard_between(span: Span, words: list[Word]) -> tuple[float | None, float | None]:
    """Return the times in s between which a span of words is heard; None for an end of the recording.

    A span ends where the next word starts, because its last word may have no end of its own: it may have been spoken as
    one with its neighbour. Only at both ends of a text is a time None (`interleaving.may_cut`): nothing is cut off.

    Args:
        words: words of the text with their times; if empty, the span is the whole recording.
    """
    if not words:
        return None, None
    return words[span.begin].start, words[span.end].start if span.end < len(words) else words[-1].end


def cut_speech(
    text: TokenizedText, span: Span, words: list[Word], frames: Frames, layout: SequenceLayout
) -> SpeechSpan:
    """Make a speech span of the frames of a span of words, cut out of those of its recording or encoded alone.

    Args:
        words: words of the text with their times; if empty, the span is the whole recording and names no tokens.
        frames: front-end frames of the row's speech, F at least 1.
    """
    if isinstance(frames, np.ndarray):
        first, last = frames_of_span(span, words, len(frames), layout)
        origin, heard = float(first), frames[first:last]
    else:
        start, _ = heard_between(span, words)
        origin, heard = 0.0 if start is None else layout.place(start), frames[span.begin, span.end]
    # Ends of vectors are rounded up, here and below. When a word's end was rounded to the nearest vector, up to 40 ms
    # of its last sound came after the vector that names it, and "characters" was understood as "character". The last
    # vector is filled up with the last frame of the span, never with the next word.
    speech = speech_span(heard, layout)
    vectors, targets = speech.vectors, speech.lexical_targets
    for index in range(span.begin, span.end) if words else ():
        word = words[index]
        owned = text.token_ids[text.word_tokens[index] : text.word_tokens[index + 1]]
        if word.start is None or word.end is None:
            continue
        begin, end = ((layout.place(time) - origin) / layout.frames_per_vector for time in (word.start, word.end))
        stop_naming = min(max(math.ceil(end), 1), vectors)
        own = min(max(math.ceil(begin), 0), stop_naming - 1)  # the vector before belongs to the word before
        for place, token in enumerate(owned, start=stop_naming - len(owned)):
            targets[max(place, own) : stop_naming] = token
    return speech


def frames_of_span(span: Span, words: list[Word], count: int, layout: SequenceLayout) -> tuple[int, int]:
    """Return the first frame of a speech span and the one behind its last, of a recording of `count` frames.

    A span shorter than a frame keeps one.
    """
    start, _ = heard_between(span, words)
    first = 0 if start is None else min(layout.frame(start), count - 1)
    last = end_of_span(span.end, words, layout) if words else None
    return first, max(count if last is None else min(last, count), first + 1)


def end_of_span(place: int, words: list[Word], layout: SequenceLayout) -> int | None:
    """Return the frame behind the last one of a speech span that ends before word `place`; None if no time is known.

    Where a word follows, the end is rounded down: at 12.5 frames per second the nearest frame would give up to 40 ms of
    that word to the span, and the model is about to predict it. Behind the last word, and where a conversation goes on
    with text (`conversations.with_units`), nothing that is spoken is to be predicted.
    """
    _, stop = heard_between(Span(True, 0, place), words)
    boundary = layout.frame if place < len(words) and words[place].word else layout.frame_after
    return None if stop is None else boundary(stop)


def sequence_length(
    text: TokenizedText,
    spans: list[Span],
    words: list[Word],
    frames: int | Mapping[tuple[int, int], int],
    layout: SequenceLayout,
) -> int:
    """Return the length of what `build_sequence` makes of a whole text.

    Args:
        frames: number of frames of the recording; or by their words (begin, end) those of spans encoded alone.
    """
    length, after_speech = text.prefix, False
    for span in spans:
        length += layout.modality_tokens and span.is_speech != after_speech
        after_speech = span.is_speech
        if not span.is_speech:
            length += int(text.word_tokens[span.end] - text.word_tokens[span.begin])
        elif isinstance(frames, int):
            first, last = frames_of_span(span, words, frames, layout)
            length += math.ceil((last - first) / layout.frames_per_vector)
        else:
            length += math.ceil(frames[span.begin, span.end] / layout.frames_per_vector)
    return length + (layout.modality_tokens and after_speech)


def count_targets(text: TokenizedText, spans: list[Span]) -> int:
    """Return the number of positions with a loss of what `build_sequence` makes of a whole text."""
    learned = np.ones(len(text.token_ids) + 1, dtype=bool) if text.learned is None else text.learned.copy()
    if not text.prefix and not spans[0].is_speech:
        learned[0] = False  # it is predicted from nothing
    read = [slice(text.word_tokens[span.begin], text.word_tokens[span.end]) for span in spans if not span.is_speech]
    return sum(int(learned[tokens].sum()) for tokens in read) + int(learned[-1])


def speech_span(frames: np.ndarray, layout: SequenceLayout) -> SpeechSpan:
    """Make a speech span of all frames [F, width], F at least 1; repeat the last frame to fill the last vector."""
    vectors = math.ceil(len(frames) / layout.frames_per_vector)
    missing = vectors * layout.frames_per_vector - len(frames)
    if missing:
        frames = np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])
    kind = np.int64 if np.issubdtype(frames.dtype, np.integer) else np.float32
    return SpeechSpan(np.ascontiguousarray(frames, dtype=kind), vectors, np.full(vectors, -1, dtype=np.int64))
