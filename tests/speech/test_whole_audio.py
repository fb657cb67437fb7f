"""Recordings whose header does not tell how long they are, and files that hold several of them."""

import io
import struct

import numpy as np
import pytest
import soundfile

from saladkit.errors import SaladError
from saladkit.speech.audio.decoding import decode_audio, seconds_of_row

RATE = 16_000
XING_FLAGS, XING_FRAMES = 4, 8  # where they stand behind the name
MP3_PADDING = 0.2  # s: what an encoder adds before and behind the sound


def tones(*hertz, seconds=1.0, rate=RATE):
    """One tone after another, each twice as loud as the one before: the bit rate of VBR rises."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(0, 1, len(times))
    parts = [0.01 * 2**place * (np.sin(2 * np.pi * each * times) + noise / 4) for place, each in enumerate(hertz)]
    return np.concatenate(parts).astype(np.float32)


def written(samples, format_, subtype, rate=RATE, **settings):
    content = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(content, "w", rate, channels, subtype, format=format_, **settings) as file:
        for begin in range(0, len(samples), 4096):  # libsndfile's Vorbis needs it piece by piece
            file.write(samples[begin : begin + 4096])
    return content.getvalue()


def vbr(samples, rate=RATE):
    return written(samples, "MP3", "MPEG_LAYER_III", rate, bitrate_mode="VARIABLE", compression_level=0.5)


def cbr(samples, rate=RATE):
    return written(samples, "MP3", "MPEG_LAYER_III", rate, bitrate_mode="CONSTANT", compression_level=0.5)


def name_at(content):
    return max(content.find(b"Xing", 0, 500), content.find(b"Info", 0, 500))


def without_first_frame(content):
    return content[content.index(content[:2], 100) :]


def with_frames(content, count):
    at, changed = name_at(content) + XING_FRAMES, bytearray(content)
    changed[at : at + 4] = struct.pack(">I", count)
    return bytes(changed)


def with_flags(content, flags):
    changed = bytearray(content)
    changed[name_at(content) + XING_FLAGS + 3] = flags
    return bytes(changed)


def id3(size=3000):
    head = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return b"ID3\3\0\0" + head + b"\xff\xfb\x90" * (size // 3)  # a picture may look like frames


ID3V1 = b"TAG" + b"\xff\xfb\x90" * 41 + b"xy"
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 1, 0x80000000) + bytes(8)
SOUND = tones(300, 600, 1200)  # 3 s
MP3S = {
    "VBR without a first frame": (without_first_frame(vbr(SOUND)), 3),
    "VBR whose sound becomes softer": (without_first_frame(vbr(SOUND[::-1].copy())), 3),
    "CBR without a first frame": (without_first_frame(cbr(SOUND)), 3),
    "Xing of 0 frames": (with_frames(vbr(SOUND), 0), 3),
    "Xing of 5 frames": (with_frames(vbr(SOUND), 5), 3),
    "Xing that does not state its frames": (with_flags(vbr(SOUND), 0x0E), 3),
    "44,100 Hz and two channels": (without_first_frame(vbr(np.stack([SOUND, SOUND / 2], 1), 44_100)), 3 * 16 / 44.1),
    "8,000 Hz": (without_first_frame(vbr(SOUND, 8_000)), 6),
    "with tags around": (id3() + without_first_frame(vbr(SOUND)) + APE + ID3V1, 3),
    "with zeros behind": (without_first_frame(vbr(SOUND)) + bytes(20_000), 3),
    "all frames, and bytes of others": (vbr(SOUND)[:8000] + bytes(5000) + vbr(SOUND)[8000:] + b"\x01" * 9000, 3),
    "joined": (vbr(SOUND) + vbr(SOUND[:RATE]), 4),
    "joined with tags": (id3() + vbr(SOUND) + ID3V1 + id3() + cbr(SOUND) + ID3V1, 6),
    "joined without first frames": (2 * without_first_frame(vbr(SOUND)), 6),
    "joined of one and two channels": (vbr(SOUND) + vbr(np.stack([SOUND, SOUND], 1)), 6),
}


@pytest.mark.parametrize("content, seconds", MP3S.values(), ids=MP3S)
def test_an_mp3_is_heard_to_its_end(content, seconds, tmp_path):
    (tmp_path / "a.mp3").write_bytes(content)
    for source in (content, tmp_path / "a.mp3"):
        samples, rate = decode_audio(source, name="row 0")
        assert 0 <= len(samples) / rate - seconds < MP3_PADDING
    row = {"id": "a", "audio": {"bytes": content, "path": None}}
    assert seconds_of_row(row, "x") == len(samples) / rate
    end = round((seconds - 0.25) * rate)  # the last sound is as loud as it was, not silence
    assert np.abs(samples[end - rate // 10 : end]).max() > 0.009
    stretch, _ = decode_audio(f"{tmp_path}/a.mp3#t={seconds - 0.5:.9f},{seconds - 0.25:.9f}", name="row 0")
    begin = round((seconds - 0.5) * rate)
    assert np.abs(stretch - samples[begin : begin + len(stretch)]).max() < 1e-5


def test_an_mp3_with_its_true_length_is_read_as_it_is():
    """The samples are those of libsndfile, but for rounding, and the encoder's padding is cut off."""
    for content in (vbr(SOUND), cbr(SOUND), id3() + vbr(SOUND) + ID3V1):
        direct, _ = soundfile.read(io.BytesIO(content), dtype="float32")
        samples, _ = decode_audio(content, name="row 0")
        assert len(samples) == len(direct) == len(SOUND) and np.abs(samples - direct).max() < 1e-7


