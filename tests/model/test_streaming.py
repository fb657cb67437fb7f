"""Prompts that are read while they are spoken: every piece of the way equals the whole recording's."""

import itertools

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from saladkit.errors import SaladError
from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.model.front_ends import configuration_of
from saladkit.model.loading import load_text_model
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.streamed_span import StreamedSpan
from saladkit.model.streaming import SpeechStream
from saladkit.settings.distill import AdapterSettings, DistillSettings
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_audio

ADAPTER = AdapterSettings(adapter_layers=2, adapter_width=16, adapter_mlp_width=32, adapter_heads=2, adapter_kv_heads=1)
MILLISECONDS = (0.5, 10, 33, 80, 250, 10_000)


def model_of(text_lm, **settings):
    torch.manual_seed(0)
    config = SaladConfig(adapter_config=adapter_configuration(ADAPTER), num_mel_bins=16, encoder_width=16, **settings)
    return SaladForCausalLM.from_text_model(load_text_model(text_lm, dtype="float32", device="cpu"), config).eval()


@pytest.fixture(scope="module")
def log_mel_model(text_lm):
    return model_of(text_lm)


@pytest.fixture(scope="module")
def marked_model(text_lm):
    return model_of(text_lm, modality_tokens=True)


@pytest.fixture(scope="module")
def mimi_model(text_lm, mimi):
    shape = {name: getattr(ADAPTER, name) for name in ADAPTER.__dataclass_fields__}
    config, codebooks = configuration_of(
        DistillSettings(data=("x",), max_steps=1, encoder=str(mimi), codebooks=5, **shape)
    )
    torch.manual_seed(0)
    model = SaladForCausalLM.from_text_model(load_text_model(text_lm, dtype="float32", device="cpu"), config)
    model.speech_encoder.codebooks.copy_(codebooks)
    return model.eval()


@pytest.fixture(params=["log_mel_model", "marked_model", "mimi_model"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def processor(tokenizer, model):
    return SaladProcessor(tokenizer, model.config)


@pytest.fixture(scope="module")
def recordings(speech):
    """Two recordings of 2.2 and 1.3 s, with their rate."""
    rows = read_samples(speech, needed=["audio"], optional=[], limit=2).to_pylist()
    (one, rate), (two, _) = (decode_audio(row["audio"]["bytes"], name="row") for row in rows)
    return [one[: int(2.2 * rate)], two[: int(1.3 * rate) + 1]], rate


def in_pieces(samples, length):
    return (samples[begin : begin + length] for begin in range(0, len(samples), length))


def stream_all(model, processor, parts, rate, milliseconds):
    """A stream that has been given texts and recordings, these in pieces."""
    stream = SpeechStream(model, processor, rate)
    for part in parts:
        if isinstance(part, str):
            stream.read(part)
            continue
        for piece in in_pieces(part, max(1, int(milliseconds * rate / 1000))):
            stream.feed(piece)
    return stream


@pytest.mark.parametrize("milliseconds", MILLISECONDS)
def test_the_vectors_of_pieces_are_those_of_the_whole(milliseconds, model, processor, recordings):
    (samples, _), rate = recordings
    (span,) = processor.lay_out([samples], rate).spans
    with torch.no_grad():
        whole = model.embed_speech(torch.from_numpy(span.frames)[None], torch.tensor([span.vectors]))[0]
    streamed = StreamedSpan(model, processor.front_end, rate)
    pieces = [streamed.feed(piece) for piece in in_pieces(samples, max(1, int(milliseconds * rate / 1000)))]
    assert milliseconds > 1000 or sum(map(len, pieces)) >= len(whole) - 2  # nothing waits for the end
    torch.testing.assert_close(torch.cat([*pieces, streamed.close()]), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("milliseconds", [33, 80])
def test_an_answer_to_pieces_is_the_answer_to_the_whole(milliseconds, model, processor, recordings):
    (one, two), rate = recordings
    for parts in (
        [one],
        ["The tomato ", one, "is"],
        [one, "and", two],
        ["Honey is made by"],
        [one, " It is: ", two, "or"],
    ):
        inputs = processor.batch([processor.lay_out(parts, rate)])
        expected = model.generate(
            **inputs, max_new_tokens=12, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
        stream = stream_all(model, processor, parts, rate, milliseconds)
        written = "".join(stream.answer(max_new_tokens=12, do_sample=False))
        ids = expected.sequences[0, inputs["input_ids"].shape[1] :]
        assert stream._ids[inputs["input_ids"].shape[1] :] == ids.tolist()
        assert written == processor.decode(ids, skip_special_tokens=True)
