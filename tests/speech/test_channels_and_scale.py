"""Channels that cancel each other, and floats at another scale than [-1, 1]."""

import io

import numpy as np
import pytest
import soundfile

from saladkit.errors import SaladError
from saladkit.speech.audio.decoding import decode_and_mend, decode_audio

RATE = 16_000
RANDOM = np.random.default_rng(0)
SPEECH = (RANDOM.normal(0, 0.1, RATE) * np.abs(np.sin(np.arange(RATE) / 900))).astype(np.float32)
OTHER = RANDOM.normal(0, 0.05, RATE).astype(np.float32)
HISS = RANDOM.normal(0, 0.001, (2, RATE)).astype(np.float32)


def heard(channels, subtype="FLOAT", format_="WAV"):
    content = io.BytesIO()
    soundfile.write(content, np.asarray(channels, np.float64).T, RATE, format=format_, subtype=subtype)
    return decode_and_mend({"id": "a", "audio": {"bytes": content.getvalue(), "path": None}}, "x")


OPPOSITE = {
    "exactly": ([SPEECH, -SPEECH], 0),
    "the second louder": ([0.8 * SPEECH, -SPEECH], 1),
    "with noise of its own on each": ([SPEECH + HISS[0], -SPEECH + HISS[1]], None),
    "with a constant offset": ([SPEECH + 0.1, 0.2 - SPEECH], None),
    "in a pair of four": ([SPEECH, -SPEECH, 0 * SPEECH, 0 * SPEECH], 0),
}


@pytest.mark.parametrize("channels, taken", OPPOSITE.values(), ids=OPPOSITE)
def test_of_channels_that_cancel_each_other_the_loudest_is_heard(channels, taken):
    found = heard(channels)
    assert found.one_channel and not found.scaled
    power = np.var(found.samples) / np.var(SPEECH)
    assert 0.9 < power < 1.1
    assert taken is None or np.array_equal(found.samples, channels[taken])


TOGETHER = {
    "equal": [SPEECH, SPEECH],
    "one silent": [SPEECH, 0 * SPEECH],
    "one of eight": [SPEECH, *[0 * SPEECH] * 7],
    "two speakers": [SPEECH, OTHER],
    "a microphone farther away": [SPEECH, 0.5 * np.roll(SPEECH, 40)],
    "half in opposite phase": [SPEECH, -0.3 * SPEECH],
    "silence": [0 * SPEECH, 0 * SPEECH],
    "one channel": [SPEECH],
}


@pytest.mark.parametrize("channels", TOGETHER.values(), ids=TOGETHER)
def test_of_other_channels_the_mean_is_heard(channels):
    found = heard(channels)
    assert not found.one_channel
    assert np.allclose(found.samples, np.mean(np.asarray(channels, np.float64), axis=0), atol=1e-7)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("format_", ["WAV", "W64", "AU", "CAF", "AIFF"])
def test_floats_with_16_bit_values_are_scaled(format_, subtype):
    for loudness in (1, 0.05, 0.002):
        found = heard([32768 * loudness * SPEECH], subtype, format_)
        assert found.scaled and np.allclose(found.samples, loudness * SPEECH, atol=1e-7)


def test_floats_above_full_scale_stay_as_they_are():
    found = heard([8 * SPEECH])  # peaks of 3
    assert not found.scaled and np.abs(found.samples).max() > 1
    assert np.allclose(found.samples, 8 * SPEECH)


@pytest.mark.parametrize("scale", [2**23, 2**31, 1e30])
def test_floats_at_no_known_scale_are_refused(scale):
    with pytest.raises(SaladError, match=r"row 'a': the audio has samples up to .*: neither in \[-1, 1\] nor 16-bit"):
        heard([scale * SPEECH])


def test_a_quiet_stretch_is_scaled_as_its_recording(tmp_path):
    values = 32768 * SPEECH
    values[: RATE // 2] = RANDOM.integers(-1, 2, RATE // 2)  # silence, but for the last bit
    soundfile.write(tmp_path / "a.wav", values, RATE, subtype="FLOAT")
    quiet, _ = decode_audio(f"{tmp_path}/a.wav#t=0.1,0.4", name="x")
    assert np.abs(quiet).max() == np.float32(1 / 32768)


def test_channels_at_another_scale_in_opposite_phase():
    found = heard([32768 * SPEECH, -32768 * SPEECH])
    assert found.scaled and found.one_channel and np.allclose(found.samples, SPEECH, atol=1e-7)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.filterwarnings("error")
def test_samples_that_are_not_finite_are_refused_in_any_channel(value):
    broken = SPEECH.copy()
    broken[5] = value
    with pytest.raises(SaladError, match="NaN or infinite"):
        heard([SPEECH, broken])
