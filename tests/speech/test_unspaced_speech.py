"""Speech of scripts without spaces between words: spoken forms, word times, error rates."""

import pytest
import torch
from recognizers import SPECIAL, save_ctc_model

from saladkit.formats.words import Word, are_words_of, words_of_text
from saladkit.speech.aligners.aligner import open_aligner
from saladkit.speech.aligners.emissions import Emissions
from saladkit.speech.aligners.pairing import pair_words
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.synthesis.pieces import speak_in_pieces
from saladkit.speech.transcribers.error_rates import character_errors
from saladkit.speech.voices.espeak import EspeakVoice

CHINESE = "今天天气很好，我们去公园散步。"
THAI = "วันนี้อากาศดีมาก เราไปเดินเล่นในสวน"
JAPANESE = "東京で「新しい」本を買いました。"


@pytest.mark.parametrize("text", [CHINESE, THAI, JAPANESE, "我用 iPhone手机 today"], ids=range(4))
@pytest.mark.parametrize("language", [None, "cmn", "en"])
def test_the_spoken_form_gets_no_spaces_that_the_text_lacks(text, language):
    form = spoken_form(text, language)
    assert form.text == text
    assert form.words == words_of_text(text)
    spoken = [Word(word, float(place), place + 1.0) for place, word in enumerate(form.words)]
    assert form.source_words(text, spoken) == spoken


def test_a_stretch_that_is_spoken_as_other_characters_shares_its_times():
    text = "今天\u00ad天气 很好"  # an invisible character, which is left out
    form = spoken_form(text, "cmn")
    assert form.text == "今天天气 很好"
    spoken = [Word(word, float(place), place + 1.0) for place, word in enumerate(form.words)]
    timed = form.source_words(text, spoken)
    assert [word.word for word in timed] == words_of_text(text)
    assert (timed[0].start, timed[0].end, timed[1].start) == (0.0, 2.0, None)
    assert (timed[-1].start, timed[-1].end) == (2.0, 3.0)


def test_espeak_tells_the_times_of_mandarin_words():
    words = EspeakVoice("cmn").speak(CHINESE).words
    assert [word.word for word in words] == words_of_text(CHINESE)
    assert all(word.start is not None and word.end > word.start for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)


def test_a_long_text_keeps_its_words_over_the_pieces():
    text = CHINESE * 40  # 200 s, and pieces have 120
    form, utterance = speak_in_pieces(spoken_form(text, "cmn"), EspeakVoice("cmn").speak)
    assert [word.word for word in utterance.words] == form.words == words_of_text(text)
    starts = [word.start for word in utterance.words]
    assert starts == sorted(starts)
    assert len(utterance.samples) / utterance.sample_rate > 120


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("今天 天气 很 好 我们 去 公园 散步", "今天 天气 很 好， 我们 去 公园 散步。"),  # an aligner's own words
        ("今 天 天 气 很 好 我 们 去 公 园 散 步", "今 天 天 气 很 好， 我 们 去 公 园 散 步。"),  # signs
        ("今天 天气 很好 我们 去 公园 跑步", "今天 天气 很好， 我们 去 公园 散步。"),  # another text: ICU's words
    ],
    ids=["words", "signs", "another text"],
)
def test_an_aligners_cuts_are_kept(labels, words):
    placed = [Word(label, float(place), place + 0.9) for place, label in enumerate(labels.split())]
    found = pair_words(CHINESE, placed).words
    assert [word.word for word in found] == words.split()
    assert are_words_of([word.word for word in found], CHINESE)
    timed = [word for word in found if word.start is not None]
    assert len(timed) >= len(words.split()) - 1
    assert all(placed[int(word.start)].word == word.word.strip("，。") for word in timed)


def test_a_ctc_model_is_asked_for_no_space_that_the_text_lacks(tmp_path):
    text = "今天天气 很好"
    signs = sorted(set(text) - {" "})
    aligner = open_aligner(f"ctc:{save_ctc_model(tmp_path, ''.join(signs))}")
    ids = {sign: len(SPECIAL) + place for place, sign in enumerate(signs)} | {" ": SPECIAL.index("|")}
    path = [frame for sign in text for frame in (ids[sign], ids[sign], 0)]  # two frames a sign, then a blank
    log_probs = torch.full((len(path), len(SPECIAL) + len(signs)), -12.0)
    log_probs[torch.arange(len(path)), torch.tensor(path)] = 0.0
    found = aligner._aligned(text, Emissions(log_probs.log_softmax(-1), 0.02))
    assert [word.word for word in found.words] == ["今天", "天气", "很好"]
    assert [(word.start, word.end) for word in found.words] == [
        (pytest.approx(0.02 * begin), pytest.approx(0.02 * end)) for begin, end in [(0, 5), (6, 11), (15, 20)]
    ]
    assert found.score > 0.99


@pytest.mark.parametrize(
    ("reference", "transcript", "rate"),
    [
        (CHINESE, "今天 天气 很 好 我们 去 公园 散步", 0.0),  # spaces are the recognizer's
        (CHINESE, "今天天气很好我们去公园跑步", 1 / 13),
        (THAI, THAI.replace(" ", ""), 0.0),
        ("น้ำ", "นา", 2 / 4),  # a lost mark is an error: น ้ ํ า against น า
        ("今天１２点", "今天12点", 0.0),
        ("naïve", "nai\u0308ve", 0.0),
        ("a b", "ab", 1 / 3),  # in a script with spaces, a lost space is an error
    ],
    ids=range(7),
)
def test_error_rates_count_letters_and_marks(reference, transcript, rate):
    assert character_errors(reference, transcript).rate == pytest.approx(rate)
