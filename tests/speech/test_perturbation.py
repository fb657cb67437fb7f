"""Noise and speed: as strong as requested, and the same for the same row and seed."""

import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.speech.audio.perturbation import Perturbation
from saladkit.speech.audio.resampling import resample

RATE = 16_000
TONE = (0.1 * np.sin(2 * np.pi * 400 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def test_noise_lies_so_many_decibels_below():
    noisy = Perturbation.parse("snr=10").apply(TONE, RATE, "row", 0)
    assert noisy.dtype == np.float32
    ratio = 10 * np.log10(np.mean(TONE**2) / np.mean((noisy - TONE) ** 2))
    assert ratio == pytest.approx(10, abs=0.2)


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 48_000])
def test_who_hears_at_16_khz_hears_as_much_noise_of_any_recording(rate):
    tone = resample(TONE, RATE, rate)
    noise = Perturbation.parse("snr=10").apply(tone, rate, "row", 0) - tone
    heard, heard_noise = resample(tone, rate, RATE), resample(noise, rate, RATE)
    assert 10 * np.log10(np.mean(heard**2) / np.mean(heard_noise**2)) == pytest.approx(10, abs=0.3)


def test_noise_depends_on_the_row_and_the_seed_alone():
    noise = Perturbation.parse("snr=0")
    assert np.array_equal(noise.apply(TONE, RATE, "row", 3), noise.apply(TONE, RATE, "row", 3))
    assert not np.array_equal(noise.apply(TONE, RATE, "row", 3), noise.apply(TONE, RATE, "another", 3))
    assert not np.array_equal(noise.apply(TONE, RATE, "row", 3), noise.apply(TONE, RATE, "row", 4))


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.25])
def test_another_speed_moves_length_and_pitch(speed):
    perturbation = Perturbation.parse(f"speed={speed}")
    changed = perturbation.apply(TONE, RATE, "row", 0)
    assert len(changed) == pytest.approx(len(TONE) / speed, abs=1)
    assert perturbation.stretch == pytest.approx(len(changed) / len(TONE), rel=1e-4)
    peak = np.abs(np.fft.rfft(changed)).argmax() * RATE / len(changed)
    assert peak == pytest.approx(400 * speed, abs=1)


def test_names():
    assert [Perturbation.parse(text).name for text in ("snr=10", "snr=-2.5", "speed=0.9")] == [
        "snr10",
        "snr-2.5",
        "speed0.9",
    ]


@pytest.mark.parametrize(
    "text", ["snr", "snr=", "snr=loud", "snr=nan", "speed=inf", "echo=1", "speed=0", "speed=0.905"]
)
def test_what_is_none_is_refused(text):
    with pytest.raises(SaladError, match=f"--perturb {text}"):
        Perturbation.parse(text)
