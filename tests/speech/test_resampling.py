"""Resampling between sample rates."""

import numpy as np
import pytest
from noise import noise

from saladkit.speech.audio.resampling import resample

RATE = 16000


@pytest.mark.parametrize(
    "rates", [(44_099, 16_000), (767_997, 16_000), (44_105, 44_100), (1_001, 24_000), (22_050, 16_000)]
)
def test_rates_with_little_in_common_have_a_small_filter(rates, monkeypatch):
    torchaudio = pytest.importorskip("torchaudio")
    asked = []
    monkeypatch.setattr(torchaudio.functional, "resample", lambda signal, *ratio: asked.append(ratio) or signal)
    resample(np.zeros(10, np.float32), *rates)
    ((numerator, denominator),) = asked
    assert numerator * denominator <= 20_000_000
    assert abs(numerator / denominator * rates[1] / rates[0] - 1) < 1 / 9_000
    assert rates != (22_050, 16_000) or (numerator, denominator) == (441, 320)


def test_rates_with_little_in_common_are_resampled():
    seconds = np.arange(44_099) / 44_099
    found = resample(np.sin(2 * np.pi * 440 * seconds).astype(np.float32), 44_099, 16_000)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / 16_000)
    assert abs(len(found) - 16_000) <= 2
    assert np.abs(found - expected)[100:-100].max() < 0.01


def test_resample_keeps_a_tone():
    seconds = np.arange(22050) / 22050
    tone = np.sin(2 * np.pi * 440 * seconds).astype(np.float32)
    out = resample(tone, 22050, RATE)
    expected = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert out.dtype == np.float32
    assert len(out) == RATE
    assert np.abs(out - expected)[200:-200].max() < 1e-3


def test_resample_returns_its_input_where_the_rates_match():
    samples = noise(100)
    assert resample(samples, RATE, RATE) is samples
