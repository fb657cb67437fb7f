"""Decoding and encoding of recordings."""

import io
import struct

import numpy as np
import pytest
import soundfile
from noise import noise

from saladkit.errors import SaladError
from saladkit.speech.audio import opening
from saladkit.speech.audio.decoding import OFFSET, decode_audio, seconds_of_row
from saladkit.speech.audio.encoding import encode_flac
from saladkit.speech.audio.resampling import resample
from saladkit.speech.voices.voice import open_voice

RATE = 16000


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


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (b"", "is an empty file"),
        (b"not audio at all", "does not decode"),
        ("/nonexistent/a.wav", "does not decode .*No such file.*'/nonexistent/a.wav'"),
        ("/", "does not decode .*Is a directory: '/'"),
        ("a\0.wav", "does not decode"),
    ],
)
def test_decode_refuses_what_does_not_decode(source, problem):
    with pytest.raises(SaladError, match=f"row 7: .*{problem}"):
        decode_audio(source, name="row 7")


@pytest.mark.parametrize("rate", [1, 2**31 - 1])
def test_rates_of_no_recording_are_refused(rate):
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(100), 16_000, format="WAV")
    content = bytearray(stream.getvalue())
    content[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(SaladError, match=f"row 7: .*{rate} Hz"):
        decode_audio(bytes(content), name="row 7")


def test_a_header_that_promises_more_than_memory_holds_is_refused():
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(1000), 16_000, format="FLAC")
    content = bytearray(stream.getvalue())
    content[21] |= 0x0F  # the highest bits of the number of samples
    with pytest.raises(SaladError, match="row 7: .*(cut short|does not decode)"):
        decode_audio(bytes(content), name="row 7")


def test_long_files_are_read_in_blocks(monkeypatch):
    stream, drawn = io.BytesIO(), np.random.default_rng(0).normal(0, 0.1, (1000, 2)).astype(np.float32)
    soundfile.write(stream, drawn, 16_000, format="WAV", subtype="FLOAT")
    whole, _ = decode_audio(stream.getvalue(), name="row 7")
    monkeypatch.setattr(opening, "_FRAMES_AT_ONCE", 300)
    assert np.array_equal(decode_audio(stream.getvalue(), name="row 7")[0], whole) and len(whole) == 1000


RATES = (8000, 16000, 22050, 44100, 48000)
# Format, subtype, rates, and by how much a sample differs at most from what was written: one step of integers, as
# libsndfile writes 1 as the largest of them (half a step in FLAC), and of G.711 half of its largest step.
EXACT = [
    ("WAV", "PCM_16", RATES, 2**-15),
    ("WAV", "PCM_24", RATES, 2**-23),
    ("WAVEX", "PCM_32", RATES, 2**-24),
    ("WAV", "FLOAT", RATES, 0),
    ("WAV", "DOUBLE", RATES, 0),
    ("WAV", "PCM_U8", RATES, 2**-7),
    ("WAV", "ULAW", RATES, 0.016),
    ("WAV", "ALAW", RATES, 0.016),
    ("RF64", "PCM_16", RATES, 2**-15),
    ("W64", "PCM_16", RATES, 2**-15),
    ("AIFF", "PCM_16", RATES, 2**-15),
    ("AU", "PCM_16", RATES, 2**-15),
    ("CAF", "PCM_16", RATES, 2**-15),
    ("NIST", "PCM_16", RATES, 2**-15),
    ("FLAC", "PCM_16", RATES, 2**-16),
    ("FLAC", "PCM_24", RATES, 2**-24),
]
# By how many decibels the error lies below the signal at least, at libsndfile's default quality; the worst rate counts.
LOSSY = [
    ("WAV", "IMA_ADPCM", RATES, 17),
    ("WAV", "MS_ADPCM", RATES, 14),
    ("WAV", "GSM610", (8000,), 10),
    ("OGG", "VORBIS", RATES, 19),
    ("OGG", "OPUS", (8000, 16000, 48000), 15),
    ("MP3", "MPEG_LAYER_III", RATES, 20),
]


@pytest.fixture(scope="module")
def speech():
    """1.3 s of a sentence, as espeak-ng speaks it at 22,050 Hz, at two thirds of its loudness."""
    said = open_voice("espeak:en-us").speak("Water boils near the sea.")
    return (np.rint(said.samples * 2**15 / 1.5) / 2**15).astype(np.float32), said.sample_rate


