import numpy as np
import pytest
import soundfile

from saladkit.errors import SaladError
from saladkit.speech.audio import decode_audio, encode_flac, log_mel, resample

RATE = 16000


def noise(n_samples, *, seed=0):
    signal = np.random.default_rng(seed).normal(0, 0.1, n_samples)
    return signal.astype(np.float32)


def test_flac_round_trip_is_exact_on_the_16_bit_grid():
    samples = np.array([-32768, -1, 0, 1, 12345, 32767], np.float32) / 32768
    flac = encode_flac(samples, RATE)
    decoded, sample_rate = decode_audio(flac, name="row 0")
    assert sample_rate == RATE
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, samples)
    assert encode_flac(samples, RATE) == flac


def test_flac_clips():
    decoded, _ = decode_audio(encode_flac(np.array([-3.0, 3.0], np.float32), RATE), name="row 0")
    assert decoded == pytest.approx([-1, 1], abs=1e-4)


def test_decode_takes_the_mean_of_the_channels_of_a_file(tmp_path):
    path = tmp_path / "two.wav"
    soundfile.write(path, np.array([[0.5, -0.25], [0.25, 0.25]]), 8000, subtype="FLOAT")
    for source in (path, str(path), path.read_bytes()):
        samples, sample_rate = decode_audio(source, name="two.wav")
        assert samples.tolist() == [0.125, 0.25]
        assert sample_rate == 8000


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_decode_refuses_samples_that_are_not_finite(tmp_path, value):
    path = tmp_path / "bad.wav"
    soundfile.write(path, np.array([0.0, value]), RATE, subtype="FLOAT")
    with pytest.raises(SaladError, match="data.parquet row 7: .*NaN or infinite"):
        decode_audio(path, name="data.parquet row 7")


def test_decode_refuses_no_samples(tmp_path):
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0), RATE)
    with pytest.raises(SaladError, match="row 7: .*no samples"):
        decode_audio(path, name="row 7")


@pytest.mark.parametrize("source", [b"", b"not audio at all", "/nonexistent/a.wav"])
def test_decode_refuses_what_does_not_decode(source):
    with pytest.raises(SaladError, match="row 7: .*does not decode"):
        decode_audio(source, name="row 7")


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
