"""Modality tokens: where sequences have them, what they change, and that they are trained."""

import numpy as np
import pytest
import soundfile
import torch

from saladkit.formats.words import Word
from saladkit.model.loading import load_processor, load_salad_model
from saladkit.rows.interleaving import Span, whole_text
from saladkit.rows.prompt_sequences import close_speech, join_parts
from saladkit.rows.sequences import SPEECH_FOLLOWS, TEXT_FOLLOWS, SequenceLayout, build_sequence, cut_speech
from saladkit.rows.tokens import TokenizedText

LAYOUT = SequenceLayout(100, 8, modality_tokens=True)
TEXT = TokenizedText(np.arange(10, 16, dtype=np.int32), np.arange(7), np.ones(7, dtype=bool), 0)
WORDS = [Word(f"w{i}", 0.16 * i, 0.16 * (i + 1)) for i in range(6)]  # two vectors each
FRAMES = np.zeros((96, 3), dtype=np.float16)


def laid_out(*spans):
    return build_sequence(TEXT, [Span(*span) for span in spans], WORDS, FRAMES, LAYOUT)


def test_a_token_stands_where_the_modality_changes():
    row = laid_out((False, 0, 2), (True, 2, 4), (False, 4, 6))
    assert row.input_ids.tolist() == [10, 11, SPEECH_FOLLOWS, 0, 0, 0, 0, TEXT_FOLLOWS, 14, 15]
    assert row.speech_mask.tolist() == [False] * 3 + [True] * 4 + [False] * 3
    assert list(zip(row.positions.tolist(), row.targets.tolist(), strict=True)) == [(0, 1), (7, 4), (8, 5), (9, 6)]


def test_a_row_that_begins_with_speech_begins_with_a_token_and_two_spans_share_one():
    row = laid_out((True, 0, 2), (True, 2, 4), (False, 4, 6))
    assert row.input_ids.tolist() == [SPEECH_FOLLOWS, *[0] * 8, TEXT_FOLLOWS, 14, 15]
    assert row.targets.tolist() == [4, 5, 6]


def test_what_is_only_read_is_what_the_text_llm_reads():
    row = build_sequence(TEXT, whole_text(6), [], None, LAYOUT)
    assert row.input_ids.tolist() == TEXT.token_ids.tolist()
    assert close_speech(row, LAYOUT) is row


def test_a_heard_prompt_ends_with_the_token_before_text():
    heard = laid_out((True, 0, 4))
    assert close_speech(heard, LAYOUT).input_ids.tolist() == [*heard.input_ids.tolist(), TEXT_FOLLOWS]
    assert close_speech(heard, SequenceLayout(100, 8)) is heard


@pytest.mark.parametrize("modality_tokens", [True, False])
def test_the_end_of_a_heard_row_is_predicted_where_a_spoken_prompt_is_answered(modality_tokens):
    layout = SequenceLayout(100, 8, modality_tokens)
    row = build_sequence(TEXT, [Span(True, 0, 6)], WORDS, FRAMES, layout)
    prompt = join_parts([], [cut_speech(TEXT, Span(True, 0, 6), WORDS, FRAMES, layout)], layout)
    assert row.input_ids.tolist() == prompt.input_ids.tolist()
    assert row.speech_mask.tolist() == prompt.speech_mask.tolist()
    assert (row.positions.tolist(), row.targets.tolist()) == ([len(prompt) - 1], [6])


@pytest.fixture(scope="module")
def marked(workshop, distill_arguments):
    from click.testing import CliRunner

    from saladkit.cli import main

    line = [*distill_arguments, "--modality-token", "-o", str(workshop / "marked")]
    result = CliRunner().invoke(main, line, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return workshop / "marked"


def test_both_vectors_learn_and_are_saved(marked):
    final, stable = (load_salad_model(path, dtype="float32", device="cpu") for path in (marked, marked / "stable"))
    assert final.config.modality_tokens
    moved = (final.modality_embeddings - stable.modality_embeddings).abs().sum(dim=1)
    assert (moved > 0).all()


def test_a_checkpoint_without_has_none(checkpoint):
    model = load_salad_model(checkpoint, dtype="float32", device="cpu")
    assert model.modality_embeddings is None
    assert not any("modality" in name for name in model.state_dict())


def test_questions_the_gap_and_stage_ii_go_on_with_them(
    marked, shell, speech, spoken_questions, text_lm, teacher_cache, tmp_path
):
    lines = [
        ["eval", marked, spoken_questions],
        ["gap", marked, speech, "--teacher", text_lm, "--text-words", 2, 5, "--speech-words", 2, 5],
        ["align", marked, "--data", speech, "--teacher", teacher_cache, "--max-steps", 2, "--warmup-steps", 0],
    ]
    for line in lines:
        result = shell(*line, "--device", "cpu", "-o", tmp_path / line[0])
        assert result.exit_code == 0, result.stderr
    assert load_salad_model(tmp_path / "align", dtype="float32", device="cpu").config.modality_tokens


def test_generate_answers_the_same_with_a_cache_and_without(marked, spoken_questions, tmp_path):
    model, processor = load_salad_model(marked, dtype="float32", device="cpu").eval(), load_processor(marked)
    rate = 16_000
    one, two = (np.random.default_rng(seed).normal(size=rate // (seed + 2)).astype(np.float32) / 9 for seed in (0, 1))
    soundfile.write(tmp_path / "one.wav", one, rate)
    inputs = processor(text=["<|audio|>", "<|audio|> is"], audio=[tmp_path / "one.wav", two], sampling_rate=rate)
    ids, marks = inputs["input_ids"], -inputs["modality_marks"]
    assert (marks == SPEECH_FOLLOWS).sum(dim=1).tolist() == [1, 1]
    assert (marks == TEXT_FOLLOWS).sum(dim=1).tolist() == [1, 1]
    assert marks[0, -1] == TEXT_FOLLOWS
    processor.batch_decode(ids)
    assert len(model.generate(**inputs, max_new_tokens=2, repetition_penalty=1.2, num_beams=2)) == 2
    answers = [model.generate(**inputs, max_new_tokens=6, do_sample=False, use_cache=use) for use in (True, False)]
    assert torch.equal(*answers)
    with torch.inference_mode():
        logits = model(**inputs).logits[:, -1]
    assert torch.equal(answers[0][:, ids.shape[1]], logits.argmax(dim=-1))