def written(samples, rate, format_, subtype, **settings):
    """A file's content; libsndfile's Vorbis needs it piece by piece."""
    content = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(content, "w", rate, channels, subtype, format=format_, **settings) as file:
        for begin in range(0, len(samples), 4096):
            file.write(samples[begin : begin + 4096])
    return content.getvalue()


def both_ears(samples):
    """Two channels whose mean is `samples`."""
    return np.stack([0.75 * samples, 1.25 * samples], axis=1)


@pytest.mark.parametrize("format_, subtype, rates, tolerance", EXACT, ids=lambda value: str(value)[:8])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_stored_sample_by_sample_comes_back(format_, subtype, rates, tolerance, channels, speech, tmp_path):
    for rate in rates:
        samples = resample(*speech, rate) if rate != speech[1] else speech[0]
        stored = written(samples if channels == 1 else both_ears(samples), rate, format_, subtype)
        (tmp_path / "audio").write_bytes(stored)
        for source in (stored, tmp_path / "audio"):
            decoded, found = decode_audio(source, name="row 0")
            assert (found, decoded.dtype, len(decoded)) == (rate, np.float32, len(samples))
            assert np.abs(decoded - samples).max() <= tolerance + 1e-7 * (channels - 1)
        audio = {"bytes": stored, "path": None}
        assert seconds_of_row({"id": "a", "audio": audio}, "x") == len(samples) / rate


@pytest.mark.parametrize(
    "format_, subtype, rates, decibels, channels",
    [(*kind, channels) for kind in LOSSY for channels in (1, 2) if (kind[1], channels) != ("GSM610", 2)],  # it has one
    ids=lambda value: str(value)[:8],
)
def test_what_is_stored_with_loss_comes_back_nearly(format_, subtype, rates, decibels, channels, speech):
    for rate in rates:
        samples = resample(*speech, rate) if rate != speech[1] else speech[0]
        stored = written(samples if channels == 1 else both_ears(samples), rate, format_, subtype)
        decoded, found = decode_audio(stored, name="row 0")
        assert found == rate
        assert 0 <= len(decoded) - len(samples) < 0.13 * rate  # whole blocks
        error = decoded[: len(samples)] - samples
        assert 10 * np.log10(np.mean(samples**2) / np.mean(error**2)) > decibels


def test_whatever_the_rate_a_model_hears_the_same(speech):
    """Decoded and resampled once, from every rate that is enough for it."""
    expected = resample(*speech, RATE)
    for rate in (32000, 44100, 48000):
        stored = written(resample(*speech, rate), rate, "FLAC", "PCM_24")
        heard = resample(*decode_audio(stored, name="row 0"), RATE)
        length = min(len(heard), len(expected))
        error = heard[:length] - expected[:length]
        assert 10 * np.log10(np.mean(expected**2) / np.mean(error**2)) > 30


@pytest.mark.parametrize("share", [0.95, 0.5, 0.05, 0.001])
@pytest.mark.parametrize("format_, subtype", [one[:2] for one in EXACT + LOSSY], ids=lambda value: str(value)[:8])
def test_a_file_that_was_cut_short_is_refused(format_, subtype, share, speech):
    samples, rate = np.tile(speech[0], 3), 8000 if subtype == "GSM610" else 16000
    whole = written(samples, rate, format_, subtype)
    decode_audio(whole, name="row 7")
    with pytest.raises(SaladError, match="row 7: the audio (was cut short: it ends|does not decode|has no samples)"):
        decode_audio(whole[: round(share * len(whole))], name="row 7")


def test_how_much_is_missing_is_said(speech, tmp_path):
    path = tmp_path / "half.wav"
    whole = written(speech[0][:16000], RATE, "WAV", "PCM_16")
    path.write_bytes(whole[:16044])
    with pytest.raises(SaladError, match=r"it ends after 0\.50 s of the 1\.00 s that its header promises"):
        decode_audio(path, name="row 7")


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0xFFFF_FFFF - 36, 0x7FFF_F000])
def test_a_wav_file_out_of_a_pipe_promises_nothing(size):
    samples = noise(1000)
    content = bytearray(written(samples, RATE, "WAV", "FLOAT"))
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    content[4:8] = struct.pack("<I", min(0xFFFF_FFFF, size + 36))
    assert np.array_equal(decode_audio(bytes(content), name="row 0")[0], samples)


def test_a_flac_file_out_of_a_pipe_is_refused():
    content = bytearray(written(noise(5000), RATE, "FLAC", "PCM_16"))
    described = int.from_bytes(content[18:26], "big")  # rate, channels and depth, and in the last 36 bits the length
    content[18:26] = (described & ~((1 << 36) - 1)).to_bytes(8, "big")
    with pytest.raises(SaladError, match="row 7: the audio does not say how long it is"):
        decode_audio(bytes(content), name="row 7")


