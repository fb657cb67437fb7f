"""Copies of a question are found in whatever form and script they are written; other texts stay."""

import time
import unicodedata

import pytest

from saladkit.selection.decontamination import Overlap
from saladkit.settings.select import Filters
from saladkit.sources.words import count_words, words_of

QUESTIONS = {
    "English": "Which of the moons of Jupiter that Galileo saw in the year 1610 is covered by ice?",
    "French": "Quel café du vieux port à Marseille était le préféré du poète après son départ forcé de Paris ?",
    "Vietnamese": "Thành phố nào là thủ đô của nước Việt Nam từ sau khi đất nước được thống nhất hoàn toàn?",
    "Hindi": "निम्नलिखित में से कौन सा ग्रह सूर्य के सबसे निकट है और किस ग्रह पर सबसे अधिक चंद्रमा हैं?",
    "Korean": "다음 중 태양계에서 가장 큰 행성은 어느 것이며 그 행성의 지름은 지구의 몇 배나 되는가?",
    "Chinese": "太阳系中最大的行星是哪一颗，它的直径大约是地球直径的多少倍？",
    "Japanese": "太陽系でいちばん大きな惑星はどれで、その直径は地球のおよそ何倍ありますか。",
    "Thai": "ดาวเคราะห์ดวงใดมีขนาดใหญ่ที่สุดในระบบสุริยะและมีดวงจันทร์กี่ดวง",
    "Greek": "Ποιος από τους πλανήτες του ηλιακού μας συστήματος είναι ο μεγαλύτερος και πόσους δορυφόρους έχει;",
    "short Chinese": "法国的首都是哪座城市？",
    "short Hindi": "भारत की राजधानी क्या है?",
}
FORMS = {
    "as it is": lambda text: text,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "upper case": str.upper,
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "invisible": lambda text: text.replace("a", "a\u200b").replace("的", "的\u2060").replace("े", "े\u200d"),
    "other signs": lambda text: text.replace(",", " –").replace("，", " ").replace("?", "!").replace("？", "…"),
}
LONG = [name for name in QUESTIONS if not name.startswith("short")]


@pytest.fixture(scope="module")
def overlap():
    return Overlap(QUESTIONS.items(), Filters.ngram)


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("name", LONG)
def test_a_copy_is_found_in_every_form(name, form, overlap):
    copied = FORMS[form](QUESTIONS[name])
    assert overlap.find(f"12. {copied} 1999") == name


def test_short_questions_are_not_looked_for(overlap):
    assert overlap.too_short == {"short Chinese", "short Hindi"}
    assert overlap.find("他问：法国的首都是哪座城市？没有人知道。") is None
    assert overlap.find("उसने पूछा: भारत की राजधानी क्या है?") is None


@pytest.mark.parametrize(
    "text",
    [
        "सूर्य के सबसे निकट कौन सा ग्रह है, यह सब लोग जानते हैं और चंद्रमा भी सुंदर है।",
        "बच्चों को बताइए कि इन में से कौन सा ग्रह सूर्य के सबसे निकट माना जाता है।",  # nine words, thirteen letters and more
        "निम्नलिखित में से कौन सा शहर बड़ा है और किस शहर में सबसे अधिक लोग हैं?",
        "太阳系中最大的行星是木星，它有很多卫星。",
        "土星的直径大约是地球直径的九倍。",
        "太陽系でいちばん大きな惑星は木星です。",
        "ดวงจันทร์โคจรรอบโลก และโลกโคจรรอบดวงอาทิตย์",
        "Quel café du port était le préféré ?",
    ],
)
def test_a_text_that_shares_a_few_words_stays(text, overlap):
    assert overlap.find(text) is None


@pytest.mark.parametrize(
    "text, words, worth",
    [
        ("Don't panic, 42!", ["don", "t", "panic", "42"], 4),
        ("चंद्रमा घूमता है", ["चंद्रमा", "घूमता", "है"], 3),
        ("中国的城市", ["中", "国", "的", "城", "市"], 5 / 1.5),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"], 2 / 1.5 + 3 / 2),
        ("ที่นี่", ["ที่", "นี่"], 2 / 4),
        ("B2B市場 café", ["b2b", "市", "場", "café"], 2 + 2 / 1.5),
        ("x_1 ﬁn ① ½", ["x", "1", "fin", "1", "1", "2"], 6),
        ("…", [], 0),
    ],
)
def test_words_of_every_script(text, words, worth):
    assert words_of(text) == words
    assert count_words(words) == pytest.approx(worth)


def test_many_texts_are_looked_through_in_no_time(overlap):
    texts = ["The quick brown fox jumps over the lazy dog, and nobody saw it. " * 10, QUESTIONS["Japanese"][:12] * 30]
    started = time.process_time()
    for _ in range(500):
        assert [overlap.find(text) for text in texts] == [None, None]
    assert time.process_time() - started < 5
