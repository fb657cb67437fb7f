"""The three functions of `saladkit.api` that are promised to stay."""

import inspect

import numpy as np
import pytest
import torch

from saladkit import api
from saladkit.errors import SaladError
from saladkit.model.loading import load_text_model
from saladkit.rows.tokens import tokenize


def test_their_signatures_stay():
    assert {name: list(inspect.signature(getattr(api, name)).parameters) for name in api.__all__} == {
        "load_checkpoint": ["folder", "device", "dtype"],
        "read_samples": ["source", "needed", "limit"],
        "teacher_kl": ["cache", "token_ids", "logits"],
    }


def test_samples_are_read(speech):
    table = api.read_samples(speech, needed=("id", "text", "audio"), limit=2)
    assert table.num_rows == 2 and {"id", "text", "audio", "words"} <= set(table.column_names)


def test_the_text_llm_itself_has_no_divergence_from_its_cache(world, text_lm, tokenizer, teacher_cache):
    text = api.read_samples(world / "natural.parquet", limit=1).column("text")[0].as_py()
    token_ids = tokenize(tokenizer, text).token_ids
    model = load_text_model(text_lm, dtype="float32", device="cpu").eval()
    with torch.no_grad():
        logits = model(torch.from_numpy(token_ids.astype(np.int64))[None]).logits[0]
    for asked in (logits[:-1], logits):  # with and without what follows the text
        found = api.teacher_kl(teacher_cache, token_ids, asked.requires_grad_())
        assert found.shape == (len(asked),)
        assert found.abs().max() < 1e-3  # the cache keeps float16
    for wrong in (logits[:-2], torch.cat([logits, logits])):
        with pytest.raises(SaladError, match=f"positions with logits for a text of {len(token_ids)} tokens"):
            api.teacher_kl(teacher_cache, token_ids, wrong)
    other = torch.zeros_like(logits, requires_grad=True)
    api.teacher_kl(teacher_cache, token_ids, other).sum().backward()
    assert other.grad.abs().sum() > 0


def test_a_text_that_the_cache_does_not_hold_is_refused(teacher_cache):
    with pytest.raises(SaladError, match="does not hold this text of 3 tokens"):
        api.teacher_kl(teacher_cache, np.array([1, 2, 3]), torch.zeros(2, 400))


def test_a_checkpoint_is_loaded_with_its_processor(checkpoint):
    model, processor = api.load_checkpoint(checkpoint)
    assert not model.training
    inputs = processor(text="The capital of")
    assert model.generate(**inputs, max_new_tokens=2, do_sample=False).shape[1] > inputs["input_ids"].shape[1]
