"""Resampling: the samples of torchaudio in float64, the length of the audio, and no torch."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch

from saladkit.speech.audio.resampling import resample

RATES = [(22_050, 16_000), (24_000, 16_000), (48_000, 16_000), (16_000, 24_000), (8_000, 16_000), (11_025, 48_000)]
UNLIKE = [(44_099, 16_000), (16_000, 44_099)]  # rates that have little in common


@pytest.mark.parametrize("n_samples", [1, 2, 5, 100, 1_001, 22_053])
@pytest.mark.parametrize("rates", RATES)
def test_the_samples_are_those_of_torchaudio_in_float64(rates, n_samples):
    torchaudio = pytest.importorskip("torchaudio")
    samples = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    found = resample(samples, *rates)
    expected = torchaudio.functional.resample(torch.from_numpy(samples).double(), *rates).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6)  # float32; the samples are about 1


@pytest.mark.parametrize("rates", RATES + UNLIKE)
def test_a_tone_keeps_its_pitch_and_its_length(rates):
    seconds = np.arange(rates[0]) / rates[0]
    found = resample(np.sin(2 * np.pi * 440 * seconds).astype(np.float32), *rates)
    assert abs(len(found) - rates[1]) <= rates[1] / 9_000
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / rates[1])
    assert np.abs(found - expected)[200:-200].max() < 0.01


@pytest.mark.parametrize("rates", UNLIKE)
def test_rates_with_little_in_common_are_near_a_simpler_ratio(rates):
    samples = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    assert len(resample(samples, *rates)) == pytest.approx(10_000 * Fraction(rates[1], rates[0]), rel=1 / 9_000, abs=1)


def test_a_worker_that_resamples_does_not_load_torch():
    code = "import sys, numpy; from saladkit.speech.aligners import sphinx; sphinx.SphinxAligner().align([]);"
    code += "sphinx.resample(numpy.zeros(9, numpy.float32), 3, 2); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
