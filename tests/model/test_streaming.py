"""Prompts that are read while they are spoken: every piece of the way equals the whole recording's."""

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LogitsProcessor, LogitsProcessorList

from saladkit.errors import SaladError
from saladkit.model.answer_pieces import AnswerPieces
from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.model.front_ends import configuration_of
from saladkit.model.loading import load_text_model
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.streamed_span import StreamedSpan
from saladkit.model.streaming import SpeechStream
from saladkit.rows.prompt_sequences import join_parts
from saladkit.rows.tokens import bos_of
from saladkit.settings.distill import AdapterSettings, DistillSettings
from saladkit.settings.shared import SpeechEncoder
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.encoders.registry import open_front_end

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


@pytest.fixture(scope="module")
def fine_model(text_lm):
    return model_of(text_lm, encoder_fine_blocks=2, encoder_blocks=1)


@pytest.fixture(params=["log_mel_model", "fine_model", "marked_model", "mimi_model"])
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


def test_an_answer_to_pieces_is_the_answer_to_the_whole(model, processor, recordings):
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
        stream = stream_all(model, processor, parts, rate, 33)
        written = "".join(stream.answer(max_new_tokens=12, do_sample=False))
        ids = expected.sequences[0, inputs["input_ids"].shape[1] :]
        assert stream._ids[inputs["input_ids"].shape[1] :] == ids.tolist()
        assert written == processor.decode(ids, skip_special_tokens=True)


class Scores(LogitsProcessor):
    """Keep the logits of every step of `generate`."""

    def __init__(self):
        self.steps = []

    def __call__(self, input_ids, scores):
        self.steps.append(scores[0].clone())
        return scores


def test_the_logits_are_those_of_the_whole_to_1e_5(model, processor, recordings):
    (one, two), rate = recordings
    parts = ["The tomato", one, "is", two]
    whole, pieces = Scores(), Scores()
    inputs = processor.batch([processor.lay_out(parts, rate)])
    settings = {"max_new_tokens": 6, "do_sample": False}
    model.generate(**inputs, logits_processor=LogitsProcessorList([whole]), **settings)
    stream = stream_all(model, processor, parts, rate, 80)
    assert list(stream.answer(logits_processor=LogitsProcessorList([pieces]), **settings))
    torch.testing.assert_close(torch.stack(pieces.steps), torch.stack(whole.steps), rtol=0, atol=1e-5)


def test_a_conversation_goes_on_after_an_answer(model, processor, recordings):
    (one, two), rate = recordings
    stream = stream_all(model, processor, ["Listen:", one, "It is"], rate, 80)
    list(stream.answer(max_new_tokens=5, do_sample=False))
    first = stream._ids[-5:]
    for part in in_pieces(two, 3000):
        stream.feed(part)
    assert list(stream.answer(" Is it", max_new_tokens=5, do_sample=False))

    spans = [processor.lay_out([recording], rate).spans[0] for recording in (one, two)]
    texts = processor.text_ids("Listen:", False, True), processor.text_ids("It is", True, False) + first
    asked = [texts[0], spans[0], texts[1], spans[1], processor.text_ids(" Is it", True, False)]
    inputs = processor.batch([join_parts(bos_of(processor.tokenizer), asked, processor.layout)])
    whole = model.generate(**inputs, max_new_tokens=5, do_sample=False)[0]
    assert stream._ids[-5:] == whole[-5:].tolist()
    assert stream.positions == len(whole)


def test_vectors_are_read_as_they_come(log_mel_model, tokenizer, recordings, monkeypatch):
    (samples, _), rate = recordings
    decoder, widths = log_mel_model.language_model.get_decoder(), []
    run = decoder.forward
    monkeypatch.setattr(
        decoder, "forward", lambda *args, **names: widths.append(names["inputs_embeds"].shape[1]) or run(*args, **names)
    )
    stream = stream_all(log_mel_model, SaladProcessor(tokenizer, log_mel_model.config), [samples], rate, 80)
    assert sum(widths) >= stream.positions - 1 and max(widths) <= 2
    read = sum(widths)
    next(iter(stream.answer(max_new_tokens=1, do_sample=False)), None)
    assert sum(widths) - read <= 3  # the last vectors of the speech: the answer does not wait for more


