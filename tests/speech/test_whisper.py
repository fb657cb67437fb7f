"""Whisper's frames equal those of transformers' encoder, window by window, and are as long as the audio."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import WhisperConfig, WhisperModel

from saladkit.errors import SaladError
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import front_end_of
from saladkit.settings.shared import SpeechEncoder
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.encoders.whisper import WhisperFrontEnd, encode

SILENCES = [0, 0.3, 2]  # s; the tiny model's windows are of 2 s


def opened(whisper, **settings):
    return open_front_end(SpeechEncoder(encoder=str(whisper), **settings), device="cpu", dtype="float32")


@pytest.fixture(scope="module", params=SILENCES)
def front_end(request, whisper):
    return opened(whisper, silence=request.param)


def encoder_of(whisper, frames):
    """transformers' encoder in float64, made for windows of `frames` frames."""
    trained = WhisperModel.from_pretrained(whisper)
    config = WhisperConfig.from_pretrained(whisper, max_source_positions=frames)
    weights = trained.state_dict()
    weights["encoder.embed_positions.weight"] = weights["encoder.embed_positions.weight"][:frames]
    model = WhisperModel(config)
    model.load_state_dict(weights)
    return model.encoder.double().eval()


def mel_of(front_end, samples):
    """The spectra of a window of audio that is padded to the end, [bins, mel frames]."""
    return front_end._features(samples, sampling_rate=16_000, return_tensors="pt").input_features[0]


def naive_frames(whisper, front_end, samples, layer=-1):
    """The hidden states of one window of audio and its silence, by an encoder of just this length."""
    count = -(-len(samples) // 320)
    length = min(count + round(front_end.identity["silence"] * 50), 100)
    mel = mel_of(front_end, samples)[None, :, : 2 * length]
    with torch.inference_mode():
        states = encoder_of(whisper, length)(mel.double(), output_hidden_states=True).hidden_states
    return states[layer][0, :count].numpy()


def test_it_says_what_it_gives(front_end):
    assert isinstance(front_end, WhisperFrontEnd)
    assert (front_end.sample_rate, front_end.frames_per_second, front_end.bytes_per_frame) == (16_000, 50, 32)
    assert {key: front_end.identity[key] for key in ("name", "layer", "width")} == {
        "name": "whisper",
        "layer": 3,
        "width": 16,
    }
    assert front_end.identity["silence"] in SILENCES


@pytest.mark.parametrize(("asked", "recorded"), [(0.009, 0), (0.011, 0.02), (1.999, 2), (30, 2)])
def test_silence_is_whole_frames_and_ends_with_the_window(whisper, asked, recorded):
    assert opened(whisper, silence=asked).identity["silence"] == recorded


def test_a_model_hears_the_silence_that_it_was_trained_with(whisper, noises):
    trained = opened(whisper, silence=0.3, layer=2)
    config = SaladConfig(speech_encoder=str(whisper), frozen_encoder=trained.identity)
    (frames,) = front_end_of(config, device="cpu").frames(noises[2:3])
    assert frames.tobytes() == trained.frames(noises[2:3])[0].tobytes()


@pytest.mark.parametrize("seconds", [0.005, 0.7, 1.31, 1.85, 2])
def test_frames_are_those_of_an_encoder_made_for_this_length(front_end, whisper, noises, seconds):
    samples = noises[0][: int(16_000 * seconds)]
    (frames,) = front_end.frames([samples])
    assert (frames.dtype, frames.shape) == (np.float16, (-(-len(samples) // 320), 16))
    np.testing.assert_allclose(frames, naive_frames(whisper, front_end, samples), rtol=0, atol=2e-3)


def test_less_silence_gives_other_frames(whisper, noises):
    first, *others = (opened(whisper, silence=silence).frames(noises[2:3])[0] for silence in SILENCES)
    assert all(np.abs(first - other).max() > 2e-3 for other in others)


@pytest.mark.parametrize("frames", [35, 99, 100])
def test_spectra_are_those_of_whole_windows_cut_off(front_end, noises, frames):
    samples = noises[0][: 320 * frames]
    found = front_end._mel([samples, samples[:-640]], torch.tensor([frames, frames - 2]))
    for mel, heard, count in zip(found, (samples, samples[:-640]), (frames, frames - 2), strict=True):
        expected = mel_of(front_end, heard)[:, : 2 * count]
        torch.testing.assert_close(mel[:, : 2 * count], expected, rtol=0, atol=1e-5)
        assert not mel[:, 2 * count :].any()


def side_by_side(encoder, mels):
    """Frames of recordings that lie side by side in one window, with a block-diagonal mask; positions start anew."""
    blocks = []
    for mel in mels:
        hidden = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mel[None]))))[0].T
        blocks.append(hidden + encoder.embed_positions.weight[: len(hidden)])
    counts = [len(block) for block in blocks]
    mask = torch.block_diag(*(torch.ones(count, count) for count in counts)).bool()[None, None]
    hidden = torch.cat(blocks)[None]
    for layer in encoder.layers:
        hidden = layer(hidden, mask)
    return encoder.layer_norm(hidden)[0].split(counts)


