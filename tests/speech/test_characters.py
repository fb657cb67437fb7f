"""Styled, decomposed and invisible characters are spoken as plain letters, with the times of the source's words."""

import unicodedata

import pytest

from saladkit.formats.words import Word
from saladkit.speech.normalizing.spoken_form import spoken_form

ENGLISH = {
    # composed forms
    "cafe\u0301 nai\u0308ve A\u030angstro\u0308m": "café naïve Ångström",
    "\u212bngstrom \u2126": "Ångstrom Ω",
    # compatibility forms
    "ｆｕｌｌ ｗｉｄｔｈ": "full width",
    "Ｈｅｌｌｏ，ｗｏｒｌｄ！": "Hello，world!",  # a plain comma before a letter would be no pause
    "１２：３０ ５，０００ ＄５": "twelve thirty five thousand five dollars",
    "𝓱𝓮𝓵𝓵𝓸 𝐛𝐨𝐥𝐝 𝕕𝕠𝕦𝕓𝕝𝕖 𝚖𝚘𝚗𝚘 𝟏𝟐": "hello bold double mono twelve",
    "oﬃce ﬁsh ﬂag ſo ŉ ĳs": "office fish flag so ʼn ijs",
    "ⓗⓔⓛⓛⓞ 🄰🄱 🅐🅱 ① ʜᴇʟʟᴏ": "hello AB AB one hello",
    "Chapter Ⅳ, H₂O and CO₂": "Chapter four, H two O and CO two",
    "5 ℃, 5 ㎏, 10 ㎡": "five degrees Celsius, five kilograms, ten square meters",
    "well\u2011known well\u2010known": "well-known well-known",
    "1ˢᵗ place, the 2ⁿᵈ": "first place, the second",
    "don`t isn´t wonʼt it′s you‘re": "don't isn't won't it's you're",
    # invisible characters
    "co\u200boperate co\u2060operate co\u00adoperate co\u200doperate": "cooperate cooperate cooperate cooperate",
    "\ufeffhello hel\u200clo \u202dleft\u202c \u200eright\u200f": "hello hello left right",
    "❤\ufe0f a\u034fb c\u3164d 1\ufe0f\u20e3": "❤ ab cd one",
    "one\x00two three\x07four": "one two three four",
    # marks that an English reader drops; espeak-ng spells their code points
    "Nguyễn of Hà Nội, nǐ hǎo": "Nguyen of Hà Noi, ni hao",
    "z\u0336a\u0336l\u0336g\u0336o\u0336": "zalgo",
}
STAND = {
    "en": "don’t “say” — café… x² 10⁵ ª º ™ µm ʻokina Straße Łódź œuvre 😀 日本 Привет ٣٤",
    "vi": "Nguyễn ở Hà Nội",
    "ro": "școală",
    "hi": "क्\u200dष पानी ३४",
    "fa": "می\u200cخواهم",
    "cmn": "海边的水，冬天。",
    "th": "น้ำ",
    "ko": "한국 ㅋㅋ",
}


@pytest.mark.parametrize("text, expected", ENGLISH.items())
def test_characters_are_written_plainly(text, expected):
    assert spoken_form(text, "en-us").text == expected


@pytest.mark.parametrize("language, text", STAND.items())
def test_what_its_readers_read_stands(language, text):
    assert spoken_form(text, language).text == text


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "language, text",
    {"en": "a café in Zürich", "vi": "Nguyễn ở Hà Nội", "ko": "물이 끓고", "fr-fr": "déjà vu", "ja": "ガラス"}.items(),
)
def test_both_forms_of_a_text_are_spoken_alike(form, language, text):
    assert spoken_form(unicodedata.normalize(form, text), language).text == text


def test_half_width_kana_and_arabic_forms_are_joined():
    assert spoken_form("ｶﾞｷﾞ ﾊﾛｰ", "ja").text == "ガギ ハロー"
    assert spoken_form("ﻣﺮﺣﺒﺎ", "ar").text == "مرحبا"


@pytest.mark.parametrize(
    "text, times",
    [
        ("cafe\u0301 co\u200boperate", [(0, 1), (1, 2)]),
        ("one\x00two three", [(0, 2), (2, 3)]),  # two spoken words of one
        ("a \u200b b", [(0, 1), (None, None), (1, 2)]),  # a word that nobody sees
        ("\u200b a b", [(0, 1), (None, None), (1, 2)]),
        ("５ ㎏ \ufeff", [(0, 1), (1, 2), (None, None)]),
    ],
)
def test_times_are_of_the_words_as_they_are_given(text, times):
    form = spoken_form(text, "en")
    spoken = [Word(word, place, place + 1) for place, word in enumerate(form.words)]
    words = form.source_words(text, spoken)
    assert [word.word for word in words] == text.split()
    assert [(word.start, word.end) for word in words] == times
