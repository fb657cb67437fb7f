"""Speak a long text in pieces of whole sentences, and join them to one utterance.

Engines hold a text's phonemes, events and samples several times over, so their memory grows with the longest text:
10,000 words took 1.4 GB in espeak-ng. Texts up to `LONGEST` are spoken in one go, as most are.
"""

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from saladkit.formats.words import Word
from saladkit.speech.normalizing.spoken_form import SpokenForm
from saladkit.speech.synthesis.expected_length import expected_seconds
from saladkit.speech.voices.voice import Utterance, VoiceFailed

LONGEST = 120.0  # s of expected speech in a piece: 1,800 letters, and servers take 4,096
PAUSE = 0.3  # s between sentences; espeak-ng's pause, which it leaves out at the end of a text
_CLOSED = "[\"'”’»)\\]」』]*"
_SENTENCE_END = re.compile(rf"[.!?…。！？｡।۔։]{_CLOSED}\Z")
_CLAUSE_END = re.compile(rf"[,;:—–、，；：،؛]{_CLOSED}\Z")
_BREAK_IN_WORD = re.compile(rf"(?<=[。！？｡])(?!{_CLOSED[:-1]})|(?<=[、，；：])")


def speak_in_pieces(form: SpokenForm, speak: Callable[[str], Utterance]) -> tuple[SpokenForm, Utterance]:
    """Speak a text by `speak`, in pieces if it is long.

    Returns:
        The form that was spoken, in which words that are too long for a piece are parted, and the utterance.

    Raises:
        VoiceFailed: two pieces have different sample rates; and what `speak` raises.
    """
    if expected_seconds(form.text) <= LONGEST:
        return form, speak(form.text)
    form = _with_short_words(form)
    samples = bytearray()  # grows in place; a list of arrays would be held a second time when it is joined
    words: list[Word] = []
    rate = None
    for begin, end in pairwise(_cuts(form.words)):
        piece = form.words[begin:end]
        if not any(character.isalnum() for word in piece for character in word):  # a row of stars
            words += [Word(word, None, None) for word in piece]
            continue
        spoken = speak(form.part(begin, end))
        if rate not in (None, spoken.sample_rate):
            raise VoiceFailed(
                f"the pieces of a long text have sample rates of {rate} and {spoken.sample_rate} Hz",
                "Use an engine that keeps its sample rate.",
            )
        rate = spoken.sample_rate
        offset = len(samples) / 4 / rate
        same = [word.word for word in spoken.words] == piece  # ICU may cut a part of a text in another way
        words += [_later(word, offset) for word in spoken.words] if same else [Word(word, None, None) for word in piece]
        samples += spoken.samples.astype(np.float32).tobytes()
        if end < len(form.words) and _SENTENCE_END.search(piece[-1]):
            samples += bytes(4 * round(PAUSE * rate))
    assert rate is not None  # a form with a letter has a piece with a letter
    return form, Utterance(np.frombuffer(samples, np.float32), rate, words)


def _cuts(words: list[str]) -> list[int]:
    """Return the places between words at which pieces begin and end: after a sentence, a clause, or any word."""
    cuts, least = [0], expected_seconds("")
    seconds = least
    for place, word in enumerate(words):
        length = expected_seconds(f"{word} ") - least
        if place > cuts[-1] and seconds + length > LONGEST:
            cuts.append(_best_cut(words, cuts[-1], place))
            seconds = expected_seconds(" ".join([*words[cuts[-1] : place], ""]))
        seconds += length
    return [*cuts, len(words)]


def _best_cut(words: list[str], begin: int, end: int) -> int:
    """Return the last place in (begin, end] after a sentence or else a clause, unless the piece would be half empty."""
    middle = begin + (end - begin) // 2
    for ends in (_SENTENCE_END, _CLAUSE_END):
        for cut in range(end, middle, -1):
            if ends.search(words[cut - 1]):
                return cut
    return end


def _with_short_words(form: SpokenForm) -> SpokenForm:
    """Part words that are too long for a piece, such as a text without spaces, after its sentences and clauses."""
    words: list[str] = []
    owners: list[tuple[int, int]] = []
    joined: set[int] = set()
    for place, (word, owner) in enumerate(zip(form.words, form.owners, strict=True)):
        parts = [word] if expected_seconds(word) <= LONGEST else _parts(word)
        joined.update([len(words)] if place in form.joined else [])
        words += parts
        owners += [owner] * len(parts)
    return SpokenForm(words, owners, frozenset(joined))


def _parts(word: str) -> list[str]:
    parts = [""]
    for clause in filter(None, _BREAK_IN_WORD.split(word)):
        if parts[-1] and expected_seconds(parts[-1] + clause) > LONGEST / 2:
            parts.append("")
        parts[-1] += clause
    longest = round(LONGEST / 2 * 4)  # characters: four of the longest ones are spoken in a second
    return [part[begin : begin + longest] for part in parts for begin in range(0, len(part), longest)]


def _later(word: Word, seconds: float) -> Word:
    if word.start is None or word.end is None:
        return word
    return Word(word.word, word.start + seconds, word.end + seconds, word.score)
