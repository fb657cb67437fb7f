"""Packed rows against padded ones: the same losses and gradients, to rounding."""

import copy

import numpy as np
import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM, TrainerCallback

from saladkit.batches import place_on_lines
from saladkit.errors import SaladError
from saladkit.formats.frames_cache import FramesCache
from saladkit.model.loading import load_text_model, may_pack
from saladkit.rows.batched_sequences import collate_sequences, pack_sequences
from saladkit.rows.frame_sources import WholeRecordings
from saladkit.rows.schedule import StepShape, TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.training_sources import open_speech, open_text
from saladkit.settings.distill import DistillSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.teacher.head import LossRequest
from saladkit.teacher.signals import LiveTeacher
from saladkit.training.loop import training_arguments
from saladkit.training.trainer import SaladTrainer

CPU, LAYOUT = torch.device("cpu"), SequenceLayout(100, 8)


@pytest.fixture(scope="module")
def sources(speech, world, frames_cache, tokenizer):
    """Speech and replay."""
    heard = open_speech(WeightedPath(str(speech)), tokenizer, LogMelFrontEnd(bins=16), frames_caches=[frames_cache])
    read = open_text(WeightedPath(str(world / "pool.parquet")), tokenizer)
    assert isinstance(heard.frames, WholeRecordings) and isinstance(heard.frames.recordings, FramesCache)
    return [heard, read]


@pytest.fixture(scope="module")
def examples(sources):
    """Twelve examples, of speech and of replay."""
    settings = DistillSettings(data=("speech",), max_steps=1, text_words=(2, 5), speech_words=(2, 5))
    schedule = TrainingSchedule(sources, LAYOUT, settings, StepShape(12))
    chosen = [schedule[index].examples[0] for index in range(12)]
    assert {example.replay for example in chosen} == {True, False}
    return chosen


def lines_of(sequences):
    """Sequences on lines about as long as the longest."""
    lengths = [len(sequence) for sequence in sequences]
    return [[sequences[index] for index in line] for line in place_on_lines(lengths, 1.0)]


