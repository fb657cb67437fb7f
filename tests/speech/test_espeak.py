import _ctypes
import ctypes
import sys
from itertools import pairwise

import espeakng_loader
import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.speech.voices.espeak_library import fresh_library, set_voice, synthesize
from saladkit.speech.voices.voice import open_voice

FOX = "The quick brown fox jumps over the lazy dog."


@pytest.mark.parametrize("voice", ["en-us", "en-gb+m3", "en-us+f2@160", "en-us+whisper", "fr"])
def test_words_are_those_of_the_text_with_monotonous_times(voice):
    text = "Çà et là, über  naïve café. Say “two words”\nfor 1,234 things; don't you? 日本 end."
    utterance = open_voice(f"espeak:{voice}").speak(text)
    assert [word.word for word in utterance.words] == text.split()
    assert utterance.samples.dtype == np.float32
    assert utterance.samples.ndim == 1
    assert 0.05 < np.abs(utterance.samples).max() <= 1
    timed = [word for word in utterance.words if word.start is not None]
    assert len(timed) >= len(utterance.words) - 2
    for word, following in pairwise(timed):
        assert word.start < word.end == following.start
    assert timed[0].start == 0
    assert timed[-1].start < timed[-1].end <= len(utterance.samples) / utterance.sample_rate


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3"])
def test_a_word_after_a_pause_starts_where_its_sound_starts(voice):
    text = "Hello there. This is a cat! Goodbye"
    utterance = open_voice(f"espeak:{voice}").speak(text)
    rate = utterance.sample_rate
    for index in (2, 6):
        start = round(utterance.words[index].start * rate)
        assert np.abs(utterance.samples[start - rate // 10 : start]).max() < 0.01
        onset = np.flatnonzero(np.abs(utterance.samples[start:]) > 0.01)[0] / rate
        assert onset < 0.05


def test_the_last_word_ends_where_the_sound_ends():
    utterance = open_voice("espeak:en-us").speak(FOX)
    end = round(utterance.words[-1].end * utterance.sample_rate)
    assert utterance.samples[end - 1] != 0
    assert not utterance.samples[end:].any()


# f3 and whisper draw noise, klatt6 is another synthesizer, announcer has an echo
@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb+whisper", "en-us+klatt6"])
def test_samples_do_not_depend_on_what_was_spoken_before(voice):
    first, other = open_voice(f"espeak:{voice}"), open_voice("espeak:fr+announcer@300")
    expected = first.speak(FOX)
    other.speak("Bonjour tout le monde, ça va?")
    first.speak("Something else!")
    again = open_voice(f"espeak:{voice}").speak(FOX)
    assert np.array_equal(again.samples, expected.samples)
    assert again.words == expected.words


def test_a_library_that_stays_loaded_is_reported():
    voice = open_voice("espeak:en-us")
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        library.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0x8000)
        with pytest.warns(UserWarning, match="stays loaded"):
            voice.speak(FOX)
    finally:
        _ctypes.dlclose(library._handle)


def test_voices_variants_and_rates_differ():
    names = ["en-us", "en-gb", "en-us+f3", "en-us@120", "de"]
    spoken = {name: open_voice(f"espeak:{name}").speak("A tomato can dance.") for name in names}
    assert len({utterance.samples.tobytes() for utterance in spoken.values()}) == len(names)
    assert len(spoken["en-us@120"].samples) > 1.2 * len(spoken["en-us"].samples)


def test_a_language_code_and_its_voice_file_are_the_same_voice():
    for code, file in (("en-gb", "gmw/en"), ("en-us", "gmw/en-US")):
        by_code = open_voice(f"espeak:{code}").speak("dance")
        assert np.array_equal(by_code.samples, open_voice(f"espeak:{file}").speak("dance").samples)


def times_of(text):
    return {word.word: word.start for word in open_voice("espeak:en-us").speak(text).words}


def test_a_word_spoken_as_one_with_the_one_before_has_no_times():
    times = times_of("Most of us stay in the house.")
    assert times["of"] is None
    assert times["the"] is None
    assert None not in (times["Most"], times["us"], times["in"], times["house."])


def test_a_lone_hyphen_does_not_take_the_time_of_the_next_word():
    times = times_of("go - now -- please -")
    assert times["-"] is times["--"] is None
    assert 0 < times["now"] < times["please"]


def test_a_spoken_mark_does_not_lend_its_time_to_the_next_word():
    times = times_of("yes . no")
    assert 0 < times["."] < times["no"]


def test_control_characters_and_lone_surrogates_are_spoken_over():
    utterance = open_voice("espeak:en-us").speak("one\x00two \x0199A three \ud800 four")
    assert [word.word for word in utterance.words if word.start is not None][-1] == "four"
    assert len(utterance.words) == 5


def test_a_long_text_keeps_its_positions():
    utterance = open_voice("espeak:en-us@450").speak("the tall men ate all " * 200)
    starts = [word.start for word in utterance.words]
    assert len(starts) == 1000
    assert None not in starts
    assert starts == sorted(starts)


@pytest.mark.parametrize("text", ["", "   ", "...", "\x01"])
def test_unspeakable_text_is_refused(text):
    with pytest.raises(SaladError, match="nothing to speak"):
        open_voice("espeak:en-us").speak(text)


@pytest.mark.parametrize(
    "name, problem",
    [
        ("espeak:xx-yy", "no voice 'xx-yy'"),
        ("espeak:en-us+nope", "no variant 'nope'"),
        ("espeak:en-us+F3", "no variant 'F3'"),
        ("espeak:en-us@79", "words per minute '79'"),
        ("espeak:en-us@fast", "does not describe"),
        ("espeak:", "does not describe"),
        ("espeak:+f3", "does not describe"),
        ("espeak", "no known text-to-speech engine"),
        ("festival:kal", "no known text-to-speech engine"),
    ],
)
def test_names_of_no_voice_are_refused(name, problem):
    with pytest.raises(SaladError) as raised:
        open_voice(name)
    assert problem in raised.value.problem
    assert raised.value.fix


@pytest.mark.parametrize("engine, package", [("espeak", "espeakng_loader"), ("piper", "piper")])
def test_a_missing_extra_is_named(monkeypatch, engine, package):
    for module in (engine, "espeak_library"):
        monkeypatch.delitem(sys.modules, f"saladkit.speech.voices.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SaladError) as raised:
        open_voice(f"{engine}:en-us")
    assert package in raised.value.problem
    assert f"pip install 'saladkit[{engine}]'" in raised.value.fix


@pytest.mark.parametrize(
    "voice_file",
    ["gmw/en-US", "gmw/en-US+f3", "gmw/en-US+Alicia", "gmw/en-GB-scotland+whisper", "gmw/en", "gmw/en+m3", "roa/pt-BR"],
)
def test_a_voice_by_its_file_is_the_voice_by_its_name(voice_file):
    heard = []
    for by_file in (True, False):
        with fresh_library() as library:
            if by_file:
                assert set_voice(library, voice_file, 190)
            else:
                assert library.espeak_SetVoiceByName(voice_file.encode()) == 0
                library.espeak_SetParameter(1, 190, 0)
            heard.append(synthesize(library, "Water boils near the sea, 23 times."))
    by_file, by_name = heard
    assert np.array_equal(by_file.samples, by_name.samples) and by_file.words == by_name.words
    assert len(by_file.samples) > 20_000


def test_phonemes_are_reported_on_request_and_change_no_sample():
    heard = []
    for phonemes in (False, True):
        with fresh_library(phonemes=phonemes) as library:
            assert set_voice(library, "gmw/en-US", 190)
            heard.append(synthesize(library, "The cat sat, and sang."))
    without, with_phonemes = heard
    assert np.array_equal(without.samples, with_phonemes.samples) and without.words == with_phonemes.words
    assert without.phonemes == []
    names = [name for name, _ in with_phonemes.phonemes if not name.startswith("_")]
    assert names[:5] == ["D", "@2", "k", "'a", "t"]
    places = [sample for _, sample in with_phonemes.phonemes]
    assert places == sorted(places) and places[-1] <= len(without.samples)


def test_a_voice_that_does_not_exist_is_not_set():
    with fresh_library() as library:
        assert not set_voice(library, "gmw/en-XX", 190)
        assert set_voice(library, "gmw/en-US", 190)
