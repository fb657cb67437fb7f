"""Copies of a question are found in whatever form and script they are written; other texts stay."""

import time
import unicodedata

import numpy as np
import pytest

from saladkit.contamination.overlap import Overlap, note_not_judged
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


@pytest.fixture(scope="module")
def overlap():
    return Overlap(QUESTIONS.items(), Filters.ngram)


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("name", list(QUESTIONS))
def test_a_copy_is_found_in_every_form(name, form, overlap):
    copied = FORMS[form](QUESTIONS[name])
    assert overlap.find(f"12. {copied} 1999") == name


def test_a_question_is_found_word_for_word():
    overlap = Overlap(
        [
            ("q1", QUESTIONS["English"]),
            ("q2", "What is it?"),
            ("q3", "The largest planet of the solar system is called"),
        ],
        Filters.ngram,
    )
    assert overlap.not_judged == {"q2"}
    assert overlap.find(f"He asked: {QUESTIONS['English'].upper()} Nobody knew.") == "q1"
    words = QUESTIONS["English"].split()
    assert overlap.find(" ".join(["It"] + words[2:15] + ["was"])) == "q1"  # thirteen in a row
    assert overlap.find(" ".join(["It"] + words[2:14] + ["was"])) is None  # twelve
    assert overlap.find("the largest planet of the Solar System is called Jupiter") == "q3"  # of nine words, all nine
    assert overlap.find("the largest planet of the solar system is Jupiter") is None
    assert overlap.find("What is it? I do not know.") is None
    assert Overlap([("q1", QUESTIONS["English"])], ngram=5).find("the moons of Jupiter that nobody saw") == "q1"


@pytest.mark.parametrize(
    "question, held, not_held",
    [
        ("Who painted the Mona Lisa?", "He asked who painted the Mona Lisa.", "The man who painted the Mona."),
        ("The capital city of France is", "The capital city of France is Paris.", "A capital city of France is Paris."),
        ("Is a whale a fish?", "Is a whale a fish? No.", "This is a whale a fisherman saw."),
        ("How many legs has a spider?", "HOW MANY LEGS HAS A SPIDER", "How many eyes has a spider?"),
        ("法国的首都是哪座城市？", "他问：法国的首都是哪座城市？没有人知道。", "法国的首都是巴黎。"),
        ("भारत की राजधानी क्या है?", "उसने पूछा: भारत की राजधानी क्या है?", "भारत की राजधानी दिल्ली है।"),
    ],
)
def test_a_short_question_is_found_as_a_whole(question, held, not_held):
    overlap = Overlap([("q", question)], Filters.ngram)
    assert overlap.not_judged == set()
    assert (overlap.find(held), overlap.find(not_held)) == ("q", None)


def test_wordings_that_texts_contain_by_chance_are_not_looked_for():
    worded = [
        *[("trivial", "Who was he?"), ("trivial", "Who was he? Caesar")],  # three words, and four
        *[("too short", "Is it?"), ("too short", "Is it? yes"), ("also too short", "什么？")],
        *[(id_, "Which of these is true?") for id_ in ("phrase", "other", "only a phrase")],
        *[("phrase", "Which of these is true? Ice floats"), ("other", "Which of these is true? Iron floats on water")],
    ]
    overlap = Overlap(worded, Filters.ngram)
    assert overlap.not_judged == {"too short", "also too short", "only a phrase"}
    assert overlap.find("Which of these is true? Who was he? Is it? yes. 什么？") is None
    assert overlap.find("Which of these is true: ice floats, or not?") == "phrase"
    assert overlap.find("Which of these is true: iron floats on water?") == "other"
    assert overlap.find("who was he, Caesar?") == "trivial"
    note = note_not_judged(overlap, 6)
    assert note.startswith("3 of 6 questions") and "also too short, only a phrase, too short" in note


def test_the_same_question_twice_in_one_row_is_no_shared_phrase():
    assert Overlap([("q", "Which moon is the largest?")] * 2, Filters.ngram).find("which moon is the largest") == "q"


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


def test_what_is_found_is_what_a_slow_search_finds():
    random = np.random.default_rng(0)
    questions = [(str(n), " ".join(random.choice(list("abcd"), random.integers(2, 20)))) for n in range(30)]
    overlap = Overlap(questions, 8)
    found = []
    for _ in range(400):
        words = random.choice(list("abcd"), random.integers(1, 60)).tolist()
        held = set()
        for id_, text in questions:
            asked = text.split()
            runs = [asked[at : at + 8] for at in range(max(len(asked) - 7, 1))]
            if id_ not in overlap.not_judged and any(
                words[at : at + len(run)] == run for run in runs for at in range(len(words) - len(run) + 1)
            ):
                held.add(id_)
        found.append(overlap.find(" ".join(words)))
        assert found[-1] in (held or {None})
    assert None in found and len(set(found)) > 5
