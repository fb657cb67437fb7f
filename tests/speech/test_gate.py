import numpy as np
import pyloudnorm
import pytest

from saladkit.settings.synth import Gate
from saladkit.speech.audio.loudness import set_loudness
from saladkit.speech.synthesis.expected_length import expected_seconds
from saladkit.speech.synthesis.gate import CHECKS, Measured, measure, refusal
from saladkit.speech.voices.voice import open_voice

RATE = 16_000
TEXT = "Water boils near the sea."


def tone(seconds, level=0.1):
    return (level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def gate(samples, text=TEXT, cer=None, **bounds):
    refused = refusal(Gate(**bounds), measure(samples, RATE, text, cer))
    return refused and refused[0]


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb+m3@230", "en-us@80", "en-us@450", "ru", "cmn", "de"])
def test_speech_passes(voice):
    texts = {
        "ru": "Вода кипит у моря, и зима была долгой.",
        "cmn": "海边的水在沸腾，冬天很长。",
        "de": "Wasser siedet am Meer.",
    }
    text = texts.get(voice, "Water boils near the sea, and the winter was long.")
    spoken = open_voice(f"espeak:{voice}").speak(text)
    measured = measure(spoken.samples, spoken.sample_rate, text)
    assert refusal(Gate(), measured) is None
    assert 0.25 < measured.duration_ratio < 3


TEXTS = {
    "en-us": "Water boils near the sea, and the winter was long.",
    "ru": "Вода кипит у моря, и зима была долгой.",
    "el": "Το νερό βράζει κοντά στη θάλασσα και ο χειμώνας ήταν μακρύς.",
    "ar": "الماء يغلي بالقرب من البحر، وكان الشتاء طويلا.",
    "hi": "पानी समुद्र के पास उबलता है, और सर्दी लंबी थी।",
    "ta": "கடலுக்கு அருகில் தண்ணீர் கொதிக்கிறது, குளிர்காலம் நீண்டதாக இருந்தது.",
    "ka": "წყალი ზღვასთან დუღს და ზამთარი გრძელი იყო.",
    "ko": "바닷가에서 물이 끓고 겨울이 길었다.",
    "ja": "うみのちかくでみずがわき、ふゆはながかった。",
    "cmn": "海边的水在沸腾，冬天很长。",
    "vi": "Nước sôi gần biển, và mùa đông thì dài.",
    "de": "Es waren 5551234567 Leute.",
}


@pytest.mark.parametrize("voice, text", TEXTS.items())
def test_a_text_is_as_long_as_expected_in_every_script(voice, text):
    spoken = open_voice(f"espeak:{voice}").speak(text)
    assert 0.5 < len(spoken.samples) / spoken.sample_rate / expected_seconds(text) < 1.5


@pytest.mark.parametrize(
    "text, same",
    [
        ("cafe\u0301", "café"),
        ("ｆｕｌｌ", "full"),
        ("𝐛𝐨𝐥𝐝", "bold"),
        ("co\u200boperate\ufeff", "cooperate"),
        ("❤\ufe0f", "❤"),
        ("вода", "voda"),
    ],
)
def test_characters_count_as_they_are_spoken_not_as_they_are_stored(text, same):
    assert expected_seconds(text) == expected_seconds(same)


def test_a_word_read_by_its_code_points_is_too_long():
    spoken = open_voice("espeak:en-us").speak("𝐛𝐨𝐥𝐝")  # "letter one d four one b…", as no text reaches a voice
    measured = measure(spoken.samples, spoken.sample_rate, "𝐛𝐨𝐥𝐝")
    assert refusal(Gate(), measured)[0] == "duration"


def test_each_check_refuses_what_it_is_for():
    good = tone(2.0)
    assert gate(good) is None
    assert gate(tone(0.3)) == "duration"
    assert gate(tone(20.0)) == "duration"
    assert gate(np.clip(tone(2.0, 3.0), -1, 1)) == "clipping"
    assert gate(np.concatenate([tone(1.0), np.zeros(2 * RATE + 200, np.float32), tone(0.5)])) == "silence"
    assert gate(np.concatenate([tone(1.0), np.zeros(2 * RATE + 200, np.float32)])) == "silence"
    assert gate(tone(2.0, 0.001)) == "level"
    assert gate(np.zeros(2 * RATE, np.float32), max_silence=None) == "level"
    assert gate(good, cer=0.4) is None
    assert refusal(Gate(max_cer=0.3), measure(good, RATE, TEXT, 0.4))[0] == "cer"
    assert refusal(Gate(max_cer=0.3), measure(good, RATE, TEXT, 0.3)) is None


def test_a_bound_that_is_taken_away_refuses_nothing():
    open_gate = Gate(duration_ratio=None, max_clipped=None, max_silence=None, min_level=None)
    for samples in (tone(0.1), np.zeros(RATE, np.float32), np.ones(RATE * 60, np.float32)):
        assert refusal(open_gate, measure(samples, RATE, TEXT, 9.0)) is None


def test_refusals_name_the_checks():
    worst = Measured(duration_ratio=9, clipped=1, silence=9, level=-90, cer=9)
    bounds = {"duration_ratio": (0.5, 2.0), "max_clipped": 0.1, "max_silence": 1.0, "min_level": -50.0, "max_cer": 0.5}
    names = []
    for name in bounds:
        kept = {other: bound if other == name else None for other, bound in bounds.items()}
        check, reason = refusal(Gate(**kept), worst)
        names.append(check)
        assert "9" in reason or "100" in reason
    assert tuple(names) == CHECKS


def test_silence_is_measured_to_a_hundredth_of_a_second():
    samples = np.concatenate([np.zeros(RATE // 4, np.float32), tone(1.0), np.zeros(RATE // 2, np.float32), tone(1.0)])
    assert measure(samples, RATE, TEXT).silence == pytest.approx(0.5, abs=0.011)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
@pytest.mark.parametrize("loudness", [-23.0, -35.0])
def test_loudness_is_what_was_asked_for(rate, loudness):
    noise = (0.1 * np.random.default_rng(0).standard_normal(3 * rate)).astype(np.float32)
    made = set_loudness(noise, rate, loudness)
    assert made.dtype == np.float32
    assert pyloudnorm.Meter(rate).integrated_loudness(made.astype(np.float64)) == pytest.approx(loudness, abs=0.01)
    np.testing.assert_allclose(made / made[0], noise / noise[0], rtol=1e-4)  # one gain for all of it


def test_loudness_never_clips_and_leaves_silence():
    click = np.zeros(RATE, np.float32)
    click[100:104] = 0.5
    assert np.abs(set_loudness(click, RATE, -5.0)).max() == pytest.approx(1.0)
    assert not set_loudness(np.zeros(RATE, np.float32), RATE, -23.0).any()
    assert np.isfinite(set_loudness(tone(0.05), RATE, -23.0)).all()
