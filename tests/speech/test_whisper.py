"""Whisper's frames equal those of transformers' encoder, window by window, and are as long as the audio."""

import numpy as np
import pytest
import torch
from transformers import WhisperModel

from saladkit.errors import SaladError
from saladkit.settings.shared import SpeechEncoder
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.encoders.whisper import WhisperFrontEnd


@pytest.fixture(scope="module")
def front_end(whisper):
    return open_front_end(SpeechEncoder(encoder=str(whisper)), device="cpu", dtype="float32")


def naive_frames(whisper, front_end, samples, layer):
    """The encoder's hidden states of one window of audio, by its own class."""
    model = WhisperModel.from_pretrained(whisper).eval()
    features = front_end._features(samples, sampling_rate=16_000, return_tensors="pt").input_features
    with torch.inference_mode():
        states = model.encoder(features, output_hidden_states=True).hidden_states
    return states[layer][0, : -(-len(samples) // 320)].numpy()


def test_it_says_what_it_gives(front_end):
    assert isinstance(front_end, WhisperFrontEnd)
    assert (front_end.sample_rate, front_end.frames_per_second, front_end.bytes_per_frame) == (16_000, 50, 32)
    assert {key: front_end.identity[key] for key in ("name", "layer", "width")} == {
        "name": "whisper",
        "layer": 3,
        "width": 16,
    }
    assert front_end.window_seconds == 2


def test_frames_are_those_of_the_encoder(front_end, whisper, noises):
    (frames,) = front_end.frames([noises[2]])
    assert (frames.dtype, frames.shape) == (np.float16, (66, 16))
    np.testing.assert_allclose(frames, naive_frames(whisper, front_end, noises[2], -1), rtol=0, atol=2e-3)


def test_frames_can_be_counted_without_computing_them(front_end, noises):
    recordings = [*noises, *(np.ones(n, dtype=np.float32) for n in (1, 320, 321, 32_000, 32_001, 64_320))]
    found = [len(frames) for frames in front_end.frames(recordings)]
    assert [front_end.frame_count(len(samples)) for samples in recordings] == found


def test_an_earlier_layer_is_computed_without_the_later_ones(whisper, noises):
    front_end = open_front_end(SpeechEncoder(encoder=str(whisper), layer=2), device="cpu", dtype="float32")
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
        open_front_end(SpeechEncoder(encoder=str(whisper), layer=4), device="cpu", dtype="float32")
