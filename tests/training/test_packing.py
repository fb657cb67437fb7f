"""Packed rows against padded ones: the same losses and gradients, to rounding."""

import copy

import numpy as np
import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM

from saladkit.errors import SaladError
from saladkit.formats.frames_cache import FramesCache
from saladkit.model.loading import check_packing, load_text_model
from saladkit.rows.frame_sources import WholeRecordings
from saladkit.rows.schedule import TrainingSchedule, balance_lengths
from saladkit.rows.sequences import SequenceLayout, collate_sequences, pack_sequences
from saladkit.rows.training_sources import open_speech, open_text
from saladkit.settings.shared import Spans
from saladkit.settings.weighted_path import WeightedPath
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.teacher.head import LossRequest
from saladkit.teacher.signals import LiveTeacher

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def examples(speech, world, frames_cache, tokenizer):
    """Twelve examples, of speech and of replay."""
    heard = open_speech(WeightedPath(str(speech)), tokenizer, LogMelFrontEnd(bins=16), frames_caches=[frames_cache])
    read = open_text(WeightedPath(str(world / "pool.parquet")), tokenizer)
    assert isinstance(heard.frames, WholeRecordings) and isinstance(heard.frames.recordings, FramesCache)
    spans = Spans(text_words=(2, 5), speech_words=(2, 5))
    layout = SequenceLayout(100, 8)
    schedule = TrainingSchedule([heard, read], count=12, batch=12, layout=layout, spans=spans, text_first=0.5, seed=0)
    chosen = [schedule[index] for index in range(12)]
    assert {example.replay for example in chosen} == {True, False}
    return chosen


def loss_and_gradients(model, batch, requests):
    model = copy.deepcopy(model).train()
    outputs = model(**batch, requests=requests)
    (outputs.loss / len(requests[0])).backward()
    return outputs, {name: parameter.grad for name, parameter in model.named_parameters()}


def test_packed_equals_padded(salad_model, text_lm, tokenizer, examples):
    sequences = [example.sequence for example in examples]
    teacher = LiveTeacher(load_text_model(text_lm, dtype="float32", device="cpu"))
    token_ids, targets = [e.token_ids for e in examples], [s.targets for s in sequences]
    labels = torch.from_numpy(np.concatenate([example.labels() for example in examples]))
    assert (labels == tokenizer.eos_token_id).sum() == len(examples)
    requests = [LossRequest(teacher.distributions(token_ids, targets, CPU), labels, 0.7)]
    padded, of_padded = loss_and_gradients(salad_model, collate_sequences(sequences), requests)
    packed, of_packed = loss_and_gradients(salad_model, pack_sequences(sequences), requests)
    places = sum(len(sequence) for sequence in sequences)
    assert pack_sequences(sequences)["input_ids"].shape == (1, places)
    assert collate_sequences(sequences)["input_ids"].numel() > places
    torch.testing.assert_close(packed.loss / len(labels), padded.loss / len(labels), rtol=0, atol=1e-5)
    for span, length in enumerate(pack_sequences(sequences)["speech_lengths"]):
        heard = [outputs.speech_vectors[span, :length] for outputs in (packed, padded)]
        torch.testing.assert_close(*heard, rtol=0, atol=1e-5)
    assert of_packed.keys() == of_padded.keys()
    for name in of_packed:
        torch.testing.assert_close(of_packed[name], of_padded[name], rtol=1e-3, atol=1e-5)


def test_a_packed_row_sees_nothing_of_the_one_before(salad_model, examples):
    first, *others = [example.sequence for example in examples]
    alone = salad_model(**pack_sequences(others)).logits
    behind = salad_model(**pack_sequences([first, *others])).logits[len(first.positions) :]
    torch.testing.assert_close(behind, alone, rtol=0, atol=1e-5)


def test_a_packed_live_teacher_says_what_a_padded_one_says(text_lm, examples):
    model = load_text_model(text_lm, dtype="float32", device="cpu")
    arguments = [example.token_ids for example in examples], [example.sequence.targets for example in examples], CPU
    padded, packed = (LiveTeacher(model, 1.0, packed).distributions(*arguments) for packed in (False, True))
    torch.testing.assert_close(packed.hidden, padded.hidden, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rows", [512, 500, 7])
def test_micro_batches_are_balanced_and_every_row_is_in_one(rows):
    lengths = np.random.default_rng(0).integers(10, 400, size=rows)
    order = balance_lengths(lengths, batch=32, micro=8, window=4, seed=[0])
    assert sorted(order) == list(range(rows))
    assert (order == balance_lengths(lengths, batch=32, micro=8, window=4, seed=[0])).all()
    if rows == 512:
        sums = lengths[order].reshape(-1, 8).sum(axis=1)
        assert sums.max() / sums.min() < 1.1
        chance = lengths.reshape(-1, 8).sum(axis=1)
        assert chance.max() / chance.min() > 2


def test_the_same_rows_make_a_step_in_one_process_or_two():
    lengths = np.random.default_rng(1).integers(10, 400, size=256)
    one, two = (balance_lengths(lengths, 16, micro, 16, [3]).reshape(-1, 16) for micro in (16, 8))
    assert [set(step) for step in one.tolist()] == [set(step) for step in two.tolist()]


def test_a_decoder_that_does_not_tell_packed_texts_apart_is_refused(text_lm):
    check_packing(load_text_model(text_lm, dtype="float32", device="cpu"))
    bloom = BloomForCausalLM(BloomConfig(vocab_size=50, hidden_size=16, n_layer=1, n_head=2))
    with pytest.raises(SaladError, match="see each other"):
        check_packing(bloom)