DAMAGED = {
    "a header that promises more": (vbr(SOUND)[: len(vbr(SOUND)) // 2], "cut short: it ends after"),
    "a hole": (vbr(SOUND)[:4000] + bytes(5000) + vbr(SOUND)[9000:], r"damaged: \d{4} of its \d+ bytes are not MP3"),
    "another file behind": (without_first_frame(vbr(SOUND)) + b"\x01" * 9000, "damaged: 9000 of its .* bytes"),
    "other rates": (vbr(SOUND) + vbr(SOUND, 24_000), "joined from recordings of 16000 and 24000 Hz"),
    "nothing but a tag": (id3(), "does not decode"),
    "a joined part that was cut": (vbr(SOUND) + vbr(SOUND)[:9000], "cut short: it ends after"),
}


@pytest.mark.parametrize("content, problem", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_mp3_is_refused(content, problem):
    with pytest.raises(SaladError, match=f"row 7: the audio .*{problem}"):
        decode_audio(content, name="row 7")


LINKS = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("WAV", "PCM_16"), ("WAV", "FLOAT")]


@pytest.mark.parametrize("format_, subtype", LINKS)
def test_joined_recordings_are_all_heard(format_, subtype, tmp_path):
    first, second = tones(300, 600), tones(1200, seconds=0.5)
    content = written(first, format_, subtype) + written(second, format_, subtype)
    apart = [decode_audio(written(one, format_, subtype), name="x")[0] for one in (first, second)]
    (tmp_path / "joined").write_bytes(content)
    for source in (content, tmp_path / "joined"):
        assert np.array_equal(decode_audio(source, name="row 0")[0], np.concatenate(apart))
    across, _ = decode_audio(f"{tmp_path}/joined#t=1.75,2.25", name="row 0")
    assert np.abs(across - np.concatenate(apart)[28_000:36_000]).max() < 0.01  # Opus forgets what it has not heard
    with pytest.raises(SaladError, match="row 7: the audio (was cut short|does not decode)"):
        decode_audio(content[:-8000], name="row 7")


def test_three_chained_recordings_of_ogg():
    sound = tones(300)
    content = b"".join(written(tones(300), "OGG", "VORBIS") for _ in range(3))
    assert len(decode_audio(content, name="row 0")[0]) == 3 * len(sound)


def wav(samples, *, data=None, riff=None, behind=b"", before=b""):
    """A WAV file of 16 bits whose header says what is asked for."""
    raw = (samples * 32767).astype("<i2").tobytes()
    data = len(raw) if data is None else data
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16) + before
    riff = len(head) + 8 + len(raw) + len(behind) if riff is None else riff
    return b"RIFF" + struct.pack("<I", riff) + head + b"data" + struct.pack("<I", data) + raw + behind


LIST = b"LIST" + struct.pack("<I", 6) + b"INFOxy"
STREAMED = {
    "nothing known": wav(SOUND, data=0, riff=0),
    "nothing written yet": wav(SOUND, data=0, riff=36),
    "the length of the file alone": wav(SOUND, data=0),
    "ffmpeg": wav(SOUND, data=0xFFFFFFFF, riff=0xFFFFFFFF, before=LIST),
    "sox": wav(SOUND, data=0x7FFFF000, riff=0x7FFFF024),
    "2 GB less a block": wav(SOUND, data=0x7FFF0000, riff=0x7FFF0024),
}


@pytest.mark.parametrize("content", STREAMED.values(), ids=STREAMED)
def test_a_streamed_wav_is_read_to_its_end(content, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    for source in (content, tmp_path / "a.wav"):
        samples, rate = decode_audio(source, name="row 0")
        assert (rate, len(samples)) == (RATE, len(SOUND)) and np.abs(samples - SOUND).max() < 1e-4
    assert len(decode_audio(f"{tmp_path}/a.wav#t=2.5,2.75", name="row 0")[0]) == RATE // 4


def test_chunks_behind_the_samples_are_no_samples():
    for behind in (LIST, LIST + LIST, bytes(40), ID3V1, LIST + bytes(9000)):
        assert len(decode_audio(wav(SOUND, behind=behind), name="row 0")[0]) == len(SOUND)


def test_samples_that_the_header_does_not_count_are_noticed():
    for counted in (2, 20_000, 2 * len(SOUND) - 4000):
        with pytest.raises(SaladError, match=r"row 7: the audio has \d+ bytes behind the samples"):
            decode_audio(wav(SOUND, data=counted), name="row 7")


def test_a_wav_without_samples_has_none():
    for content in (wav(SOUND[:0]), 2 * wav(SOUND[:0])):
        with pytest.raises(SaladError, match="row 7: the audio has no samples"):
            decode_audio(content, name="row 7")


@pytest.mark.parametrize("fragment", ["#channel=0", "#t=0.5", "#t=0.5&channel=0"])
def test_a_stretch_up_to_the_end_needs_the_end(fragment, tmp_path):
    for name, content in (("a.wav", wav(SOUND)), ("a.mp3", vbr(SOUND)), ("a.ogg", written(SOUND, "OGG", "VORBIS"))):
        (tmp_path / name).write_bytes(content)
        decode_audio(f"{tmp_path / name}{fragment}", name="row 0")
        (tmp_path / name).write_bytes(content[: 3 * len(content) // 4])
        with pytest.raises(SaladError, match="row 7: the audio was cut short"):
            decode_audio(f"{tmp_path / name}{fragment}", name="row 7")


def in_wav(mp3, size=None):
    """MP3 as the samples of a WAV file, as ffmpeg and old recorders write it."""
    about = struct.pack("<IHHIIHHHHIHHH", 30, 0x55, 1, RATE, 4000, 1, 0, 12, 1, 2, 1152, 1, 0)
    chunks = b"WAVEfmt " + about + b"data" + struct.pack("<I", len(mp3) if size is None else size) + mp3
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


@pytest.mark.parametrize("mp3", [vbr(SOUND), without_first_frame(vbr(SOUND)), with_frames(vbr(SOUND), 0)])
def test_mp3_in_a_wav_is_heard_to_its_end(mp3):
    for size in (None, 0xFFFFFFFF, 0):
        samples, rate = decode_audio(in_wav(mp3, size), name="row 0")
        assert 0 <= len(samples) / rate - 3 < MP3_PADDING
    with pytest.raises(SaladError, match="row 7: the audio was cut short"):
        decode_audio(in_wav(mp3[: len(mp3) // 2], len(mp3)), name="row 7")