@pytest.mark.parametrize("format_, subtype", [one[:2] for one in EXACT + LOSSY], ids=lambda value: str(value)[:8])
def test_a_stretch_is_what_stands_there_in_the_whole(format_, subtype, speech, tmp_path):
    samples, rate = np.tile(speech[0], 42), 8000 if subtype == "GSM610" else 16000
    path = tmp_path / "long"
    path.write_bytes(written(samples, rate, format_, subtype))
    whole, _ = decode_audio(path, name="row 0")
    seconds = len(whole) / rate
    for start, end in (
        (0, 0.5),
        (1.25, 2.5),
        (60.0625, 61),
        (seconds - 0.75, seconds - 0.125),
        (seconds - 0.15, seconds - 0.05),
    ):
        stretch = f"{path}#t={start:.9f},{end:.9f}"
        found, found_rate = decode_audio(stretch, name="row 0")
        expected = whole[round(start * rate) : round(end * rate)]
        assert found_rate == rate
        # a decoder of Opus takes a while to forget what it has not heard
        assert np.abs(found - expected).max() <= {"OPUS": 0.01, "MPEG_LAYER_III": 1e-6}.get(subtype, 0)
        row = {"id": "a", "audio": {"bytes": None, "path": stretch}}
        assert seconds_of_row(row, "x") == len(found) / rate


def test_stretches_end_where_their_file_does_but_for_rounding(tmp_path):
    path = tmp_path / "second.wav"
    soundfile.write(path, noise(RATE), RATE)
    assert len(decode_audio(f"{path}#t=0.5", name="x")[0]) == RATE // 2
    assert len(decode_audio(f"{path}#t=0.5,1.05", name="x")[0]) == RATE // 2
    for times in ("0.5,1.2", "1", "3,4"):
        with pytest.raises(SaladError, match=r"row 7: the audio lasts 1\.00 s and the row is of"):
            decode_audio(f"{path}#t={times}", name="row 7")
    with pytest.raises(SaladError, match="row 7: the audio has no samples"):
        decode_audio(f"{path}#t=0.5,0.5", name="row 7")
    with pytest.raises(SaladError, match="row 7: the audio has 1 channels, and the row is of channel 1"):
        decode_audio(f"{path}#channel=1", name="row 7")


def test_a_stretch_may_be_of_one_channel(tmp_path):
    left, right = noise(RATE), noise(RATE, seed=1)
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], axis=1), RATE, subtype="FLOAT")
    for channel, expected in ((0, left), (1, right), ("0,1", (left + right) / 2)):
        found, _ = decode_audio(f"{tmp_path}/two.wav#t=0.25,0.5&channel={channel}", name="x")
        assert np.allclose(found, expected[RATE // 4 : RATE // 2], atol=1e-7)


def test_a_name_is_not_believed_more_than_the_content(tmp_path):
    for name in ("sound.raw", "sound.mp3", "sound"):
        (tmp_path / name).write_bytes(written(noise(1000), RATE, "WAV", "FLOAT"))
        assert np.array_equal(decode_audio(tmp_path / name, name="x")[0], noise(1000))
    with pytest.raises(SaladError, match="does not decode"):
        decode_audio(tmp_path, name="a folder")


@pytest.mark.parametrize("offset", [-0.2, -0.02, 0.006, 0.05])
def test_a_constant_offset_is_taken_away(offset, speech):
    samples = speech[0] * 0.5
    decoded, _ = decode_audio(written(samples + np.float32(offset), RATE, "WAV", "FLOAT"), name="x")
    assert np.abs(decoded - samples).max() < OFFSET
    assert abs(decoded.mean()) < 1e-6


@pytest.mark.parametrize("voice", ["en-us", "de", "en-us+f2", "en-us+f5", "en-us+croak", "en-us+klatt4"])
def test_clean_speech_keeps_every_sample(voice):
    said = open_voice(f"espeak:{voice}").speak("The old river runs past the mill, and nobody knows where it ends.")
    decoded, _ = decode_audio(encode_flac(said.samples, said.sample_rate), name="x")
    assert np.array_equal(decoded, said.samples)


def test_a_lopsided_sound_has_no_offset():
    pulses = np.where(np.arange(RATE) % 100 < 10, 0.5, 0.0).astype(np.float32)  # mean 0.05, at rest 0
    assert np.array_equal(decode_audio(written(pulses, RATE, "WAV", "FLOAT"), name="x")[0], pulses)
