"""Which letters espeak-ng reads, and that letters which it does not read cannot spoil the words after them."""

import numpy as np
import pytest

from saladkit.speech.voices.espeak_scripts import unread_word
from saladkit.speech.voices.voice import open_voice, unread_by

UNREAD = [
    ("en-us", "the ꦗꦮ word", "Javanese"),
    ("en-us", "the ᏣᎳᎩ word", "Cherokee"),
    ("en-gb", "你好 to you", "Han"),
    ("en", "ひらがな and", "Hiragana"),
    ("ja", "これは日本語です", "Han"),
    ("ko", "漢字 입니다", "Han"),
    ("fr-fr", "le mot Привет", "Cyrillic"),
    ("en", "Ελληνικά", "Greek"),
    ("de", "שלום", "Hebrew"),
    ("en", "مرحبا", "Arabic"),
    ("en", "ไทย", "Thai"),
    ("hi", "ትግርኛ", "Ethiopic"),
    ("en", "say ʃɪp", "Latin"),
    ("en", "the letter ꝏ", "Latin"),
    ("en", "٣٤ men", "Arabic-Indic"),
    ("ru", "ᚠᚢᚦ", "Runic"),
]
READ = [
    ("en-us", "don’t say café, Łódź and Straße — ½ of 😀 x² ™ Hawaiʻi µm"),
    ("en-us", "한국 and नमस्ते and ქართული"),  # by their own languages
    ("en", "an α-helix, Δx"),
    ("de", "das Wort Ελλάδα"),
    ("ru", "Привет, world"),
    ("sr", "вода i voda"),
    ("ja", "ラーメンをください、NHK"),
    ("cmn", "海边的水，〇"),
    ("ar", "مرحبا ٣٤"),
    ("vi", "Nguyễn"),
    ("az", "Azərbaycan"),
    ("am", "ውሃ"),
    (None, "ꦗꦮ"),
]


@pytest.mark.parametrize("language, text, script", UNREAD)
def test_a_word_that_is_not_read_is_named(language, text, script):
    word, found = unread_word(text, language)
    assert found == script and word in text.split()


@pytest.mark.parametrize("language, text", READ)
def test_a_text_that_is_read_is_let_through(language, text):
    assert unread_word(text, language) is None


@pytest.mark.parametrize("word", ["ꦗꦮ", "ᏣᎳᎩ", "ꝏꝎ", "ꨀꨁ", "ꯃꯤ"])
@pytest.mark.parametrize("voice", ["en-us", "fr", "de+f2"])
def test_a_letter_taken_for_korean_does_not_spoil_the_rest(voice, word):
    voice = open_voice(f"espeak:{voice}")
    before, after = "the ", " word later banana photograph"
    spoken, expected = voice.speak(before + word + after), voice.speak(before + " " * len(word) + after)
    assert np.array_equal(spoken.samples, expected.samples)
    assert spoken.words[1].start is None and [w for w in spoken.words if w.word != word] == expected.words


def test_korean_itself_is_spoken():
    voice = open_voice("espeak:en-us")
    words = voice.speak("the 한국 word").words
    assert words[1].start < words[2].start
    assert unread_by(voice, "the 한국 word") is None and unread_by(voice, "the 你好 word") == ("你好", "Han")
