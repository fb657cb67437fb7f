"""Frozen encoders inside a model: Mimi's vectors, which no training changes, and stacks of frames."""

import numpy as np
import pytest
import torch
from transformers import MimiModel

from saladkit.formats.words import Word
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import configuration_of
from saladkit.model.frozen_encoder import CodebookEncoder, FrameStack
from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.batched_sequences import collate_sequences, pack_sequences
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import SequenceLayout, build_sequence
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.distill import DistillSettings

STACKED = {"speech_encoder": "there", "frozen_encoder": {"name": "hubert", "width": 6}, "stacked_frames": 4}


@pytest.fixture(scope="module")
def listening(mimi):
    """The configuration of a model that listens with five codebooks of the tiny Mimi, and the vectors of the codes."""
    adapter = {"layers": 1, "width": 16, "mlp_width": 32, "heads": 2, "kv_heads": 1}
    shape = {f"adapter_{name}": value for name, value in adapter.items()}
    return configuration_of(DistillSettings(data=("x",), max_steps=1, encoder=str(mimi), codebooks=5, **shape))


@pytest.fixture(scope="module")
def model(text_lm, listening):
    config, codebooks = listening
    torch.manual_seed(0)
    language_model = load_text_model(text_lm, dtype="float32", device="cpu")
    model = SaladForCausalLM.from_text_model(language_model, config)
    model.speech_encoder.codebooks.copy_(codebooks)
    return model.eval()


@pytest.fixture(scope="module")
def sequences():
    """Two rows of codes, 12.5 frames a second; their second word is heard."""
    random = np.random.default_rng(0)
    rows = []
    for length in (1.0, 0.5):
        words = [Word("a", 0.1, 0.3), Word("b", 0.3, 0.3 + length), Word("c", 0.3 + length, 2.0)]
        text = TokenizedText(np.array([5, 6, 7], dtype=np.int32), np.arange(4), np.ones(4, dtype=bool), 0)
        codes = random.integers(0, 32, size=(25, 5)).astype(np.uint16)
        spans = [Span(False, 0, 1), Span(True, 1, 2), Span(False, 2, 3)]
        rows.append((codes, build_sequence(text, spans, words, codes, SequenceLayout(12.5, 1))))
    return rows


def test_codes_reach_the_model_as_they_are_from_the_frame_of_the_start_to_that_of_the_end(sequences):
    for (codes, sequence), (first, last) in zip(sequences, [(3, 16), (3, 10)], strict=True):
        (span,) = sequence.spans
        assert span.frames.dtype == np.int64
        assert np.array_equal(span.frames, codes[first:last])
        assert span.vectors == last - first
    frames = collate_sequences([sequence for _, sequence in sequences])["speech_frames"]
    assert (frames.dtype, frames.shape) == (torch.int64, (2, 13, 5))


def test_vectors_are_what_mimis_decoder_is_given(model, mimi):
    codes = torch.randint(0, 32, (3, 7, 5), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = MimiModel.from_pretrained(mimi).eval().quantizer.decode(codes.transpose(1, 2)).transpose(1, 2)
    assert isinstance(model.speech_encoder, CodebookEncoder)
    torch.testing.assert_close(model.speech_encoder(codes), expected, rtol=0, atol=1e-5)


def test_padding_of_codes_is_never_heard(model, sequences):
    sequences = [sequence for _, sequence in sequences]
    with torch.inference_mode():
        together = model(**collate_sequences(sequences)).logits
        alone = torch.cat([model(**collate_sequences([sequence])).logits for sequence in sequences])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_packed_codes_are_heard_as_padded_ones(model, sequences):
    sequences = [sequence for _, sequence in sequences]
    with torch.inference_mode():
        padded = model(**collate_sequences(sequences)).logits
        packed = model(**pack_sequences([sequences])).logits
    torch.testing.assert_close(packed, padded, rtol=0, atol=1e-5)


def test_codebooks_are_saved_and_nothing_trains_them(model, sequences, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = load_salad_model(tmp_path, dtype="float32", device="cpu")
    assert torch.equal(loaded.speech_encoder.codebooks, model.speech_encoder.codebooks)
    assert not [name for name, _ in loaded.named_parameters() if name.startswith("speech_encoder.")]
    loaded(**collate_sequences([sequence for _, sequence in sequences])).logits.square().mean().backward()
    assert loaded.speech_adapter.project_in.weight.grad.any()


def test_a_model_in_bfloat16_reads_codes_exactly(model, sequences):
    half = SaladForCausalLM(model.config).to(torch.bfloat16)
    half.load_state_dict(model.state_dict())
    codes = torch.full((1, 2, 5), 31)  # of more codes than bfloat16 counts this would still be the last
    expected = half.speech_encoder.codebooks[:, 31].sum(0)
    torch.testing.assert_close(half.speech_encoder(codes)[0, 0], expected, rtol=0, atol=0.05)
    logits = half(**collate_sequences([sequence for _, sequence in sequences])).logits
    assert torch.isfinite(logits).all()


def test_stacked_frames_stand_side_by_side():
    config = SaladConfig(**STACKED)
    assert (config.frames_per_vector, config.vector_width) == (4, 24)
    frames = torch.arange(2 * 8 * 6).reshape(2, 8, 6).float()
    vectors = FrameStack(config)(frames)
    assert vectors.shape == (2, 2, 24)
    assert torch.equal(vectors[1, 1], frames[1, 4:8].flatten())
