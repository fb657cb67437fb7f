"""Mimi's codes equal those of transformers' class, do not depend on the rest of the batch, and are causal."""

import numpy as np
import pytest
import torch
from transformers import MimiModel

from saladkit.errors import SaladError
from saladkit.settings.shared import SpeechEncoder
from saladkit.speech.audio.resampling import resample
from saladkit.speech.encoders.mimi import MimiFrontEnd
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.front_end import frames_of_row

FRAME = 1920  # samples


@pytest.fixture(scope="module")
def front_end(mimi):
    return open_front_end(SpeechEncoder(encoder=str(mimi), codebooks=4), device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def recordings():
    """Noise that grows and fades, of lengths that fill whole frames, and more, and less than one."""
    random = np.random.default_rng(0)
    lengths = (10 * FRAME, 7 * FRAME + 1, 3 * FRAME - 700, 900, 1)
    swell = [np.abs(np.sin(np.arange(length) / 3000 + 1)) for length in lengths]
    return [(random.normal(size=len(s)) * s / 4).astype(np.float32) for s in swell]


def test_it_says_what_it_gives(front_end, mimi):
    assert isinstance(front_end, MimiFrontEnd)
    assert (front_end.sample_rate, front_end.frames_per_second, front_end.bytes_per_frame) == (24_000, 12.5, 8)
    kept = {key: front_end.identity[key] for key in ("name", "codebooks", "codebook_size", "width")}
    assert kept == {"name": "mimi", "codebooks": 4, "codebook_size": 32, "width": 16}


def test_codes_are_those_of_the_codec(front_end, mimi, recordings):
    codec = MimiModel.from_pretrained(mimi).eval()
    whole = recordings[0]
    with torch.inference_mode():
        expected = codec.encode(torch.from_numpy(whole)[None, None], num_quantizers=4).audio_codes[0].T.numpy()
    (codes,) = front_end.frames([whole])
    assert codes.dtype == np.uint16
    assert np.array_equal(codes, expected)
    assert all(len(set(column)) > 3 for column in codes.T.tolist())


def test_a_recording_has_the_same_codes_beside_longer_ones(front_end, recordings):
    together = front_end.frames(recordings)
    assert [len(codes) for codes in together] == [10, 8, 3, 1, 1]
    assert [front_end.frame_count(len(samples)) for samples in recordings] == [10, 8, 3, 1, 1]
    for samples, codes in zip(recordings, together, strict=True):
        assert np.array_equal(front_end.frames([samples])[0], codes)


def test_what_comes_later_changes_no_earlier_code(front_end, recordings):
    changed = recordings[0].copy()
    changed[6 * FRAME :] *= -3
    before, after = front_end.frames([recordings[0], changed])
    assert np.array_equal(before[:6], after[:6])
    assert not np.array_equal(before[6:], after[6:])


def test_the_vectors_of_a_frames_codes_add_up_to_what_the_decoder_is_given(front_end, mimi, recordings):
    codec = MimiModel.from_pretrained(mimi).eval()
    codes = torch.from_numpy(front_end.frames(recordings)[0].astype(np.int64))
    vectors = front_end.codebook_vectors()
    assert vectors.shape == (4, 32, 16)
    added = torch.stack([vectors[book, codes[:, book]] for book in range(4)]).sum(0)
    with torch.inference_mode():
        expected = codec.quantizer.decode(codes.T[None])[0].T
    torch.testing.assert_close(added, expected, rtol=0, atol=1e-5)


def test_audio_is_resampled_to_what_the_codec_hears(front_end, recordings):
    import io

    import soundfile

    samples = resample(recordings[0], 24_000, 16_000)
    stored = io.BytesIO()
    soundfile.write(stored, samples, 16_000, format="WAV", subtype="FLOAT")
    codes = frames_of_row(front_end, {"id": "a", "audio": {"bytes": stored.getvalue(), "path": None}}, "here")
    assert np.array_equal(codes, front_end.frames([resample(samples, 16_000, 24_000)])[0])
    assert len(codes) == 10


def test_the_digest_tells_weights_apart_and_not_folders(front_end, mimi, tmp_path):
    codec = MimiModel.from_pretrained(mimi)
    codec.save_pretrained(tmp_path / "copy")
    assert MimiFrontEnd(tmp_path / "copy", 4, device="cpu", dtype="float32").identity == front_end.identity
    codec.quantizer.semantic_residual_vector_quantizer.layers[0].codebook.embed_sum[3, 2] += 1e-3
    codec.save_pretrained(tmp_path / "other")
    assert MimiFrontEnd(tmp_path / "other", 4, device="cpu", dtype="float32").identity != front_end.identity


def test_more_codebooks_than_there_are(mimi):
    with pytest.raises(SaladError, match="6 codebooks, 8 were asked for"):
        open_front_end(SpeechEncoder(encoder=str(mimi), codebooks=8), device="cpu", dtype="float32")


@pytest.mark.parametrize("length", [700, FRAME, 5 * FRAME + 3])
def test_audio_in_pieces_has_the_codes_of_the_whole(front_end, length):
    """Over 13 s: attention sees the last 10."""
    random = np.random.default_rng(1)
    samples = (random.normal(size=13 * 24_000 + 500) * np.abs(np.sin(np.arange(13 * 24_000 + 500) / 9000)) / 4).astype(
        np.float32
    )
    stream = front_end.stream()
    pieces = [stream.feed(samples[begin : begin + length]) for begin in range(0, len(samples), length)]
    assert sum(map(len, pieces)) == len(samples) // FRAME
    found = np.concatenate([*pieces, stream.close()])
    (expected,) = front_end.frames([samples])
    assert found.dtype == np.uint16
    assert np.array_equal(found, expected)


def test_a_stream_of_mimi_remembers_ten_seconds_at_most(front_end):
    stream = front_end.stream()
    for _ in range(20):
        stream.feed(np.zeros(8 * FRAME, np.float32))
    (cache,) = (value for value in stream._state.values() if hasattr(value, "layers"))
    assert all(layer.keys.shape[-2] <= 250 for layer in cache.layers)


def test_a_codec_that_is_not_causal_cannot_be_streamed(mimi, tmp_path):
    codec = MimiModel.from_pretrained(mimi)
    codec.config.use_causal_conv = False
    codec.save_pretrained(tmp_path)
    opened = open_front_end(SpeechEncoder(encoder=str(tmp_path), codebooks=4), device="cpu", dtype="float32")
    with pytest.raises(SaladError, match="looks ahead"):
        opened.stream()
