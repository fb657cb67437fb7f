"""Windows as one context: rows joined to one text and one sequence."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from saladkit.rows.batched_sequences import pack_sequences
from saladkit.rows.joined_rows import join_rows
from saladkit.rows.schedule import StepShape, TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import NO_LABEL
from saladkit.rows.training_sources import open_speech, open_text
from saladkit.settings.distill import DistillSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.speech.encoders.log_mel import LogMelFrontEnd

LAYOUT = SequenceLayout(100, 8)


@pytest.fixture(scope="module")
def windows(speech, world, frames_cache, tokenizer):
    """Windows of 256 positions, each one context."""
    heard = open_speech(WeightedPath(str(speech)), tokenizer, LogMelFrontEnd(bins=16), frames_caches=[frames_cache])
    read = open_text(WeightedPath(str(world / "pool.parquet")), tokenizer)
    spans = {"text_words": (2, 5), "speech_words": (2, 5)}
    settings = DistillSettings(data=("speech",), max_steps=4, window=256, window_context="window", **spans)
    schedule = TrainingSchedule([heard, read], LAYOUT, settings, StepShape(4))
    return [schedule[index] for index in range(len(schedule))]


def test_a_joined_window_is_its_rows_with_the_end_of_each_document_between_them(windows, tokenizer):
    for window in windows:
        joined = join_rows(window.examples)
        tokens, inputs, predicted = [], [], []
        for number, row in enumerate(window.examples):
            end = [tokenizer.eos_token_id] if number < len(window.examples) - 1 else []
            for position, target in zip(row.sequence.positions, row.sequence.targets, strict=True):
                predicted.append((len(inputs) + position, len(tokens) + target))
            tokens += row.token_ids.tolist() + end
            inputs += row.sequence.input_ids.tolist() + end
        assert joined.token_ids.tolist() == tokens
        assert joined.sequence.input_ids.tolist() == inputs
        assert list(zip(joined.sequence.positions, joined.sequence.targets, strict=True)) == predicted
        closed = [*tokens, tokenizer.eos_token_id]
        assert joined.labels().tolist() == [closed[target] for _, target in predicted]
        assert len(joined.sequence.spans) == sum(len(row.sequence.spans) for row in window.examples)
        assert joined.sequence.speech_mask.sum() == sum(span.vectors for span in joined.sequence.spans)


def test_joined_windows_hold_what_a_window_may(windows):
    lengths = [len(join_rows(window.examples).sequence) for window in windows]
    assert max(lengths) <= 256
    assert np.mean(lengths) > 0.9 * 256  # the few rows of the tests' world leave some room


def test_words_see_the_rows_before_them(windows, salad_model):
    model = copy.deepcopy(salad_model).eval()
    first, second = next(window.examples[:2] for window in windows if len(window.examples) > 1)
    apart = pack_sequences([[first.sequence, second.sequence]])
    joined = pack_sequences([[join_rows([first, second]).sequence]])
    with torch.no_grad():
        of_apart, of_joined = model(**apart).logits, model(**joined).logits
    count = len(first.sequence.targets)
    torch.testing.assert_close(of_joined[:count], of_apart[:count], rtol=0, atol=1e-5)
    assert (of_joined[count:] - of_apart[count:]).abs().max() > 1e-3


def test_nothing_is_predicted_where_nobody_knows_what_follows_a_row(windows):
    window = next(window for window in windows if len(window.examples) > 2)
    endless = [replace(row, following=None) for row in window.examples]
    joined, begins = join_rows(endless), np.cumsum([0, *(len(row.token_ids) for row in endless)])
    assert joined.token_ids.tolist() == [token for row in endless for token in row.token_ids]
    assert not set(joined.sequence.targets) & set(begins[:-1].tolist())
    assert joined.sequence.targets[-1] == begins[-1]  # of the last row only a teacher knows
    assert joined.labels()[-1] == NO_LABEL
    assert len(joined.sequence.positions) == sum(len(row.sequence.positions) - 1 for row in endless) + 1
