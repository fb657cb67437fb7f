import copy

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from saladkit.formats.frames_cache import FramesCache
from saladkit.formats.samples import words_from_row
from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.speech_encoder import CausalConv1d
from saladkit.rows.batched_sequences import collate_sequences
from saladkit.rows.interleaving import draw_spans, may_cut, whole_text
from saladkit.rows.sequences import Sequence, SequenceLayout, SpeechSpan, build_sequence
from saladkit.rows.tokens import tokenize
from saladkit.settings.shared import Spans
from saladkit.sources.samples import read_samples


@pytest.fixture(scope="module")
def sequences(speech, frames_cache, tokenizer, salad_model):
    """Five interleaved rows, each with at least two heard spans."""
    layout, frames = SequenceLayout(100, salad_model.config.frames_per_vector), FramesCache(frames_cache)
    rows = []
    for seed, row in enumerate(read_samples(speech, needed=["text", "words"], optional=[], limit=5).to_pylist()):
        text, words = tokenize(tokenizer, row["text"]), words_from_row(row)
        lengths = Spans(text_words=(2, 4), speech_words=(2, 4))
        spans = draw_spans(may_cut(text, words), lengths, np.random.default_rng(seed), text_first=0.5)
        rows.append(build_sequence(text, spans, words, frames.row(row["id"]), layout))
    assert all(len(row.spans) >= 2 and len(row.positions) > 3 for row in rows)
    assert len({len(row) for row in rows}) > 1
    return rows


@torch.inference_mode()
def logits_of(model, sequences):
    return model(**collate_sequences(sequences)).logits


@torch.inference_mode()
def all_logits(model, sequence):
    batch = collate_sequences([sequence])
    del batch["logits_at"]
    return model(**batch).logits[0]


def test_a_saved_model_gives_the_same_logits(salad_model, sequences, tmp_path):
    salad_model.save_pretrained(tmp_path)
    expected = logits_of(salad_model, sequences)
    for loaded in (
        SaladForCausalLM.from_pretrained(tmp_path),
        AutoModelForCausalLM.from_pretrained(tmp_path),
        load_salad_model(tmp_path, dtype="float32", device="cpu"),
    ):
        assert isinstance(loaded, SaladForCausalLM)
        assert torch.equal(logits_of(loaded.eval(), sequences), expected)


def test_a_distilled_checkpoint_loads_by_its_class_and_by_auto(checkpoint, sequences):
    by_class = load_salad_model(checkpoint, dtype="float32", device="cpu").eval()
    by_auto = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    assert torch.equal(logits_of(by_class, sequences), logits_of(by_auto, sequences))
    stable = load_salad_model(checkpoint / "stable", dtype="float32", device="cpu").eval()
    assert not torch.equal(logits_of(by_class, sequences), logits_of(stable, sequences))


def test_what_is_read_goes_through_the_bare_language_model(salad_model, text_lm, tokenizer, world):
    language_model = load_text_model(text_lm, dtype="float32", device="cpu").eval()
    texts = read_samples(world / "natural.parquet", needed=["text"], limit=3).column("text").to_pylist()
    for text in texts:
        tokens = tokenize(tokenizer, text)
        sequence = build_sequence(tokens, whole_text(len(tokens.splittable) - 1), [], None, None)
        bare = language_model(input_ids=torch.tensor([tokens.token_ids.tolist()])).logits[0].detach()
        assert torch.equal(all_logits(salad_model, sequence), bare)


def test_later_tokens_change_no_earlier_logits(salad_model, sequences):
    for sequence in sequences:
        changed = copy.deepcopy(sequence)
        place = int(np.flatnonzero(~sequence.speech_mask)[-2])
        changed.input_ids[place] = (changed.input_ids[place] + 7) % 100
        before, after = all_logits(salad_model, sequence), all_logits(salad_model, changed)
        torch.testing.assert_close(after[:place], before[:place], rtol=0, atol=1e-6)
        assert (after[place:] - before[place:]).abs().max() > 1e-4


def with_changed_frames(sequence, span, vector, frames_per_vector):
    """The same row, its span's frames changed from those of `vector` on."""
    speech = sequence.spans[span]
    frames = speech.frames.copy()
    frames[vector * frames_per_vector :] += np.random.default_rng(0).normal(
        size=frames[vector * frames_per_vector :].shape
    )
    spans = list(sequence.spans)
    spans[span] = SpeechSpan(frames.astype(np.float32), speech.vectors, speech.lexical_targets)
    return Sequence(sequence.input_ids, sequence.speech_mask, spans, sequence.positions, sequence.targets)


