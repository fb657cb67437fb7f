"""Log-mel features."""

import numpy as np
import pytest
from noise import noise

from saladkit.errors import SaladError
from saladkit.speech.audio.mel_features import log_mel, overlap
from saladkit.speech.encoders.log_mel import LogMelFrontEnd

RATE = 16000


def test_log_mel_against_a_slow_float64_twin():
    samples = noise(RATE // 4)
    samples[1000:2000] = 0  # reaches the floor
    assert np.abs(log_mel(samples, RATE) - slow_log_mel(samples, 80)).max() < 1e-3


def slow_log_mel(samples, n_mels):
    def to_mel(hertz):
        return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)

    def to_hertz(mel):
        return mel * 200 / 3 if mel < 15 else 1000 * np.exp((mel - 15) * np.log(6.4) / 27)

    corners = [to_hertz(mel) for mel in np.linspace(0, to_mel(RATE / 2), n_mels + 2)]
    hann = [0.5 - 0.5 * np.cos(2 * np.pi * n / 400) for n in range(400)]
    rows = []
    for frame in range(len(samples) // 160):
        begin = (frame + 1) * 160 - 400
        window = [float(samples[n]) if n >= 0 else 0.0 for n in range(begin, begin + 400)]
        power = np.abs(np.fft.rfft(np.multiply(window, hann))) ** 2
        row = []
        for low, centre, high in zip(corners, corners[1:], corners[2:], strict=False):
            energy = 0.0
            for index, value in enumerate(power):
                hertz = index * RATE / 400
                rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
                energy += value * max(0.0, min(rising, falling))
            row.append((np.log(max(energy, 1e-5)) + 4.2) / 4.3)
        rows.append(row)
    return np.array(rows)


def test_log_mel_frame_sees_no_sample_after_its_end():
    samples = noise(RATE)
    before = log_mel(samples, RATE)
    cut = 37 * 160
    samples[cut:] = noise(RATE - cut, seed=1)
    after = log_mel(samples, RATE)
    assert np.array_equal(before[:37], after[:37])
    assert (before[37:] != after[37:]).any(axis=1).all()
    assert np.allclose(log_mel(samples[:cut], RATE), after[:37], atol=1e-5)


@pytest.mark.parametrize("n_samples, n_frames", [(0, 0), (159, 0), (160, 1), (319, 1), (16000, 100)])
def test_log_mel_has_100_frames_a_second(n_samples, n_frames):
    features = log_mel(noise(n_samples), RATE, n_mels=40)
    assert features.shape == (n_frames, 40)
    assert features.dtype == np.float32


def test_log_mel_refuses_a_rate_that_10_ms_do_not_divide():
    with pytest.raises(SaladError, match="22050 Hz"):
        log_mel(noise(22050), 22050)


@pytest.mark.parametrize("length", [1, 100, 160, 401, 5_000])
def test_audio_in_pieces_has_the_frames_of_the_whole(length):
    samples = noise(RATE // 2 + 77)
    front_end = LogMelFrontEnd(bins=40)
    stream = front_end.stream()
    pieces = [stream.feed(samples[begin : begin + length]) for begin in range(0, len(samples), length)]
    found, expected = np.concatenate([*pieces, stream.close()]), front_end.frames([samples])[0]
    assert found.dtype == np.float16 and found.shape == expected.shape
    steps = np.abs(found.astype(np.float64) - expected) / np.spacing(np.abs(expected)).astype(np.float64)
    assert steps.max() <= 1 and (steps > 0).mean() < 1e-3  # float32 sums round otherwise for one frame than for many


def test_the_frames_of_pieces_are_the_same_in_float32():
    samples, cut = noise(RATE // 2), 37 * 160
    late = log_mel(samples[cut:], RATE, before=samples[cut - overlap(RATE) : cut])
    assert np.abs(late - log_mel(samples, RATE)[37:]).max() < 1e-5


@pytest.mark.parametrize("n_samples", [1, 159, 160, 319])
def test_the_shortest_recordings_have_a_frame_in_pieces_too(n_samples):
    front_end, samples = LogMelFrontEnd(bins=8), noise(n_samples)
    stream = front_end.stream()
    found = np.concatenate([stream.feed(samples[:1]), stream.feed(samples[1:]), stream.close()])
    np.testing.assert_allclose(found, front_end.frames([samples])[0], rtol=0, atol=2e-3)
    assert len(front_end.stream().close()) == 0


def test_frames_can_be_counted_without_computing_them():
    front_end = LogMelFrontEnd(bins=8)
    for samples in (1, 159, 160, 319, 320, 16_000, 16_159):
        assert front_end.frame_count(samples) == len(front_end.frames([np.zeros(samples, np.float32)])[0])
