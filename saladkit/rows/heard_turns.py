"""Draw which words of a conversation's users are heard: whole turns, or spans inside of them."""

from collections.abc import Callable

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.conversations import turns_in
from saladkit.rows.interleaving import Span, draw_spans, may_cut, pauses_before
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.shared import Spans


def draw_turns(
    text: TokenizedText,
    words: list[Word],
    lengths: Spans,
    random: np.random.Generator,
    *,
    text_first: float | None,
    whole_turns: float,
) -> list[Span]:
    """Draw for each turn whether it is heard whole, or in spans of text and speech in turn.

    Heard whole, the answer follows speech, as when somebody speaks to a model; in spans, more words are near to speech.

    Args:
        words: the words of the conversation, text between them included (`conversations.with_units`).
        text_first: probability that a turn in spans begins with text; None for speech spans alone, in all turns.
        whole_turns: probability that a turn is heard whole.
    """

    def of_turn(allowed: np.ndarray, pauses: np.ndarray) -> list[Span]:
        if text_first is not None and random.random() < whole_turns:
            return [Span(True, 0, len(allowed) - 1)]
        return draw_spans(allowed, lengths, random, pauses, text_first=text_first)

    return _in_turns(text, words, of_turn)


def hearable_stretches(text: TokenizedText, allowed: np.ndarray) -> list[tuple[int, int]]:
    """Return the words [begin, end) that may be heard: all of a text, and of a conversation those of each turn.

    A turn counts from the first place where it may be cut to the last; one without two such places stays text.

    Args:
        allowed: as `may_cut` returns.
    """
    if text.hearable is None:
        return [(0, len(allowed) - 1)]
    places = [np.flatnonzero(allowed[begin : end + 1]) + begin for begin, end in turns_in(text.hearable)]
    return [(int(found[0]), int(found[-1])) for found in places if len(found) > 1]


def _in_turns(
    text: TokenizedText, words: list[Word], of_turn: Callable[[np.ndarray, np.ndarray], list[Span]]
) -> list[Span]:
    """Return spans that cover a conversation: those of each turn that may be heard, and text between them.

    Args:
        of_turn: returns the spans of a turn of w words, from where it may be cut and its pauses, both [w + 1].
    """
    assert text.hearable is not None, "not a conversation"
    allowed, pauses, spans, at = may_cut(text, words), pauses_before(words), [], 0
    for first, last in hearable_stretches(text, allowed):
        spans += [Span(False, at, first)] if at < first else []
        spans += [
            Span(span.is_speech, first + span.begin, first + span.end)
            for span in of_turn(allowed[first : last + 1], pauses[first : last + 1])
        ]
        at = last
    spans += [Span(False, at, len(text.hearable))] if at < len(text.hearable) else []
    return _joined(spans)


def _joined(spans: list[Span]) -> list[Span]:
    """Join text spans that follow each other."""
    joined: list[Span] = []
    for span in spans:
        if joined and not span.is_speech and not joined[-1].is_speech:
            span = Span(False, joined.pop().begin, span.end)
        joined.append(span)
    return joined