def test_later_frames_change_no_earlier_logits(salad_model, sequences):
    for sequence in sequences:
        vector = sequence.spans[1].vectors // 2
        place = int(np.flatnonzero(sequence.speech_mask)[sequence.spans[0].vectors + vector])
        changed = with_changed_frames(sequence, 1, vector, salad_model.config.frames_per_vector)
        before, after = all_logits(salad_model, sequence), all_logits(salad_model, changed)
        torch.testing.assert_close(after[:place], before[:place], rtol=0, atol=1e-6)
        assert (after[place:] - before[place:]).abs().max() > 1e-4


def test_one_row_does_not_hear_another(salad_model, sequences):
    alone = torch.cat([logits_of(salad_model, [sequence]) for sequence in sequences])
    torch.testing.assert_close(logits_of(salad_model, sequences), alone, rtol=0, atol=1e-5)


def test_a_batch_of_read_and_heard_rows_equals_its_rows(salad_model, sequences, tokenizer):
    text = tokenize(tokenizer, "The tomato is a berry.")
    read = build_sequence(text, whole_text(5), [], None, None)
    mixed = [sequences[0], read, sequences[1]]
    alone = torch.cat([logits_of(salad_model, [sequence]) for sequence in mixed])
    torch.testing.assert_close(logits_of(salad_model, mixed), alone, rtol=0, atol=1e-5)


def test_logits_at_some_places_are_those_of_all_places(salad_model, sequences):
    batch = collate_sequences(sequences)
    places = batch.pop("logits_at")
    with torch.inference_mode():
        every = salad_model(**batch).logits
    assert every.shape[:2] == batch["input_ids"].shape
    torch.testing.assert_close(logits_of(salad_model, sequences), every.flatten(0, 1)[places], rtol=0, atol=1e-6)


def test_only_heard_rows_give_speech_vectors(salad_model, sequences, text_lm):
    batch = collate_sequences(sequences)
    vectors = salad_model(**batch).speech_vectors
    spans = sum(len(sequence.spans) for sequence in sequences)
    assert vectors.shape == (spans, batch["speech_lengths"].max(), salad_model.config.text_config.hidden_size)
    assert salad_model(input_ids=torch.tensor([[1, 2]])).speech_vectors is None


def test_the_loss_reaches_every_part_of_the_model(salad_model, sequences):
    model = copy.deepcopy(salad_model).train()
    model(**collate_sequences(sequences)).logits.square().mean().backward()
    silent = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []


def test_speech_starts_at_the_length_of_text(salad_model, sequences):
    batch = collate_sequences(sequences)
    vectors = salad_model(**batch).speech_vectors
    median = salad_model.get_input_embeddings().weight.norm(dim=-1).median()
    for span, length in zip(vectors.norm(dim=-1), batch["speech_lengths"], strict=True):
        torch.testing.assert_close(span[:length], median.expand(length), rtol=1e-5, atol=0)


def test_a_span_is_heard_as_it_is_alone(salad_model, sequences):
    batch = collate_sequences(sequences)
    vectors = salad_model.embed_speech(batch["speech_frames"], batch["speech_lengths"])
    spans = [span for sequence in sequences for span in sequence.spans]
    assert len({span.vectors for span in spans}) > 2
    for together, span in zip(vectors, spans, strict=True):
        alone = salad_model.speech_adapter(salad_model.speech_encoder(torch.from_numpy(span.frames)[None]))[0]
        torch.testing.assert_close(together[: span.vectors], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (3, 1)])
def test_a_causal_convolution_is_a_convolution_of_the_padded_past(kernel, stride):
    torch.manual_seed(0)
    convolution = CausalConv1d(5, 7, kernel, stride).double()
    vectors = torch.randn(3, 12, 5, dtype=torch.float64)
    past = torch.nn.functional.pad(vectors.transpose(1, 2), (kernel - stride, 0))
    expected = torch.nn.functional.conv1d(past, convolution.weight, convolution.bias, stride).transpose(1, 2)
    torch.testing.assert_close(convolution(vectors), expected, rtol=0, atol=1e-12)
