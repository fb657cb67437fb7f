"""The voice `phones` and the encoder that reads its recordings."""

from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.settings.shared import SpeechEncoder
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.audio.encoding import encode_flac
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.phone_frames import FRAMES_PER_SECOND, PHONES, SAMPLE_RATE, WIDTH, as_frames, as_signal
from saladkit.speech.voices.confusions import confusions
from saladkit.speech.voices.phone_names import phone_of
from saladkit.speech.voices.phones import _shares
from saladkit.speech.voices.voice import open_voice

FOX = "The quick brown fox jumps over the lazy dog."
VOICES = ["phones:en-us@230", "phones:en-gb+f2@230", "phones:en-us+m3@180"]


def phones_heard(text: str, voice: str) -> list[str]:
    """Return the likeliest phone of each frame, with repetitions and silence left out."""
    frames = as_frames(open_voice(voice).speak(text).samples)
    best = [PHONES[phone] for phone in frames.argmax(axis=1)]
    return [phone for before, phone in pairwise(["_", *best]) if phone not in ("_", before)]


@pytest.mark.parametrize("voice", VOICES)
def test_frames_are_shares_that_say_the_phones_of_the_words_in_order(voice):
    utterance = open_voice(voice).speak(FOX)
    assert utterance.sample_rate == SAMPLE_RATE and utterance.samples.dtype == np.float32
    frames = as_frames(utterance.samples)
    assert frames.shape[1] == WIDTH == 48
    np.testing.assert_allclose(frames.sum(axis=1), 1, atol=2e-3)  # float16 sums of 48
    said = "D @ k w I k b r aU n f 0 k s dZ V m p s oU v 3 D @ l eI z i: d 0 g".split()
    assert SequenceMatcher(None, said, phones_heard(FOX, voice), autojunk=False).ratio() > 0.7


@pytest.mark.parametrize("voice", VOICES)
def test_word_times_and_length_are_those_of_espeak(voice):
    said, spoken = open_voice(voice).speak(FOX), open_voice(voice.replace("phones", "espeak")).speak(FOX)
    assert said.words == spoken.words
    seconds = len(spoken.samples) / spoken.sample_rate
    assert 0 <= len(said.samples) / said.sample_rate - seconds < 1 / FRAMES_PER_SECOND


def test_equal_texts_and_voices_sound_equal_whatever_was_spoken_before_and_others_do_not():
    voice = open_voice(VOICES[0])
    expected = voice.speak(FOX).samples
    voice.speak("Something else!")
    assert np.array_equal(voice.speak(FOX).samples, expected)
    assert not np.array_equal(open_voice("phones:en-us@230").speak(FOX + " Yes.").samples[: len(expected)], expected)
    assert not np.array_equal(open_voice("phones:en-us+f4@230").speak(FOX).samples[: len(expected)], expected)


def test_shares_are_the_time_that_each_phone_takes_of_a_frame():
    begins, seconds = np.array([0.01, 0.055, 0.055, 0.13]), 0.15
    said = np.array([PHONES.index(phone) for phone in ("k", "a", "t", "s")])
    found = _shares(begins, said, seconds)
    twin = np.zeros((4, WIDTH))
    for millisecond in range(160):  # slow and obvious: which phone is said in each millisecond
        begun = np.flatnonzero(begins * 1000 <= millisecond + 0.5)
        phone = said[begun[-1]] if len(begun) else PHONES.index("_")
        twin[millisecond // 40, phone] += 1 / 40
    np.testing.assert_allclose(found, twin, atol=1e-9)


def test_a_speaker_confuses_similar_phones_most_and_silence_never():
    table = confusions(7, 0.2)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    silence = PHONES.index("_")
    assert table[silence, silence] == 1 and table[:, silence].sum() == 1
    assert np.all(np.diag(table) >= 0.7) and 0.75 < np.diag(table)[1:].mean() < 0.85
    rows = np.mean([confusions(seed, 0.2) for seed in range(40)], axis=0)
    place = PHONES.index
    assert rows[place("p"), place("t")] > rows[place("p"), place("b")] > rows[place("p"), place("z")]
    assert rows[place("p"), place("i:")] == 0  # no consonant is taken for a vowel
    assert not np.allclose(table, confusions(8, 0.2))


@pytest.mark.parametrize(
    ("phoneme", "phone"),
    [("'i:", "i:"), (",aI", "aI"), ("I2", "I"), ("a#", "a"), ("t#", "t"), ("r-", "r"), ("_:", "_"), (";", "j")]
    + [("@L", "l"), ("i@3", "i@"), ("i", "i:"), ("%u", "u:"), ("Q^", "@")],
)
def test_the_phone_of_a_phoneme(phoneme, phone):
    assert phone_of(phoneme) == phone


def test_a_recording_gives_its_frames_again():
    frames = np.random.default_rng(0).dirichlet(np.full(WIDTH, 0.1), 50)
    samples, rate = decode_audio(encode_flac(as_signal(frames), SAMPLE_RATE), name="a test")
    assert rate == SAMPLE_RATE
    found = open_front_end(SpeechEncoder(encoder="phones"), device="cpu", dtype="float32").frames([samples])[0]
    np.testing.assert_allclose(found, frames, atol=6e-4)  # 16 bits of half of full scale, and float16


@pytest.mark.parametrize("cut", [1, 47, 48, 100, 1000])
def test_a_recording_in_pieces_gives_the_frames_of_the_whole(cut):
    front_end = open_front_end(SpeechEncoder(encoder="phones"), device="cpu", dtype="float32")
    for length in (5, 48, 95, 700):
        samples = as_signal(np.random.default_rng(length).dirichlet(np.full(WIDTH, 0.1), 16))[:length]
        stream = front_end.stream()
        pieces = [stream.feed(samples[begin : begin + cut]) for begin in range(0, length, cut)]
        together = np.concatenate([*pieces, stream.close()])
        whole = front_end.frames([samples])[0]
        assert np.array_equal(together, whole) and len(whole) == front_end.frame_count(length)


@pytest.mark.parametrize("description", ["phones:fr", "phones:en-us+nobody", "phones:", "phones:en-us@9"])
def test_voices_that_are_refused(description):
    with pytest.raises(SaladError) as caught:
        open_voice(description)
    assert (
        "phones:en" in caught.value.fix or "Use one of" in caught.value.fix or "words per minute" in str(caught.value)
    )


def test_a_text_without_words_is_refused():
    with pytest.raises(SaladError, match="nothing to speak"):
        open_voice("phones:en-us").speak("...")
