"""Continuations scored in one row after their prompt, against a float64 twin that runs each alone and unpadded."""

import copy

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    GPTNeoXConfig,
    Lfm2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen2Config,
)

from saladkit.formats.frames_cache import FramesCache
from saladkit.formats.samples import words_from_row
from saladkit.model.loading import load_text_model
from saladkit.model.salad import TextModel
from saladkit.rows.interleaving import Span, whole_text
from saladkit.rows.prompt_sequences import common_beginning, join_parts, pad_at_front
from saladkit.rows.sequences import SequenceLayout, build_sequence
from saladkit.rows.tokens import tokenize
from saladkit.scoring.likelihood import can_share_rows, score_continuations
from saladkit.sources.samples import read_samples

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


def check(model, prompts, options, share_rows=True):
    assert len({len(prompt) for prompt in prompts}) > 1
    twin = copy.deepcopy(model).double()
    scores = score_continuations(model, prompts, options, 16, share_rows=share_rows)
    assert [len(of_row) for of_row in scores] == [len(of_row) for of_row in options]
    for prompt, of_row, found in zip(prompts, options, scores, strict=True):
        values = [score.log_likelihood for score in found]
        assert values == pytest.approx([naive_score(twin, prompt, option) for option in of_row], abs=2e-4)


def read_prompts(tokenizer):
    texts = [tokenize(tokenizer, text) for text in TEXTS]
    return [build_sequence(text, whole_text(len(text.splittable) - 1), [], None, None) for text in texts]


@pytest.fixture(scope="module")
def heard_prompts(speech, frames_cache, tokenizer):
    layout, frames = SequenceLayout(100, 8), FramesCache(frames_cache)
    prompts = []
    for place, row in enumerate(read_samples(speech, needed=["text", "words"], optional=[], limit=4).to_pylist()):
        text, words = tokenize(tokenizer, row["text"]), words_from_row(row)
        spans = [Span(True, 0, len(words))]
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


def test_options_of_one_token(salad_model, tokenizer):
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


def test_the_common_beginning_of_prompts_runs_once(salad_model, heard_prompts, tokenizer, monkeypatch):
    examples = tokenizer("A tomato is a berry\n\nA clock is a machine\n\n" * 4)["input_ids"]
    solved = tokenizer(" berry\n\n")["input_ids"]
    beginning = [examples, heard_prompts[0].spans[0], solved]
    questions = [
        [tokenizer("The clock had stopped")["input_ids"]],
        [heard_prompts[1].spans[0]],
        [tokenizer("Most")["input_ids"]],
        [heard_prompts[0].spans[0], tokenizer(" of us")["input_ids"]],
    ]
    prompts = [join_parts([], [*beginning, *question], SequenceLayout(100, 8)) for question in questions]
    shared = len(examples) + heard_prompts[0].spans[0].vectors + len(solved)
    assert common_beginning(prompts) == shared
    lengths, forward = [], type(salad_model).forward

    def counted(self, input_ids, **arguments):
        lengths.append(input_ids.shape[1])
        return forward(self, input_ids, **arguments)

    monkeypatch.setattr(type(salad_model), "forward", counted)
    score_continuations(salad_model, prompts, draw_options(3, 4), batch_size=2)
    assert lengths[0] == shared and sum(lengths[1:]) < shared
    monkeypatch.undo()
    check(salad_model, prompts, draw_options(3, 4))


def test_a_span_that_only_sounds_the_same_is_not_shared(heard_prompts):
    one, other = heard_prompts[0].spans[0], copy.copy(heard_prompts[0].spans[0])
    prompts = [join_parts([], [[1, 2], span, [3, 4]], SequenceLayout(100, 8)) for span in (one, other)]
    assert common_beginning(prompts) == 2
    assert common_beginning([prompts[0], prompts[0]]) == len(prompts[0]) - 1
    ends_in_speech = join_parts([], [[1, 2], one], SequenceLayout(100, 8))
    assert common_beginning([ends_in_speech, ends_in_speech]) == 2


def test_greedy_is_true_if_every_token_was_the_likeliest(salad_model, tokenizer):
    prompts = read_prompts(tokenizer)
    likeliest = []
    for prompt in prompts:
        ids = prompt.input_ids.tolist()
        for _ in range(3):
            logits = salad_model(input_ids=torch.tensor([ids])).logits[0, -1]
            ids.append(int(logits.argmax()))
        likeliest.append(ids[-3:])
    options = [[best, best[:1], [*best[:2], (best[2] + 1) % 290]] for best in likeliest]
    scores = score_continuations(salad_model, prompts, options, 16)
    assert [[score.greedy for score in of_row] for of_row in scores] == [[True, True, False]] * len(prompts)


SHAPE = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2}
WINDOWS = {  # whose texts are longer than what their layers see at once
    "Llama": (LlamaConfig, {"num_hidden_layers": 2}),
    "Mistral": (MistralConfig, {"num_hidden_layers": 2, "sliding_window": 6}),
    "Gemma 3": (Gemma3TextConfig, {"num_hidden_layers": 6, "head_dim": 8, "sliding_window": 6}),
    "Qwen2": (
        Qwen2Config,
        {"num_hidden_layers": 2, "use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1},
    ),
}


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("behind", [0, 20])
def test_other_text_llms_score_as_their_twins(kind, behind, tokenizer):
    configuration, further = WINDOWS[kind]
    torch.manual_seed(0)
    config = configuration(**SHAPE, **further, vocab_size=400, pad_token_id=0, bos_token_id=None, eos_token_id=0)
    model = TextModel(AutoModelForCausalLM.from_config(config).eval())
    beginning = np.random.default_rng(0).integers(1, 290, size=behind).tolist()
    prompts = [join_parts([], [[*beginning, *prompt.input_ids.tolist()]], None) for prompt in read_prompts(tokenizer)]
    check(model, prompts, draw_options(5, len(prompts)))


HYBRID = {
    "GPT-NeoX": (GPTNeoXConfig, {"num_hidden_layers": 2}),
    "Bloom (ALiBi)": (BloomConfig, {"n_layer": 2, "n_head": 4}),
    "LFM2 (convolutions)": (Lfm2Config, {"num_hidden_layers": 3, "full_attn_idxs": [1]}),
    "Mamba": (MambaConfig, {"num_hidden_layers": 2, "state_size": 4}),
}


@pytest.mark.parametrize("kind", HYBRID)
def test_models_without_usable_masks_score_options_one_by_one(kind, tokenizer):
    configuration, further = HYBRID[kind]
    torch.manual_seed(0)
    config = configuration(**SHAPE, **further, vocab_size=400, pad_token_id=0, bos_token_id=None, eos_token_id=0)
    model = TextModel(AutoModelForCausalLM.from_config(config).eval())
    share_rows = can_share_rows(model)
    assert share_rows is (kind == "GPT-NeoX")
    check(model, read_prompts(tokenizer), draw_options(5, len(TEXTS)), share_rows)


def test_a_model_s_own_kind_of_attention_is_looked_at_within_a_composite(tokenizer):
    """A Gemma 3 with image input: the settings of its language model are one level deeper."""
    torch.manual_seed(0)
    text = {**SHAPE, "num_hidden_layers": 6, "head_dim": 8, "sliding_window": 6, "vocab_size": 400}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Gemma3Config(text_config=text, vision_config=vision | {"image_size": 16, "patch_size": 8})
    model = TextModel(Gemma3ForConditionalGeneration(config).eval())
    check(model, read_prompts(tokenizer), draw_options(5, len(TEXTS)), can_share_rows(model))