def test_an_answer_to_which_nobody_listens_ends(log_mel_model, tokenizer, recordings):
    (samples, _), rate = recordings
    stream = stream_all(log_mel_model, SaladProcessor(tokenizer, log_mel_model.config), [samples], rate, 80)
    before = stream.positions
    pieces = stream.answer(max_new_tokens=400, do_sample=False, eos_token_id=-1)
    next(pieces)
    pieces.close()
    assert 1 <= stream.positions - before < 300
    assert list(stream.answer(" so", max_new_tokens=2, do_sample=False, eos_token_id=-1))


def test_an_error_of_generate_is_raised_where_the_pieces_are_taken(log_mel_model, tokenizer):
    stream = SpeechStream(log_mel_model, SaladProcessor(tokenizer, log_mel_model.config), 16_000)
    with pytest.raises(ValueError, match="temprature"):
        list(stream.answer("The", max_new_tokens=2, temprature=2.0))


def test_the_same_seed_samples_the_same_answer(log_mel_model, tokenizer):
    def sampled(seed):
        torch.manual_seed(seed)
        stream = SpeechStream(log_mel_model, SaladProcessor(tokenizer, log_mel_model.config), 16_000)
        return "".join(stream.answer("The", do_sample=True, temperature=3.0, max_new_tokens=20))

    assert sampled(1) == sampled(1) != sampled(2)


def test_a_stream_ends_where_the_models_positions_end(tokenizer):
    torch.manual_seed(0)
    small = GPT2LMHeadModel(GPT2Config(vocab_size=400, n_positions=20, n_embd=32, n_layer=1, n_head=2))
    config = SaladConfig(adapter_config=adapter_configuration(ADAPTER), num_mel_bins=16, encoder_width=16)
    model = SaladForCausalLM.from_text_model(small, config)
    processor = SaladProcessor(tokenizer, model.config)
    stream = SpeechStream(model, processor, 16_000)
    assert stream.longest == 20
    for _ in range(16):
        stream.feed(np.zeros(1280, np.float32))
    list(stream.answer(max_new_tokens=400, do_sample=False, eos_token_id=-1))
    assert stream.positions == 20
    for ask in (lambda: stream.answer(max_new_tokens=1), lambda: stream.feed(np.zeros(1280, np.float32))):
        with pytest.raises(SaladError, match="the stream has come to 21 positions, and the model reads 20"):
            ask()


def test_what_cannot_be_streamed_is_refused(tokenizer, whisper, log_mel_model):
    processor = SaladProcessor(tokenizer, log_mel_model.config)
    with pytest.raises(SaladError, match="an empty prompt"):
        SpeechStream(log_mel_model, processor, 16_000).answer(max_new_tokens=1)
    for samples in (np.zeros((2, 80)), np.array([0.0, np.nan])):
        with pytest.raises(SaladError, match="no mono signal"):
            SpeechStream(log_mel_model, processor, 16_000).feed(samples)
    front_end = open_front_end(SpeechEncoder(encoder=str(whisper)), device="cpu", dtype="float32")
    processor.front_end = front_end
    with pytest.raises(SaladError, match="looks ahead"):
        SpeechStream(log_mel_model, processor, 16_000)


def test_a_character_of_several_tokens_is_one_piece(tokenizer):
    text = "Zoë 😀 naïve – 東京"
    ids = tokenizer(text)["input_ids"]
    assert any(tokenizer.decode([token]).endswith("\ufffd") for token in ids)
    pieces = AnswerPieces(tokenizer)
    pieces.put(torch.tensor([[1, 2, 3]]))  # the prompt
    for token in ids:
        pieces.put(torch.tensor([token]))
    pieces.put(torch.tensor([tokenizer.eos_token_id]))
    pieces.end()
    found = list(pieces)
    assert "".join(found) == text and len(found) > 5
    assert not any("\ufffd" in piece for piece in found)


def test_an_unfinished_character_at_the_end_is_not_lost(tokenizer):
    ids = tokenizer("a😀")["input_ids"][:-1]
    pieces = AnswerPieces(tokenizer)
    pieces.put(torch.tensor([[1]]))
    for token in ids:
        pieces.put(torch.tensor([token]))
    pieces.end()
    found = list(pieces)
    assert found[0] == "a" and "".join(found) == tokenizer.decode(ids)
