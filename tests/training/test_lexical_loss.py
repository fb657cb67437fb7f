"""The lexical loss against a loop, and which weights its gradient reaches."""

import math

import pytest
import torch

from saladkit.training.lexical_loss import NEARNESS, SHARPNESS, lexical_loss, named_times


def draw():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(3, 7, 5, generator=generator, dtype=torch.float64).requires_grad_()
    names = torch.full((3, 7), -1)
    names[0, 2:4], names[1, 5], names[2, 0:2], names[2, 6] = 4, 4, 10, 0
    return vectors, torch.randn(11, 5, generator=generator, dtype=torch.float64).requires_grad_(), names


def loss_of_one_batch(vectors, embeddings, names):
    return lexical_loss(vectors, embeddings, names, named_times([names], len(embeddings)))


def cosine(one: list[float], other: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


def test_the_lexical_loss_weighs_a_token_by_the_root_of_how_often_it_is_named():
    vectors, embeddings, names = draw()
    by_token: dict[int, list[float]] = {}
    for span, place in (names >= 0).nonzero().tolist():
        token = int(names[span, place])
        cosines = [cosine(vectors[span, place].tolist(), row) for row in embeddings.tolist()]
        everything = math.log(math.fsum(math.exp(SHARPNESS * value) for value in cosines))
        loss = everything - SHARPNESS * cosines[token] + NEARNESS * (1 - cosines[token])
        by_token.setdefault(token, []).append(loss)
    total = math.fsum(math.fsum(losses) / math.sqrt(len(losses)) for losses in by_token.values())
    expected = total / math.fsum(math.sqrt(len(losses)) for losses in by_token.values())
    assert len(by_token) == 3
    assert loss_of_one_batch(vectors, embeddings, names).item() == pytest.approx(expected, rel=1e-4)  # float32 inside


def test_the_losses_of_batches_add_up_to_the_steps():
    vectors, embeddings, names = draw()
    whole = loss_of_one_batch(vectors, embeddings, names)
    times = named_times([names[:1], names[1:]], len(embeddings))
    parts = [lexical_loss(vectors[part], embeddings, names[part], times) for part in (slice(0, 1), slice(1, 3))]
    assert sum(parts).item() == pytest.approx(whole.item(), rel=1e-6)
    assert all(part.item() > 0 for part in parts)


def test_speech_moves_towards_text_and_text_stays():
    vectors, embeddings, names = draw()
    loss_of_one_batch(vectors, embeddings, names).backward()
    assert embeddings.grad is None
    assert vectors.grad[names >= 0].any(dim=-1).all()
    assert not vectors.grad[names < 0].any()


def test_without_targets_there_is_nothing_to_learn():
    vectors, embeddings, names = draw()
    loss = loss_of_one_batch(vectors, embeddings, torch.full_like(names, -1))
    loss.backward()
    assert loss.item() == 0
    assert not vectors.grad.any()
