"""A long text is spoken in pieces of whole sentences and comes out as one."""

from itertools import pairwise

import numpy as np
import pytest

from saladkit.formats.words import Word, words_of_text
from saladkit.speech.audio.encoding import encode_flac, encode_wav
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.synthesis.expected_length import expected_seconds
from saladkit.speech.synthesis.pieces import LONGEST, PAUSE, speak_in_pieces
from saladkit.speech.voices.voice import Utterance, VoiceFailed, open_voice

SENTENCE = "The old river runs slowly past a quiet village. "
CLAUSES = "the river runs, the village sleeps, "
NO_END = "and then "
CHINESE = "海边的水在沸腾，冬天很长。"


class Beeps:
    """A tenth of a second for each word; keeps the texts that it was asked to speak."""

    def __init__(self, rates=(1000,)):
        self.asked, self._rates = [], list(rates)

    def __call__(self, text):
        self.asked.append(text)
        rate = self._rates[(len(self.asked) - 1) % len(self._rates)]
        words = [Word(word, place / 10, (place + 1) / 10) for place, word in enumerate(words_of_text(text))]
        return Utterance(np.full(len(words) * rate // 10, len(self.asked), np.float32), rate, words)


@pytest.mark.parametrize(
    "text, end",
    [
        (SENTENCE * 100, "."),
        (f"“{SENTENCE.strip()}” " * 100, ".”"),
        (CLAUSES * 150, ","),
        (NO_END * 500, ""),
        (CHINESE * 100, "。"),
        (f"{CHINESE * 20} " * 5, "。"),
        ("漢" * 3000, ""),
        ("a" * 9000 + " b", ""),
        (f"{SENTENCE * 60} * * * {SENTENCE * 60}", "."),
    ],
)
def test_pieces_end_with_sentences_or_else_clauses(text, end):
    voice, form = Beeps(), spoken_form(text, "en")
    spoken, utterance = speak_in_pieces(form, voice)
    assert len(voice.asked) > 1 and all(expected_seconds(piece) <= LONGEST for piece in voice.asked)
    assert all(piece.endswith(end) for piece in voice.asked[:-1])
    assert "".join(" ".join(voice.asked).split()) == "".join(text.split())  # nothing is lost or said twice
    assert [word.word for word in utterance.words] == spoken.words
    words = spoken.source_words(text, utterance.words)
    assert [word.word for word in words] == words_of_text(text)
    timed = [word for word in words if word.start is not None]
    assert all(word.end <= following.start + 1e-9 for word, following in pairwise(timed))
    assert timed[0].start == 0 and timed[-1].end == pytest.approx(len(utterance.samples) / utterance.sample_rate)


def test_a_pause_parts_sentences():
    text = SENTENCE * 60
    voice = Beeps()
    _, utterance = speak_in_pieces(spoken_form(text, "en"), voice)
    silent = np.flatnonzero(utterance.samples == 0)
    assert len(voice.asked) == 2 and len(silent) == round(PAUSE * 1000) and np.ptp(silent) == len(silent) - 1
    first_of_second = utterance.words[len(voice.asked[0].split())]
    assert round(first_of_second.start * 1000) == silent[-1] + 1


def test_a_usual_text_is_spoken_in_one_go():
    voice, form = Beeps(), spoken_form(SENTENCE * 20, "en")
    spoken, _ = speak_in_pieces(form, voice)
    assert spoken is form and voice.asked == [form.text]


def test_pieces_of_different_rates_are_refused():
    with pytest.raises(VoiceFailed, match="sample rates of 1000 and 2000 Hz"):
        speak_in_pieces(spoken_form(SENTENCE * 100, "en"), Beeps(rates=(1000, 2000)))


def test_a_piece_sounds_as_it_does_alone():
    voice = open_voice("espeak:en-us@300")
    asked = []

    def speak(text):
        asked.append(text)
        return voice.speak(text)

    _, whole = speak_in_pieces(spoken_form(SENTENCE * 80, "en"), speak)
    first, last = voice.speak(asked[0]), voice.speak(asked[-1])
    assert np.array_equal(whole.samples[: len(first.samples)], first.samples)
    assert np.array_equal(whole.samples[-len(last.samples) :], last.samples)


@pytest.mark.parametrize("encode", [encode_flac, encode_wav])
def test_long_audio_is_encoded_as_short_audio_is(encode, monkeypatch):
    samples = np.random.default_rng(0).uniform(-1.1, 1.1, 50_001).astype(np.float32)
    expected = encode(samples, 16_000)
    for at_once in (1000, 4096, 7777):
        monkeypatch.setattr("saladkit.speech.audio.encoding._AT_ONCE", at_once)
        assert encode(samples, 16_000) == expected
