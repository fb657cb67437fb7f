"""The classes of the lexical loss: the tokens of texts with speech, and no others."""

import copy
import math

import numpy as np
import pytest
import torch

from saladkit.rows.schedule import StepShape, TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.training_sources import open_speech, open_text
from saladkit.settings.distill import DistillSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.training.lexical_loss import NEARNESS, SHARPNESS
from saladkit.training.loop import training_arguments
from saladkit.training.spoken_tokens import SpokenTokens
from saladkit.training.trainer import SaladTrainer


@pytest.fixture(scope="module")
def sources(speech, world, frames_cache, tokenizer):
    """Speech, and replay whose texts have other tokens too."""
    heard = open_speech(WeightedPath(str(speech)), tokenizer, LogMelFrontEnd(bins=16), frames_caches=[frames_cache])
    return [heard, open_text(WeightedPath(str(world / "pool.parquet")), tokenizer)]


def of_texts(source):
    return {int(token) for text in source.texts for token in text.token_ids}


def test_the_classes_are_the_tokens_of_spoken_texts(sources):
    heard, read = sources
    spoken = SpokenTokens.of(sources)
    assert of_texts(read) - of_texts(heard)
    assert spoken.token_ids.tolist() == sorted(of_texts(heard))
    assert len(SpokenTokens.of([read])) == 0


def test_places_are_those_among_the_classes():
    spoken = SpokenTokens(torch.tensor([2, 3, 30, 41]))
    named = torch.tensor([[41, -1, 2], [3, 30, -1]])
    assert spoken.places(named).tolist() == [[3, -1, 0], [1, 2, -1]]
    assert spoken.places(named[:0]).shape == (0, 3)


def test_a_training_tells_spoken_tokens_from_each_other_alone(sources, salad_model, tmp_path):
    """The logged loss of a first step, against a loop over the model's own vectors, without the tokens of replay."""
    settings = DistillSettings(
        data=("speech",), max_steps=2, lexical_steps=1, lexical_weight=1.0, logging_steps=1, save_steps=1
    )
    schedule = TrainingSchedule(sources, SequenceLayout(100, 8), settings, StepShape(3))
    student, untrained = copy.deepcopy(salad_model), copy.deepcopy(salad_model).eval()
    trainer = SaladTrainer(
        teacher=None,
        settings=settings,
        sources=[source.name for source in sources],
        packed=False,
        model=student,
        args=training_arguments(settings, tmp_path, "cpu"),
        train_dataset=schedule,
    )
    batch = trainer.data_collator([schedule[index] for index in range(3)])
    trainer.get_batch_samples(iter([batch]), 1, torch.device("cpu"))
    with torch.no_grad():
        got = trainer.compute_loss(student, batch).item()
        vectors = untrained(**batch["model"], requests=[]).speech_vectors.double().numpy()
    table = untrained.get_input_embeddings().weight.detach().double().numpy()
    classes = sorted(of_texts(sources[0]))
    by_token: dict[int, list[float]] = {}
    for span, place in (batch["lexical_targets"] >= 0).nonzero().tolist():
        token, vector = int(batch["lexical_targets"][span, place]), vectors[span, place]
        cosines = {c: vector @ table[c] / np.linalg.norm(vector) / np.linalg.norm(table[c]) for c in classes}
        everything = math.log(math.fsum(math.exp(SHARPNESS * value) for value in cosines.values()))
        loss = everything - SHARPNESS * cosines[token] + NEARNESS * (1 - cosines[token])
        by_token.setdefault(token, []).append(loss)
    total = math.fsum(math.fsum(losses) / math.sqrt(len(losses)) for losses in by_token.values())
    assert len(classes) < len(table) and len(by_token) > 5
    assert got == pytest.approx(total / math.fsum(math.sqrt(len(losses)) for losses in by_token.values()), rel=1e-4)
