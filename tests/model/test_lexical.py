"""The lexical loss against loops; how a token's vectors become one is left to `pooled_vectors`."""

import math

import pytest
import torch

from saladkit.model.lexical import SHARPNESS, lexical_loss, pooled_vectors

PLACES = [(0, 0, 1, 4), (0, 2, 7, 10), (2, 3, 5, 0), (1, 6, 7, 4)]  # span, begin, end, token


def draw():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(3, 7, 5, generator=generator, dtype=torch.float64).requires_grad_()
    return vectors, torch.randn(11, 5, generator=generator, dtype=torch.float64).requires_grad_()


def test_the_lexical_loss_is_that_of_a_loop_over_tokens():
    vectors, embeddings = draw()
    span, begin, end, token = torch.tensor(PLACES).unbind(dim=1)
    loss = lexical_loss(vectors, embeddings, span=span, begin=begin, end=end, token=token)
    assert loss.shape == (len(PLACES),)
    pooled = pooled_vectors(vectors, span, begin, end).tolist()
    for index, (_, _, _, right) in enumerate(PLACES):
        scores = []
        for row in embeddings.tolist():
            product = math.fsum(x * y for x, y in zip(pooled[index], row, strict=True))
            scores.append(SHARPNESS * product / (math.hypot(*pooled[index]) * math.hypot(*row)))
        expected = math.log(math.fsum(math.exp(score) for score in scores)) - scores[right]
        assert loss[index].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)  # the loss is computed in float32


def test_a_token_is_named_from_its_own_vectors_alone():
    vectors, _ = draw()
    for s, b, e, _ in PLACES:
        one = [torch.tensor([value]) for value in (s, b, e)]
        elsewhere = torch.full_like(vectors, 1e3).detach()
        elsewhere[s, b:e] = vectors[s, b:e].detach()
        torch.testing.assert_close(
            pooled_vectors(elsewhere, *one), pooled_vectors(vectors, *one).detach(), rtol=0, atol=1e-9
        )
        same = torch.full_like(vectors, 2.5).detach()
        torch.testing.assert_close(pooled_vectors(same, *one), torch.full((1, 5), 2.5).double(), rtol=0, atol=1e-9)


def test_speech_moves_towards_text_and_text_stays():
    vectors, embeddings = draw()
    one = torch.tensor([1])
    lexical_loss(vectors, embeddings, span=one, begin=one, end=one + 2, token=one).sum().backward()
    assert embeddings.grad is None
    assert vectors.grad[1, 1:3].any()
    vectors.grad[1, 1:3] = 0
    assert not vectors.grad.any()
