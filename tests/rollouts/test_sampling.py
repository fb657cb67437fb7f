"""How tokens are drawn: by the distribution, from its top p, and the same in every batch."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import TopPLogitsWarper

from saladkit.rollouts.sampling import Sampling, top_p_tokens

LOGITS = torch.tensor([[1.0, -0.5, 0.3, 2.0, 0.0, -2.0, 1.2]])


def twin(logits, temperature, top_p, label=None):
    """The distribution in float64, token by token; -inf for tokens outside."""
    scores = logits.double().numpy() / temperature
    probs = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    kept, mass = set() if label is None else {label}, 0.0
    for id_ in np.argsort(-probs, kind="stable"):
        if mass < top_p:
            kept.add(int(id_))
        mass += probs[id_]
    total = sum(probs[id_] for id_ in kept)
    return np.array([np.log(probs[id_] / total) if id_ in kept else -np.inf for id_ in range(len(probs))])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_p", [1e-6, 0.3, 0.8, 1.0])
def test_distributions_are_those_of_a_twin(temperature, top_p):
    logits = torch.randn(9, 40, generator=torch.Generator().manual_seed(1)) * 3
    found = Sampling(temperature, top_p, 0).log_probs(logits)
    for row, scores in zip(found, logits, strict=True):
        assert row.numpy() == pytest.approx(twin(scores, temperature, top_p), abs=1e-4)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.99])
def test_the_top_p_is_that_of_transformers(top_p):
    logits = torch.randn(50, 30, generator=torch.Generator().manual_seed(2)) * 2
    kept = top_p_tokens(torch.softmax(logits, dim=-1), top_p)
    assert torch.equal(kept, torch.isfinite(TopPLogitsWarper(top_p)(None, logits.clone())))


def test_a_drawn_token_counts_as_part_of_the_top_p():
    """Rounding may move a token over the edge between the draw and the second pass: it never has probability 0."""
    sampling = Sampling(1.0, 0.5, 0)
    least = int(LOGITS.argmin())
    found = sampling.log_probs(LOGITS, torch.tensor([least]))[0]
    assert found.numpy() == pytest.approx(twin(LOGITS[0], 1.0, 0.5, least), abs=1e-5)


@pytest.mark.parametrize("temperature, top_p", [(1.0, 1.0), (0.6, 1.0), (1.0, 0.75)])
def test_drawn_tokens_follow_the_distribution(temperature, top_p):
    sampling, draws = Sampling(temperature, top_p, 7), 20_000
    uniforms = np.concatenate([sampling.random(f"row{index}").random(10) for index in range(draws // 10)])
    log_probs = sampling.log_probs(LOGITS).expand(draws, -1)
    found = sampling.draw(log_probs, torch.from_numpy(uniforms))
    counts = np.bincount(found, minlength=LOGITS.shape[1])
    expected = np.exp(twin(LOGITS[0], temperature, top_p)) * draws
    assert (counts[expected == 0] == 0).all()
    assert chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 0.001


def test_temperature_zero_takes_the_best_token_and_keeps_the_models_own_log_probs():
    sampling = Sampling(0.0, 1.0, 0)
    log_probs = sampling.log_probs(LOGITS)
    assert sampling.draw(log_probs, torch.tensor([0.999])).tolist() == [3]
    assert log_probs[0].numpy() == pytest.approx(twin(LOGITS[0], 1.0, 1.0), abs=1e-6)


def test_random_numbers_belong_to_seed_and_response():
    one, other = Sampling(1.0, 1.0, 0), Sampling(1.0, 1.0, 1)
    assert one.random("a/c3/k0").random(9)[:4].tolist() == one.random("a/c3/k0").random(4).tolist()
    assert set(one.random("a/c3/k0").random(9)).isdisjoint(one.random("a/c3/k1").random(9))
    assert set(one.random("a/c3/k0").random(9)).isdisjoint(other.random("a/c3/k0").random(9))
    assert ((one.random("x").random(1000) >= 0) & (one.random("x").random(1000) < 1)).all()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_tokens_that_the_tokenizer_lacks_are_never_drawn(temperature):
    logits = torch.zeros(50, 9)
    logits[:, 6:] = 20.0  # rows of the head that belong to no token
    sampling = Sampling(temperature, 1.0, 3, tokens=6)
    log_probs = sampling.log_probs(logits)
    assert log_probs.exp().sum(dim=-1) == pytest.approx(1.0)
    uniforms = torch.from_numpy(sampling.random("row").random(50))
    assert sampling.draw(log_probs, uniforms).max() < 6
