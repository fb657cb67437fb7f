"""Responses written with a cache, in a batch that rows leave, against a loop that reads everything again."""

import numpy as np
import pytest
import torch

from saladkit.errors import SaladError
from saladkit.model.loading import load_text_model
from saladkit.model.salad import TextModel
from saladkit.rollouts.figures import repeated_grams
from saladkit.rollouts.generation import Response, write_responses
from saladkit.rollouts.prompts import Prompt
from saladkit.rollouts.sampling import Sampling
from saladkit.rollouts.second_pass import response_log_probs

MOST, SAMPLES = 12, 3
STOPS = frozenset(range(40, 80))  # of 400 tokens: some rows end early, some late, some by length


def prompt(token_ids):
    return Prompt(f"row{len(token_ids)}", len(token_ids), np.array(token_ids, dtype=np.int32), None, False)


def empty(prompts, sampling):
    ids = [f"{one.source_id}/{k}" for one in prompts for k in range(SAMPLES)]
    return [Response(id_, STOPS, sampling.random(id_), MOST) for id_ in ids]


@pytest.fixture(scope="module")
def prompts():
    random = np.random.default_rng(3)
    return [prompt(random.integers(80, 400, size)) for size in (2, 9, 5, 7)]


def slow_twin(model, token_ids, id_, sampling):
    """Tokens and log-probabilities, one token at a time without a cache, on the cumulative distribution in float64."""
    tokens, log_probs = [], []
    for uniform in sampling.random(id_).random(MOST):
        with torch.inference_mode():
            logits = (
                model(input_ids=torch.tensor([[*token_ids, *tokens]])).logits[0, -1].double() / sampling.temperature
            )
        probs = torch.softmax(logits, dim=-1).numpy()
        tokens.append(int(np.searchsorted(np.cumsum(probs), uniform, side="right")))
        log_probs.append(np.log(probs[tokens[-1]]))
        if tokens[-1] in STOPS:
            break
    return tokens, log_probs


def test_responses_are_those_of_a_loop_without_cache_or_batch(salad_model, prompts):
    sampling = Sampling(1.5, 1.0, 4)
    responses = empty(prompts, sampling)
    write_responses(salad_model, [one.sequence((), None, None) for one in prompts], responses, sampling)
    for place, response in enumerate(responses):
        tokens, log_probs = slow_twin(salad_model, prompts[place // SAMPLES].token_ids, response.id, sampling)
        assert response.tokens == tokens
        assert response.log_probs == pytest.approx(log_probs, abs=1e-4)
        assert response.has_stopped == (tokens[-1] in STOPS)
    lengths = {len(response.tokens) for response in responses}
    assert 1 <= min(lengths) < MOST == max(lengths)
    assert len(lengths) > 3


def test_the_second_pass_gives_the_samplers_log_probs(salad_model, prompts):
    sampling = Sampling(1.5, 0.9, 4)
    responses = empty(prompts, sampling)
    write_responses(salad_model, [one.sequence((), None, None) for one in prompts], responses, sampling)
    sequences = [
        prompts[place // SAMPLES].sequence(response.tokens[:-1], None, None) for place, response in enumerate(responses)
    ]
    found = response_log_probs(salad_model, sequences, [response.tokens for response in responses], sampling)
    for response, log_probs in zip(responses, found, strict=True):
        assert log_probs == pytest.approx(response.log_probs, abs=1e-4)
        assert log_probs.dtype == np.float32


def test_a_response_that_may_be_endless_costs_what_it_is_long(salad_model, prompts):
    """The random numbers of 10 ** 12 tokens, drawn ahead, would be 8 TB."""
    sampling = Sampling(1.5, 1.0, 4)
    short, endless = [Response("a", STOPS, sampling.random("a"), most) for most in (MOST * 20, 10**12)]
    for response in (short, endless):
        write_responses(salad_model, [prompts[0].sequence((), None, None)], [response], sampling)
    assert endless.has_stopped and endless.tokens == short.tokens


def test_logits_that_are_not_finite_are_an_error(text_lm, prompts):
    model = TextModel(load_text_model(text_lm, dtype="float32", device="cpu"))
    with torch.no_grad():
        model.language_model.model.norm.weight.fill_(torch.inf)
    sampling = Sampling(1.0, 1.0, 0)
    with pytest.raises(SaladError, match="not finite"):
        write_responses(model, [prompts[0].sequence((), None, None)], empty(prompts[:1], sampling), sampling)


@pytest.mark.parametrize(
    "responses, share",
    [
        ([[1, 2, 3]], 0.0),
        ([[1, 2, 3, 4, 5]], 0.0),
        ([[1] * 8], 4 / 5),
        ([[1, 2, 3, 4, 1, 2, 3, 4], [1, 2, 3, 4]], 1 / 6),
    ],
    ids=["short", "distinct", "one token", "two"],
)
def test_repeated_grams_are_counted_inside_a_response(responses, share):
    assert repeated_grams(responses) == pytest.approx(share)