def test_a_masked_batch_equals_spans_side_by_side_in_one_window(whisper, noises):
    front_end = opened(whisper)
    encoder = WhisperModel.from_pretrained(whisper).encoder.eval()
    lengths = torch.tensor([60, 35, 1, 20])
    mels = [mel_of(front_end, noises[0])[:, : 2 * length] for length in lengths]
    padded = torch.stack([functional.pad(mel, (0, 120 - mel.shape[1])) for mel in mels])
    with torch.inference_mode():
        batch = encode(encoder, padded, lengths)
        for row, block in zip(batch, side_by_side(encoder, mels), strict=True):
            torch.testing.assert_close(row[: len(block)], block, rtol=0, atol=1e-5)


def test_frames_can_be_counted_without_computing_them(front_end, noises):
    recordings = [*noises, *(np.ones(n, dtype=np.float32) for n in (1, 320, 321, 32_000, 32_001, 64_320))]
    found = [len(frames) for frames in front_end.frames(recordings)]
    assert [front_end.frame_count(len(samples)) for samples in recordings] == found


@pytest.mark.parametrize(("seconds", "encoded"), [(0.5, 0.8), (1.7, 2), (1.9, 2), (2, 2), (2.1, 4), (4, 4)])
def test_the_work_grows_with_the_silence_up_to_the_window(whisper, seconds, encoded):
    assert opened(whisper, silence=0.3).encoded_seconds(seconds) == pytest.approx(encoded)
    assert opened(whisper, silence=30).encoded_seconds(seconds) == (4 if seconds > 2 else 2)


def test_an_earlier_layer_is_computed_without_the_later_ones(whisper, noises):
    front_end = opened(whisper, layer=2, silence=0.3)
    assert len(front_end._encoder.layers) == 2
    (frames,) = front_end.frames([noises[2]])
    np.testing.assert_allclose(frames, naive_frames(whisper, front_end, noises[2], 2), rtol=0, atol=2e-3)


def test_a_longer_recording_is_heard_in_consecutive_windows(front_end, noises):
    frames, first, second = front_end.frames([noises[0], noises[0][:32_000], noises[0][32_000:]])
    assert [len(frames), len(first), len(second)] == [125, 100, 25]
    np.testing.assert_allclose(frames, np.concatenate([first, second]), rtol=0, atol=2e-3)


def test_a_recording_has_the_same_frames_beside_others(front_end, noises):
    for samples, together in zip(noises, front_end.frames(noises), strict=True):
        np.testing.assert_allclose(together, front_end.frames([samples])[0], rtol=0, atol=2e-3)


def test_the_shortest_sound_has_a_frame(front_end):
    assert front_end.frames([np.ones(1, dtype=np.float32)])[0].shape == (1, 16)


def test_layers_that_are_not_there(whisper):
    with pytest.raises(SaladError, match="has 3 layers, not 4"):
        opened(whisper, layer=4)
