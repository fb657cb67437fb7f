"""Phonemes as targets of speech vectors."""

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import SequenceLayout, speech_span
from saladkit.rows.spoken_phonemes import SourcePhonemes, SpokenPhonemes
from saladkit.speech.phonemes import SILENCE, TimedPhoneme

LAYOUT = SequenceLayout(100, 8)
ROWS = {
    "a": [TimedPhoneme("t", 0.10), TimedPhoneme("a", 0.20), TimedPhoneme(SILENCE, 0.35)],
    "b": [],
    "c": [TimedPhoneme("a", 0.00), TimedPhoneme(SILENCE, 0.08), TimedPhoneme("s", 0.16), TimedPhoneme(SILENCE, 0.24)],
}


class Given:
    """Phonemes of texts of one word."""

    def phonemes(self, words):
        return ROWS[words[0].word]


def spoken(*names):
    return SpokenPhonemes(Given(), [[Word(name, 0.0, 0.4)] for name in names])


def test_the_classes_are_the_phonemes_that_occur():
    assert spoken("a", "b", "c").names == [SILENCE, "a", "s", "t"]
    assert spoken("b").names == [SILENCE]


def test_nothing_is_named_outside_of_what_is_known():
    times = np.array([0.05, 0.10, 0.19, 0.20, 0.34, 0.35, 9.0])
    assert spoken("a", "c").at(0, times).tolist() == [-1, 3, 3, 1, 1, -1, -1]
    assert spoken("a", "c").at(1, np.array([0.1, 0.2])).tolist() == [0, 2]
    assert spoken("b").at(0, times).tolist() == [-1] * 7


def test_a_vector_names_the_phonemes_in_the_middle_of_its_halves():
    """Vectors of 80 ms, against a loop over 40 ms each, whole and from a cut on; rows count from their source."""
    words = [Word("one", 0.0, 0.165), Word("two", 0.165, 0.35)]
    phonemes = SourcePhonemes(spoken("c", "a"), first=1)
    names = SpokenPhonemes.names.func(phonemes.spoken)
    for spans, begin, count in (([Span(True, 0, 2)], 0.0, 35), ([Span(False, 0, 1), Span(True, 1, 2)], 0.16, 19)):
        speech = speech_span(np.zeros((count, 4)), LAYOUT)
        [named] = phonemes.named_in(0, spans, [speech], words, LAYOUT)
        expected = []
        for half in range(2 * speech.vectors):
            time = begin + (half + 0.5) * 0.04
            inside = 0.10 <= time < 0.35
            expected.append(names.index("t" if time < 0.20 else "a") if inside else -1)
        assert named.phonemes.tolist() == np.reshape(expected, (-1, 2)).tolist()
        assert named.vectors == speech.vectors and named.frames is speech.frames
