"""Frames of wav2vec 2.0, HuBERT and WavLM equal those of transformers' classes, alone and in a batch."""

import numpy as np
import pytest
import torch
from encoder_models import MODELS, save_encoder
from transformers import AutoFeatureExtractor, AutoModel

from saladkit.errors import SaladError
from saladkit.settings.shared import SpeechEncoder
from saladkit.speech.encoders.registry import open_front_end


@pytest.fixture(scope="module", params=MODELS)
def encoder(request, workshop):
    """The folder of a tiny random model in the Hub's layout."""
    return save_encoder(workshop, request.param)


@pytest.fixture(scope="module")
def front_end(encoder):
    return open_front_end(SpeechEncoder(encoder=str(encoder)), device="cpu", dtype="float32")


def naive_frames(encoder, samples, layer):
    """A layer's output of one recording, by its own class."""
    model = AutoModel.from_pretrained(encoder).eval()
    model.adapter = None
    features = AutoFeatureExtractor.from_pretrained(encoder)(samples, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        outputs = model(features.input_values, output_hidden_states=True)
    return (outputs.last_hidden_state if layer is None else outputs.hidden_states[layer])[0].numpy()


def test_it_says_what_it_gives(front_end, encoder):
    assert (front_end.sample_rate, front_end.frames_per_second, front_end.bytes_per_frame) == (16_000, 50, 32)
    assert front_end.identity["name"] == encoder.name.partition("-")[0]
    assert (front_end.identity["layer"], front_end.identity["width"]) == (3, 16)


@pytest.mark.parametrize("layer", [None, 2])
def test_frames_are_those_of_the_model(encoder, layer, noises):
    front_end = open_front_end(SpeechEncoder(encoder=str(encoder), layer=layer), device="cpu", dtype="float32")
    for samples in noises[1:3]:
        (frames,) = front_end.frames([samples])
        assert (frames.dtype, frames.shape) == (np.float16, ((len(samples) - 400) // 320 + 1, 16))
        np.testing.assert_allclose(frames, naive_frames(encoder, samples, layer), rtol=0, atol=4e-3)


def test_a_recording_has_the_same_frames_beside_longer_ones(front_end, noises):
    for samples, together in zip(noises, front_end.frames(noises), strict=True):
        np.testing.assert_allclose(together, front_end.frames([samples])[0], rtol=0, atol=4e-3)


def test_the_shortest_sound_has_a_frame(front_end):
    assert front_end.frames([np.ones(1, dtype=np.float32)])[0].shape == (1, 16)


def test_frames_can_be_counted_without_computing_them(front_end, noises):
    recordings = [*noises, *(np.ones(n, dtype=np.float32) for n in (1, 399, 400, 719, 720))]
    found = [len(frames) for frames in front_end.frames(recordings)]
    assert [front_end.frame_count(len(samples)) for samples in recordings] == found


def test_layers_that_are_not_there(encoder):
    with pytest.raises(SaladError, match="has 3 layers, not 4"):
        open_front_end(SpeechEncoder(encoder=str(encoder), layer=4), device="cpu", dtype="float32")