def loss_and_gradients(model, batch, requests):
    model = copy.deepcopy(model).train()
    outputs = model(**batch, requests=requests)
    (outputs.loss / len(requests[0])).backward()
    return outputs, {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("lines", ["one line", "several lines"])
def test_packed_equals_padded(lines, salad_model, text_lm, tokenizer, examples):
    placed = [[e.sequence for e in examples]] if lines == "one line" else lines_of([e.sequence for e in examples])
    sequences = [sequence for line in placed for sequence in line]
    by_sequence = {id(example.sequence): example for example in examples}
    rows = [by_sequence[id(sequence)] for sequence in sequences]
    token_ids, targets = [row.token_ids for row in rows], [sequence.targets for sequence in sequences]
    teacher = LiveTeacher(load_text_model(text_lm, dtype="float32", device="cpu"))
    labels = torch.from_numpy(np.concatenate([row.labels() for row in rows]))
    assert (labels == tokenizer.eos_token_id).sum() == len(examples)
    requests = [LossRequest(teacher.distributions(token_ids, targets, CPU), labels, 0.7)]
    padded, of_padded = loss_and_gradients(salad_model, collate_sequences(sequences), requests)
    batch = pack_sequences(placed)
    packed, of_packed = loss_and_gradients(salad_model, batch, requests)
    assert len(batch["input_ids"]) == len(placed) < len(sequences)
    assert "position_ids" in batch and "position_ids" not in collate_sequences(sequences)
    assert batch["input_ids"].numel() < collate_sequences(sequences)["input_ids"].numel()
    torch.testing.assert_close(packed.loss / len(labels), padded.loss / len(labels), rtol=0, atol=1e-5)
    for span, length in enumerate(batch["speech_lengths"]):
        heard = [outputs.speech_vectors[span, :length] for outputs in (packed, padded)]
        torch.testing.assert_close(*heard, rtol=0, atol=1e-5)
    assert of_packed.keys() == of_padded.keys()
    for name in of_packed:
        torch.testing.assert_close(of_packed[name], of_padded[name], rtol=1e-3, atol=1e-5)


def test_a_packed_row_sees_nothing_of_the_one_before(salad_model, examples):
    first, *others = [example.sequence for example in examples]
    alone = salad_model(**pack_sequences([others])).logits
    behind = salad_model(**pack_sequences([[first, *others]])).logits[len(first.positions) :]
    torch.testing.assert_close(behind, alone, rtol=0, atol=1e-5)


class KeepGradients(TrainerCallback):
    """Keep the gradients of each step, and its losses."""

    def __init__(self):
        self.gradients = []

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        found = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
        self.gradients.append(found)


@pytest.mark.parametrize("further", [{}, {"window": 256}], ids=["rows", "windows"])
def test_a_step_weighs_its_rows_alike_however_they_are_batched(
    further, sources, salad_model, text_lm, tokenizer, tmp_path
):
    """Four micro-batches of four rows of two sources, or of two windows: the same loss and the same gradients."""
    found = {}
    for batching, micro, accumulation in (("padded", 4, 4), ("packed", 4, 4), ("padded", 16, 1), ("packed", 2, 8)):
        sizes = {"per_device_train_batch_size": micro, "gradient_accumulation_steps": accumulation}
        spans = {"text_words": (2, 5), "speech_words": (2, 5)}
        settings = DistillSettings(
            data=("speech",),
            max_steps=2,
            logging_steps=1,
            save_steps=1,
            lexical_weight=0.5,
            warmup_steps=1000,
            **sizes,
            **spans,
            **further,
        )
        shape = StepShape(micro, accumulation, packed=batching == "packed")
        kept = KeepGradients()
        trainer = SaladTrainer(
            teacher=LiveTeacher(load_text_model(text_lm, dtype="float32", device="cpu"), packed=batching == "packed"),
            settings=settings,
            sources=[source.name for source in sources],
            packed=batching == "packed",
            model=copy.deepcopy(salad_model),
            args=training_arguments(settings, tmp_path / f"{batching}-{micro}", "cpu"),
            train_dataset=TrainingSchedule(sources, LAYOUT, settings, shape),
            callbacks=[kept],
        )
        trainer.train()
        log = [entry for entry in trainer.state.log_history if "loss" in entry]
        found[batching, micro] = log, kept.gradients
    (log, gradients), *others = found.values()
    assert {name for name, count in log[0].items() if name.startswith("rows of") and count} == {
        f"rows of {source.name}" for source in sources
    }
    for other_log, other_gradients in others:
        for entry, other in zip(log, other_log, strict=True):
            for name in ("loss", "distillation", "lexical"):
                assert other[name] == pytest.approx(entry[name], abs=1e-5)
        for step, other in zip(gradients, other_gradients, strict=True):
            for name in step:
                torch.testing.assert_close(other[name], step[name], rtol=1e-3, atol=1e-5)


def test_a_packed_live_teacher_says_what_a_padded_one_says(text_lm, examples):
    model = load_text_model(text_lm, dtype="float32", device="cpu")
    arguments = [example.token_ids for example in examples], [example.sequence.targets for example in examples], CPU
    padded, packed = (LiveTeacher(model, 1.0, packed).distributions(*arguments) for packed in (False, True))
    torch.testing.assert_close(packed.hidden, padded.hidden, rtol=0, atol=1e-5)


def test_a_decoder_that_does_not_tell_packed_texts_apart_is_padded(text_lm):
    model = load_text_model(text_lm, dtype="float32", device="cpu")
    bloom = BloomForCausalLM(BloomConfig(vocab_size=50, hidden_size=16, n_layer=1, n_head=2))
    assert [may_pack(batching, model) for batching in ("auto", "packed", "padded")] == [True, True, False]
    assert [may_pack(batching, bloom) for batching in ("auto", "padded")] == [False, False]
    with pytest.raises(SaladError, match="see each other"):
        may_pack("packed", bloom)
