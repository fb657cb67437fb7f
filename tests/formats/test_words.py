"""Words of texts with and without spaces between words."""

import sys

import pytest

from saladkit.errors import SaladError
from saladkit.formats.unspaced import has_unspaced
from saladkit.formats.words import are_words_of, joined_words, place_words, split_words, words_of_text

SPACED = [
    "The tomato is a berry.",
    "  don't   stop—“really” 1,234.5 ",
    "Ça va, naïve e\u0301tude",
    "한국어 문장입니다.",
]
UNSPACED = {
    "今天天气很好，我们去公园散步。": "今天 天气 很好， 我们 去 公园 散步。",
    "東京で「新しい」本を3冊買いました。": "東京 で 「新しい」 本 を 3 冊 買い ま した。",
    "วันนี้อากาศดีมาก เราไปเดินเล่นในสวน": "วัน นี้ อากาศ ดี มาก เรา ไป เดิน เล่น ใน สวน",
    "I bought iPhone手机 today. Well-known U.S. 手机!": "I bought iPhone 手机 today. Well-known U.S. 手机!",
    "第21回（2024年）の『「文化」』祭": "第 21 回 （2024 年） の 『「文化」』 祭",
    "𠮷野家で牛丼を食べた。": "𠮷 野家 で 牛 丼 を 食 べた。",  # 𠮷 is two units of UTF-16
    "ພາສາລາວເປັນພາສາ": "ພາສາ ລາວ ເປັນ ພາສາ",
    "「、手机」、": "「、手机」、",
}


@pytest.mark.parametrize("text", SPACED)
def test_words_stand_between_spaces_and_need_no_icu(text, monkeypatch):
    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)
    assert words_of_text(text) == text.split()
    assert are_words_of(text.split(), text)
    assert not are_words_of(text.split()[1:], text)
    assert joined_words(text) == frozenset()


@pytest.mark.parametrize(("text", "words"), UNSPACED.items(), ids=range(len(UNSPACED)))
def test_scripts_without_spaces_are_cut_by_icu(text, words):
    assert words_of_text(text) == words.split()
    spans = split_words(text)
    assert [text[begin:end] for _, begin, end in spans] == words.split()
    after_space = {place for place, (_, begin, _) in enumerate(spans) if begin == 0 or text[begin - 1].isspace()}
    assert joined_words(text) == set(range(len(spans))) - after_space


@pytest.mark.parametrize("text", [text for text in UNSPACED if " " not in text or not text.isascii()], ids=str)
def test_an_aligners_own_words_are_words_of_the_text(text):
    signs = [character for character in text if not character.isspace()]
    assert has_unspaced(text)
    assert are_words_of(signs, text)
    assert [word for word, _, _ in place_words(text, signs)] == signs
    assert not are_words_of(signs[:-1], text)
    assert not are_words_of([*signs, ""], text)
    assert not are_words_of(signs[::-1], text)


def test_no_word_goes_over_a_space():
    assert are_words_of(["今天", "天", "气"], "今天 天气")
    assert not are_words_of(["今", "天天", "气"], "今天 天气")


def test_without_icu_the_fix_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)
    with pytest.raises(SaladError) as error:
        words_of_text("今天天气很好")
    assert "icu4py" in error.value.problem
    assert error.value.fix == "Run `pip install 'saladkit[languages]'`."
