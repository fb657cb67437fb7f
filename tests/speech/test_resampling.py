"""Resampling: the samples of torchaudio in float64, the length of the audio, and no torch."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.signal
import torch
from noise import noise

from saladkit.speech.audio.resampling import ResamplingStream, resample

RATES = [(22_050, 16_000), (24_000, 16_000), (48_000, 16_000), (16_000, 24_000), (8_000, 16_000), (11_025, 48_000)]
UNLIKE = [(44_099, 16_000), (16_000, 44_099), (767_997, 16_000), (44_105, 44_100), (1_001, 24_000)]


@pytest.mark.parametrize("n_samples", [1, 2, 5, 100, 1_001, 22_053])
@pytest.mark.parametrize("rates", RATES)
def test_the_samples_are_those_of_torchaudio_in_float64(rates, n_samples):
    torchaudio = pytest.importorskip("torchaudio")
    samples = noise(n_samples)
    found = resample(samples, *rates)
    expected = torchaudio.functional.resample(torch.from_numpy(samples).double(), *rates).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rates", RATES + UNLIKE[:2])
def test_a_tone_keeps_its_pitch_and_its_length(rates):
    seconds = np.arange(rates[0]) / rates[0]
    found = resample(np.sin(2 * np.pi * 440 * seconds).astype(np.float32), *rates)
    assert abs(len(found) - rates[1]) <= 2
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / rates[1])
    assert np.abs(found - expected)[200:-200].max() < (1e-3 if rates in RATES else 0.01)


@pytest.mark.parametrize("rates", [*UNLIKE, (22_050, 16_000)])
def test_rates_with_little_in_common_have_a_small_filter(rates, monkeypatch):
    asked = []
    monkeypatch.setattr(scipy.signal, "upfirdn", lambda taps, x, up, down: asked.append((down, up)) or x)
    resample(np.zeros(10, np.float32), *rates)
    ((numerator, denominator),) = asked
    assert numerator * denominator <= 20_000_000
    assert abs(numerator / denominator * rates[1] / rates[0] - 1) < 1 / 9_000
    assert rates != (22_050, 16_000) or (numerator, denominator) == (441, 320)


def test_audio_at_the_wanted_rate_is_returned_as_it_is():
    samples = noise(100)
    assert resample(samples, 16_000, 16_000) is samples


def test_a_worker_that_aligns_by_pocketsphinx_does_not_load_torch():
    code = "import sys, numpy; from saladkit.speech.aligners.sphinx import SphinxAligner;"
    code += "from saladkit.speech.sphinx_decoder import sphinx_samples;"
    code += "SphinxAligner().align([]); sphinx_samples(numpy.zeros(9, numpy.float32), 8000);"
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("length", [1, 7, 160, 441, 1_000, 5_000])
@pytest.mark.parametrize("rates", [*RATES, (44_100, 16_000), UNLIKE[0]])
def test_audio_in_pieces_is_resampled_as_the_whole(rates, length):
    samples = noise(6_001 if length > 1 else 700)
    stream = ResamplingStream(*rates)
    pieces = [stream.feed(samples[begin : begin + length]) for begin in range(0, len(samples), length)]
    given = sum(map(len, pieces))
    found = np.concatenate([*pieces, stream.close()])
    np.testing.assert_allclose(found, resample(samples, *rates), rtol=0, atol=1e-6)
    assert given >= len(found) - 7 * max(1, rates[1] / rates[0])  # a filter's six crossings wait for the end


def test_a_stream_keeps_no_more_than_a_filters_length():
    stream = ResamplingStream(44_100, 16_000)
    for _ in range(200):
        stream.feed(noise(1_000))
    assert len(stream._kept) < 3_000
