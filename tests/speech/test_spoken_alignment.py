import pytest
from recognizers import LETTERS, save_ctc_model

from saladkit.speech.aligners.aligner import align_one, open_aligner
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.voices.voice import open_voice


def test_a_ctc_model_places_numbers_by_their_words(tmp_path):
    aligner = open_aligner(f"ctc:{save_ctc_model(tmp_path, LETTERS)}")
    text = "In 1984 it was $5 million."
    form = spoken_form(text, "en")
    utterance = open_voice("espeak:en-us@120").speak(form.text + " and so on and on")
    heard = utterance.samples, utterance.sample_rate
    assert [word.word for word in align_one(aligner, *heard, text) if word.start is None] == ["1984", "$5"]
    words = align_one(aligner, *heard, text, "en")
    assert [word.word for word in words] == text.split()
    assert [word.word for word in words if word.start is None] == ["million."]
    said = align_one(aligner, *heard, form.text)
    assert (words[1].start, words[1].end) == (said[1].start, said[3].end)
    assert align_one(aligner, *heard, text, "de") == align_one(aligner, *heard, text)


def test_sphinx_times_refer_to_the_source():
    text = "In 1984, Dr. Smith paid $5 million for 10 km of road."
    form = spoken_form(text, "en")
    utterance = open_voice("espeak:en-us").speak(form.text)
    truth = form.source_words(text, utterance.words)
    words = align_one(open_aligner("sphinx"), utterance.samples, utterance.sample_rate, text, "en")
    assert [word.word for word in words] == [word.word for word in truth] == text.split()
    for word, known in zip(words, truth, strict=True):
        if known.start is not None:
            assert word.start == pytest.approx(known.start, abs=0.06), word
