"""Kokoro voices: words, times, speeds and identities."""

import json
import random
import shutil
import warnings

import kokoro_onnx
import numpy as np
import onnx
import pytest
from kokoro_model import FRAME, FRAMES, RATE, build_folder, build_model
from kokoro_onnx.config import DEFAULT_VOCAB, MAX_PHONEME_LENGTH

from saladkit.errors import SaladError
from saladkit.speech.voices.kokoro import LAG
from saladkit.speech.voices.kokoro_phonemes import espeak_config
from saladkit.speech.voices.voice import open_voice, unread_by


@pytest.fixture
def voice(kokoro_folder):
    return open_voice(f"kokoro:{kokoro_folder}/af_heart")


def level_of(phoneme):
    return pytest.approx(DEFAULT_VOCAB[phoneme] / 200, abs=1e-6)


@pytest.mark.parametrize("durations", ["reported", "hidden"])
@pytest.mark.parametrize("tokens", ["tokens", "input_ids"])
def test_words_take_their_times_from_the_phonemes(tmp_path, durations, tokens):
    voice = open_voice(f"kokoro:{build_folder(tmp_path, durations=durations, tokens=tokens)}/af_heart")
    text = "Hello  world, it works."
    utterance = voice.speak(text)
    assert utterance.sample_rate == RATE
    assert utterance.samples.dtype == np.float32
    assert [word.word for word in utterance.words] == text.split()
    times = [time for word in utterance.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= len(utterance.samples) / RATE
    assert times[0] == 0
    # "həlˈoʊ wˈɜːld, ɪt wˈɜːks."; this model sounds when its durations say, not ahead of them as Kokoro does
    for word, first, last in zip(utterance.words, "hwɪw", "ʊdts", strict=True):
        if word.start:
            assert utterance.samples[round((word.start + LAG) * RATE) + 1] == level_of(first)
        assert utterance.samples[round((word.end + LAG) * RATE) - 2] == level_of(last)


@pytest.mark.parametrize("text", ["[[France]] is large", "if [[ $a ]] go", "go [[[ there ]]] now"])
def test_brackets_in_a_text_are_no_phonemes(voice, text):
    words = voice.speak(text).words
    assert [word.word for word in words] == text.split()
    assert all(word.start is not None for word in words if any(map(str.isalnum, word.word)))


def test_letters_that_are_not_read_are_named_and_do_not_spoil_the_rest(voice):
    assert unread_by(voice, "say 你好 now") == ("你好", "Han") and unread_by(voice, "say 한국 now") is None
    spoken, expected = (voice.speak(f"the {word} word later banana") for word in ("ꦗꦮ", "  "))
    assert np.array_equal(spoken.samples, expected.samples)


def test_times_are_those_of_the_speed(kokoro_folder):
    text = "Hello world, it works."
    slow, plain = (open_voice(f"kokoro:{kokoro_folder}/af_heart{speed}").speak(text) for speed in ("@0.5", ""))
    assert len(slow.samples) == pytest.approx(2 * len(plain.samples), rel=0.1)  # pauses and padding stay
    for one, other in zip(slow.words, plain.words, strict=True):
        if other.start:  # not moved to the beginning
            assert one.end - one.start == pytest.approx(2 * (other.end - other.start), rel=0.05)


def test_a_model_without_durations_has_words_without_times(tmp_path):
    utterance = open_voice(f"kokoro:{build_folder(tmp_path, durations=None)}/af_heart").speak("Hello world.")
    assert [(word.word, word.start, word.end) for word in utterance.words] == [
        ("Hello", None, None),
        ("world.", None, None),
    ]
    assert len(utterance.samples) > 10 * FRAMES * FRAME


def test_a_text_of_several_batches_keeps_its_words_apart(voice):
    text = " ".join(f"the tall men{mark} ate all" for mark in (",", ".", "", ";", "?") * 15)
    utterance = voice.speak(text)
    times = [time for word in utterance.words for time in (word.start, word.end)]
    assert len(utterance.words) == 5 * 75
    assert None not in times
    assert times == sorted(times)
    assert times[-1] <= len(utterance.samples) / RATE


def test_lines_foreign_words_and_numbers(kokoro_folder):
    words = {}
    for name, text in (
        ("af_heart", "Say 1984\nor don't,\t\x01you\x00 \ud800there"),
        ("ff_siwis", "J'aime le football"),
    ):
        utterance = open_voice(f"kokoro:{kokoro_folder}/{name}").speak(text)
        assert [word.word for word in utterance.words] == text.split()
        words |= {word.word: word for word in utterance.words}
    for word in ("Say", "1984", "or", "don't,", "J'aime", "le", "football"):
        assert words[word].start is not None, word
    assert words["1984"].end - words["1984"].start > 2 * (words["Say"].end - words["Say"].start)
    # eight phonemes and a mark of stress, but none of the "(en)" and "(fr)" around it: fˈʊtbɔːl
    assert words["football"].end - words["football"].start == pytest.approx(9 * FRAMES * FRAME / RATE, rel=0.12)


def test_the_first_letter_tells_the_language(kokoro_folder):
    languages = {
        name: open_voice(f"kokoro:{kokoro_folder}/{name}").language for name in ("af_heart", "bm_low", "ff_siwis")
    }
    assert languages == {"af_heart": "en-us", "bm_low": "en-gb", "ff_siwis": "fr-fr"}
    american, british = (
        open_voice(f"kokoro:{kokoro_folder}/{name}").speak("dance").samples for name in ("af_heart", "bm_low")
    )
    assert not np.array_equal(american[: len(british)], british[: len(american)])


def test_speeds_are_drawn_and_named(kokoro_folder):
    voice = open_voice(f"kokoro:{kokoro_folder}/af_heart@0.8..1.2")
    assert voice.speaker == f"kokoro:{kokoro_folder}/af_heart"
    one, other, again = (voice.narrowed(random.Random(seed)) for seed in (0, 1, 0))
    assert one.name == again.name != other.name
    assert one.name.startswith(f"{voice.speaker}@")
    assert one.speaker == voice.speaker
    assert np.array_equal(one.speak("Go on.").samples, open_voice(one.name).speak("Go on.").samples)
    plain = open_voice(voice.speaker)
    assert plain.narrowed(random.Random(0)).name == plain.name == voice.speaker


def test_a_noisy_model_gives_the_same_samples_whatever_was_spoken_before(tmp_path):
    folder = build_folder(tmp_path / "one", noisy=True)
    voice, other = open_voice(f"kokoro:{folder}/af_heart"), open_voice(f"kokoro:{folder}/bm_low@0.9")
    first = voice.speak("Go home.").samples
    other.speak("Something else!")
    voice.speak("And more of it.")
    assert np.array_equal(voice.speak("Go home.").samples, first)
    assert not np.array_equal(voice.speak("Go home!").samples, first)
    shutil.copytree(folder, tmp_path / "elsewhere")
    moved = open_voice(f"kokoro:{tmp_path}/elsewhere/af_heart")
    assert np.array_equal(moved.speak("Go home.").samples, first)
    assert moved.identity == voice.identity


def test_espeak_voices_stay_reproducible_beside_it(voice):
    espeak = open_voice("espeak:en-us+f3")
    first = espeak.speak("The quick brown fox.").samples
    voice.speak("Hello.")
    open_voice("espeak:fr").speak("Bonjour")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(espeak.speak("The quick brown fox.").samples, first)


def test_an_identity_is_of_the_model_and_of_this_voice_alone(tmp_path, kokoro_folder):
    heart, low = (open_voice(f"kokoro:{kokoro_folder}/{name}").identity for name in ("af_heart", "bm_low"))
    assert heart["style"] != low["style"]
    assert heart["model"] == low["model"]
    other = build_folder(tmp_path)
    with open(other / "voices-v9.bin", "wb") as file:
        np.savez(file, af_heart=np.zeros((MAX_PHONEME_LENGTH, 1, 256), np.float32))
    assert open_voice(f"kokoro:{other}/af_heart").identity == heart
    build_model(other / "kokoro-v9.onnx", noisy=True)
    changed = open_voice(f"kokoro:{other}/af_heart").identity
    assert {name for name in heart if heart[name] != changed[name]} == {"model"}


def test_a_model_may_have_symbols_of_its_own(tmp_path):
    other = build_folder(tmp_path)
    plain = open_voice(f"kokoro:{other}/af_heart")
    (other / "config.json").write_text(json.dumps({"model_type": "something else"}))
    assert open_voice(f"kokoro:{other}/af_heart").identity == plain.identity
    swapped = DEFAULT_VOCAB | {"a": DEFAULT_VOCAB["ɪ"], "ɪ": DEFAULT_VOCAB["a"]}
    shutil.copytree(other, tmp_path / "swapped")
    (tmp_path / "swapped" / "config.json").write_text(json.dumps({"vocab": swapped}))
    voice = open_voice(f"kokoro:{tmp_path}/swapped/af_heart")
    assert voice.identity["symbols"] != plain.identity["symbols"]
    assert not np.array_equal(voice.speak("It is.").samples, plain.speak("It is.").samples)


def test_the_folder_is_the_environments_or_the_current_one(kokoro_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("KOKORO_HOME", raising=False)
    monkeypatch.chdir(kokoro_folder)
    here = open_voice("kokoro:af_heart")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SaladError, match="needs a file kokoro"):
        open_voice("kokoro:af_heart")
    monkeypatch.setenv("KOKORO_HOME", str(kokoro_folder))
    assert open_voice("kokoro:af_heart").identity == here.identity
    monkeypatch.chdir("/")
    assert len(here.speak("Hello.").samples)


def test_whole_speeds_alone_where_the_model_takes_no_others(tmp_path):
    folder = build_folder(tmp_path, speed_type=onnx.TensorProto.INT32)
    plain, fast = (open_voice(f"kokoro:{folder}/af_heart{speed}").speak("Go on.") for speed in ("", "@2"))
    assert len(plain.samples) > 1.5 * len(fast.samples)
    for speed in ("@1.5", "@0.5", "@1..2"):
        with pytest.raises(SaladError, match="whole speeds"):
            open_voice(f"kokoro:{folder}/af_heart{speed}")


@pytest.mark.parametrize("text", ["", "  \n", "...", "?!", "\x01"])
def test_unspeakable_text_is_refused(voice, text):
    with pytest.raises(SaladError, match="nothing to speak"):
        voice.speak(text)


def test_the_library_alone_gives_the_same_sound(kokoro_folder, voice):
    """saladkit adds phonemes, noise and durations, and changes nothing else."""
    kokoro = kokoro_onnx.Kokoro.from_session(
        voice._kokoro.sess, str(kokoro_folder / "voices-v9.bin"), espeak_config=espeak_config()
    )
    samples, rate = kokoro.create("Hello world, it works.", "af_heart")
    assert rate == RATE
    assert np.array_equal(samples, voice.speak("Hello world, it works.").samples)
