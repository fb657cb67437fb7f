"""Phonemes of a text in somebody else's recording of it."""

import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.phonemes import SILENCE, EspeakPhonemizer, TimedPhoneme, bare_name, stretched
from saladkit.speech.voices.espeak import EspeakVoice

TEXT = "The farmer, tired and hungry, walked home across the muddy fields"


def class_at(phonemes, time):
    """Name of the phoneme at a time, by a search from the end; None outside."""
    name = next((phoneme.name for phoneme in reversed(phonemes) if phoneme.start <= time), None)
    return None if time >= phonemes[-1].start else name


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("'a", "a"),
        ("@2", "@"),
        ("a#", "a"),
        ("_:", SILENCE),
        ("_|", SILENCE),
        ("i:", "i:"),
        (":", ""),
        (";", ""),
        (",", ""),
    ],
)
def test_names_have_no_stress_and_no_variants(name, bare):
    assert bare_name(name) == bare


def test_phonemes_move_with_the_words():
    own = [Word("a", 0.0, 1.0), Word("b", None, None), Word("c", 2.0, 3.0)]
    words = [Word("a", 10.0, 12.0), Word("b", 12.0, 13.0), Word("c", 14.0, 14.5)]
    spoken = [("x", 0.0), ("", 0.2), ("y", 0.5), ("x", 1.0), ("z", 2.5), ("_", 3.0)]
    assert stretched(spoken, own, words) == [
        TimedPhoneme("x", 10.0),
        TimedPhoneme("y", 11.0),
        TimedPhoneme("x", 12.0),
        TimedPhoneme("z", 14.25),
        TimedPhoneme(SILENCE, 14.5),
    ]


@pytest.mark.parametrize(
    "words", [[Word("a", None, None)], [Word("a", 1.0, None)], [Word("a", 1.0, 2.0), Word("b", 2.0, 3.0)]]
)
def test_without_two_common_times_there_are_no_phonemes(words):
    assert stretched([("x", 0.0)], [Word("a", 0.0, 1.0)], words) == []


@pytest.mark.parametrize("text", ["", "...", "-"])
def test_what_is_not_spoken_has_no_phonemes(text):
    assert EspeakPhonemizer("en-us").phonemes([Word(text, 0.0, 1.0)]) == []


@pytest.mark.parametrize(("voice", "least"), [("en-us@230", 0.85), ("en-us+f3@120", 0.85), ("en-gb@230", 0.7)])
def test_another_voice_says_them_at_the_times_of_its_words(voice, least):
    """The phonemes that espeak-ng reports for this very recording are the reference."""
    spoken, words = EspeakVoice(voice).timed_phonemes(TEXT)
    expected = [TimedPhoneme(bare_name(name), start) for name, start in spoken if bare_name(name)]
    found = EspeakPhonemizer("en-us").phonemes(words)
    times = np.arange(words[0].start, words[-1].end, 0.04) + 0.02
    agreed = [class_at(found, time) == class_at(expected, time) for time in times if time < expected[-1].start]
    assert np.mean(agreed) >= least


@pytest.mark.parametrize("language", ["de", "fr-fr", "cmn"])
def test_other_languages_have_their_own_phonemes(language):
    text = {"de": "Die Straße ist schön", "fr-fr": "Un bon vin blanc", "cmn": "猫 坐 在 上"}[language]
    _, words = EspeakVoice(language).timed_phonemes(text)
    names = {phoneme.name for phoneme in EspeakPhonemizer(language).phonemes(words)}
    assert names & {"de": {"Y:"}, "fr-fr": {"O~", "A~", "W~"}, "cmn": {"Au", "uo", "ai"}}[language]


def test_an_unknown_language_is_said():
    with pytest.raises(SaladError, match="no voice 'xx-nowhere'"):
        EspeakPhonemizer("xx-nowhere")
