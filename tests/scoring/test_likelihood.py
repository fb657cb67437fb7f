"""Options scored behind one shared prompt against a twin in float64 that runs every option alone, unpadded."""

import copy

import numpy as np
import pytest
import torch
from tokenizers.normalizers import Replace

from saladkit.errors import SaladError
from saladkit.formats.columns import OUR_NAMES
from saladkit.formats.frames_cache import FramesCache
from saladkit.formats.samples import read_samples, words_from_row
from saladkit.model.interleaving import Span, whole_speech, whole_text
from saladkit.model.loading import load_text_model
from saladkit.model.salad import TextModel
from saladkit.model.sequence import SequenceLayout, build_sequence
from saladkit.model.text import tokenize
from saladkit.scoring.likelihood import pad_at_front, score_options
from saladkit.scoring.questions import lay_out_question, read_questions

TEXTS = ["The", "A tomato is a berry of", "The clock had stopped at noon and nobody in the house", "Most of us"]


def draw_options(seed, questions):
    """2 to 5 options of 1 to 4 tokens for each question; every length occurs."""
    random = np.random.default_rng(seed)
    options = [
        [random.integers(1, 290, size=random.integers(1, 5)).tolist() for _ in range(random.integers(2, 6))]
        for _ in range(questions)
    ]
    assert {len(option) for of_row in options for option in of_row} == {1, 2, 3, 4}
    return options


@torch.inference_mode()
def naive_score(model, prompt, option):
    """Sum of log P(token | prompt, tokens before), the whole sequence run for every option."""
    arguments = {"input_ids": torch.tensor([[*prompt.input_ids.tolist(), *option]])}
    if prompt.spans:
        mask = [*prompt.speech_mask.tolist(), *[False] * len(option)]
        longest = max(len(span.frames) for span in prompt.spans)
        frames = torch.zeros(len(prompt.spans), longest, prompt.spans[0].frames.shape[1])
        for index, span in enumerate(prompt.spans):
            frames[index, : len(span.frames)] = torch.from_numpy(span.frames)
        arguments |= {
            "speech_mask": torch.tensor([mask]),
            "speech_lengths": torch.tensor([span.vectors for span in prompt.spans]),
            "speech_frames": frames,
        }
    log_probs = torch.log_softmax(model(**arguments).logits[0].double(), dim=-1)
    return sum(log_probs[len(prompt) - 1 + place, token].item() for place, token in enumerate(option))


def check(model, prompts, options):
    assert len({len(prompt) for prompt in prompts}) > 1
    twin = copy.deepcopy(model).double()
    scores = score_options(model, prompts, options)
    assert [len(of_row) for of_row in scores] == [len(of_row) for of_row in options]
    for prompt, of_row, found in zip(prompts, options, scores, strict=True):
        assert found == pytest.approx([naive_score(twin, prompt, option) for option in of_row], abs=2e-4)


def read_prompts(tokenizer):
    texts = [tokenize(tokenizer, text) for text in TEXTS]
    return [build_sequence(text, whole_text(len(text.splittable) - 1), [], None, None) for text in texts]


@pytest.fixture(scope="module")
def heard_prompts(speech, frames_cache, tokenizer):
    layout, frames = SequenceLayout(100, 8), FramesCache(frames_cache)
    prompts = []
    for place, row in enumerate(read_samples(speech, needed=["text", "words"], optional=[], limit=4).to_pylist()):
        text, words = tokenize(tokenizer, row["text"]), words_from_row(row)
        spans = whole_speech(len(words))
        if place == 2:  # heard, read, heard
            cuts = [0, 3, 6, len(words)]
            spans = [Span(i != 1, begin, end) for i, (begin, end) in enumerate(zip(cuts, cuts[1:], strict=False))]
        prompts.append(build_sequence(text, spans, words, frames.row(row["id"]), layout))
    return prompts


@pytest.mark.parametrize("seed", range(3))
def test_a_text_llm_scores_as_its_twin(seed, text_lm, tokenizer):
    model = TextModel(load_text_model(text_lm, dtype="float32", device="cpu").eval())
    check(model, read_prompts(tokenizer), draw_options(seed, len(TEXTS)))


@pytest.mark.parametrize("seed", range(3))
def test_a_speech_adapted_model_scores_what_it_reads_as_its_twin(seed, salad_model, tokenizer):
    check(salad_model, read_prompts(tokenizer), draw_options(seed, len(TEXTS)))


@pytest.mark.parametrize("seed", range(3))
def test_a_speech_adapted_model_scores_what_it_hears_as_its_twin(seed, salad_model, heard_prompts):
    check(salad_model, heard_prompts, draw_options(seed, len(heard_prompts)))


def test_heard_and_read_prompts_in_one_batch(salad_model, heard_prompts, tokenizer):
    prompts = [read_prompts(tokenizer)[0], *heard_prompts, read_prompts(tokenizer)[2]]
    check(salad_model, prompts, draw_options(7, len(prompts)))


def test_options_of_one_token_need_no_second_run(salad_model, tokenizer):
    options = [[[5], [9]], [[1], [2], [3]], [[7], [8]], [[4], [6]]]
    check(salad_model, read_prompts(tokenizer), options)


def test_prompts_end_in_the_last_column(tokenizer):
    prompts = read_prompts(tokenizer)
    batch = pad_at_front(prompts)
    for row, prompt in enumerate(prompts):
        padding = batch["input_ids"].shape[1] - len(prompt)
        assert batch["input_ids"][row].tolist() == [0] * padding + prompt.input_ids.tolist()
        assert batch["attention_mask"][row].tolist() == [0] * padding + [1] * len(prompt)
        assert batch["position_ids"][row, padding:].tolist() == list(range(len(prompt)))


def test_choices_continue_the_prompt(world, tokenizer):
    for row in read_questions(str(world / "questions.parquet"), speech=False, names=OUR_NAMES, limit=6):
        question = lay_out_question(row, tokenizer, None, None, "questions")
        for choice, tokens in zip(row["choices"], question.choices, strict=True):
            whole = [*question.prompt.input_ids.tolist(), *tokens]
            assert tokenizer.decode(whole) == f"{row['text']} {choice}"
            assert tokenizer.decode(tokens) == f" {choice}"


def test_a_choice_that_adds_no_token_is_named(tokenizer):
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.backend_tokenizer.normalizer = Replace(" \u200b", "")
    row = {"id": "question-7", "text": "A tomato is", "choices": ["a berry", "\u200b"], "answer": 0}
    with pytest.raises(SaladError) as raised:
        lay_out_question(row, tokenizer, None, None, "questions.parquet")
    for named in ("questions.parquet", "'question-7'", repr("\u200b")):
        assert named in raised.value.problem
