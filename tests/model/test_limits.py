"""What text LLMs of many architectures can read, tried on the models; and the longest row that speech can make."""

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BioGptConfig,
    BloomConfig,
    CTRLConfig,
    FalconConfig,
    Gemma3TextConfig,
    GPT2Config,
    GPTBigCodeConfig,
    GPTJConfig,
    GPTNeoConfig,
    LlamaConfig,
    MambaConfig,
    MptConfig,
    OpenAIGPTConfig,
    OPTConfig,
    Qwen2Config,
)

from saladkit.formats.words import Word
from saladkit.model.limits import limits_of
from saladkit.rows.interleaving import Span, draw_spans, may_cut
from saladkit.rows.readers import longest_row
from saladkit.rows.sequences import SequenceLayout, build_sequence
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.shared import Spans

TOKENS, POSITIONS = 40, 24
OLD = {"vocab_size": TOKENS, "n_embd": 32, "n_layer": 1, "n_head": 2}
NEW = {
    "vocab_size": TOKENS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": POSITIONS,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
LEARNED = {
    "GPT-2": GPT2Config(**OLD, n_positions=POSITIONS),
    "GPT": OpenAIGPTConfig(**OLD, n_positions=POSITIONS),
    "GPT BigCode": GPTBigCodeConfig(**OLD, n_positions=POSITIONS),
    "GPT-J": GPTJConfig(**OLD, n_positions=POSITIONS, rotary_dim=8),
    "GPT-Neo": GPTNeoConfig(
        vocab_size=TOKENS,
        hidden_size=32,
        num_layers=1,
        num_heads=2,
        attention_types=[[["global"], 1]],
        max_position_embeddings=POSITIONS,
    ),
    "OPT": OPTConfig(**NEW, ffn_dim=48, word_embed_proj_dim=32),
    "BioGPT": BioGptConfig(**NEW),
    "MPT": MptConfig(vocab_size=TOKENS, d_model=32, n_layers=1, n_heads=2, max_seq_len=POSITIONS),
    "CTRL": CTRLConfig(**OLD, n_positions=POSITIONS, dff=48),
}
COMPUTED = {
    "Qwen2": Qwen2Config(**NEW, num_key_value_heads=1),
    "Llama": LlamaConfig(**NEW),
    "Gemma 3": Gemma3TextConfig(**NEW, num_key_value_heads=1, head_dim=8),
    "Falcon": FalconConfig(**NEW),
    "Bloom": BloomConfig(vocab_size=TOKENS, hidden_size=32, n_layer=1, n_head=2),
    "Mamba": MambaConfig(vocab_size=TOKENS, hidden_size=32, num_hidden_layers=1, state_size=4),
}


@torch.no_grad()
def reads(model, length):
    try:
        model(input_ids=torch.zeros(1, length, dtype=torch.int64))
    except (IndexError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize("kind", [*LEARNED, *COMPUTED])
def test_a_model_s_limits_are_where_it_breaks(kind):
    config = (LEARNED | COMPUTED)[kind]
    limits = limits_of(config, kind)
    assert limits.vocabulary == TOKENS
    assert limits.positions == (POSITIONS if kind in LEARNED else None)
    model = AutoModelForCausalLM.from_config(config).eval()
    assert reads(model, POSITIONS)
    assert reads(model, POSITIONS + 1) == (limits.why_not([0] * (POSITIONS + 1)) is None)
    assert limits.why_not([TOKENS - 1]) is None
    assert f"token {TOKENS}, and {kind} knows {TOKENS}" in limits.why_not([3, TOKENS, 5])


def test_the_length_of_a_text_is_that_of_the_option_or_of_the_model():
    learned, computed = limits_of(LEARNED["GPT-2"], "a"), limits_of(COMPUTED["Qwen2"], "b")
    assert [learned.at_most(length) for length in (None, 10, 100)] == [None, 10, POSITIONS]
    assert [computed.at_most(length) for length in (None, 10, 100)] == [None, 10, 100]


@pytest.mark.parametrize("modality_tokens", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_no_interleaving_is_longer_than_the_longest_row(seed, modality_tokens):
    random = np.random.default_rng(seed)
    count, layout = 20, SequenceLayout(100, 8, modality_tokens)
    tokens = np.concatenate([[1], 1 + np.cumsum(random.integers(1, 6, count))])
    splittable = random.random(count + 1) > 0.2
    text = TokenizedText(np.arange(tokens[-1], dtype=np.int32), tokens, splittable, 1)
    times = np.cumsum(random.uniform(0.05, 0.6, 2 * count))
    words = [Word(f"w{i}", float(times[2 * i]), float(times[2 * i + 1])) for i in range(count)]
    if seed % 2:
        words[0] = Word("w0", None, None)
        words[-1] = Word("w", None, None)
    frames = np.zeros((int(times[-1] * 100) + 30, 4), dtype=np.float32)
    longest = longest_row(text, words, len(frames), layout)
    allowed, found = may_cut(text, words), []
    for lengths in ((1, 1), (1, 4), (3, 8)):
        spans = Spans(text_words=lengths, speech_words=lengths)
        for _ in range(30):
            drawn = draw_spans(allowed, spans, random, text_first=0.5)
            found.append(len(build_sequence(text, drawn, words, frames, layout)))
    found.append(len(build_sequence(text, [Span(True, 0, count)], words, frames, layout)))
    assert 0.6 * longest < max(found) <= longest
