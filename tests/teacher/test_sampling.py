"""Systematic draws against counting points on the cumulative distribution one by one."""

import torch

from saladkit.teacher.distributions import SampledDistributions, dense_from_logits
from saladkit.teacher.losses import forward_kl
from saladkit.teacher.sampling import draw_from_masses

VOCABULARY = 31


def draw_logits(seed, positions, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(positions, VOCABULARY, generator=generator, dtype=dtype)


def one_by_one(probs, draws, uniform):
    """The token under each point."""
    counts, token, reached = {}, 0, probs[0]
    for draw in range(draws):
        while (draw + uniform) / draws >= reached:
            token += 1
            reached += probs[token]
        counts[token] = counts.get(token, 0) + 1
    return counts


def test_the_draws_are_the_tokens_under_the_points():
    logits, uniforms = draw_logits(0, 40), torch.rand(40, dtype=torch.float64)
    distinct, ids, counts = draw_from_masses(torch.softmax(logits, -1), 17, uniforms)
    assert (distinct.dtype, ids.dtype, counts.dtype) == (torch.uint8, torch.int32, torch.uint8)
    at = 0
    for position in range(40):
        expected = one_by_one(torch.softmax(logits[position], -1).tolist(), 17, uniforms[position].item())
        end = at + int(distinct[position])
        assert dict(zip(ids[at:end].tolist(), counts[at:end].tolist(), strict=True)) == expected
        at = end
    assert at == len(ids)
    assert counts.sum() == 40 * 17


def as_distributions(distinct, ids, counts):
    split = [x.split(distinct.tolist()) for x in (ids.long(), counts.double())]
    padded = [torch.nn.utils.rnn.pad_sequence(x, batch_first=True) for x in split]
    return SampledDistributions(padded[0], padded[1] / padded[1].sum(dim=-1, keepdim=True))


def test_loss_and_gradient_are_unbiased():
    # The shares are a step function of the shift, so evenly spaced shifts find their mean: to one step each.
    logits, draws, shifts = draw_logits(1, 1), 6, 4000
    uniforms = (torch.arange(shifts, dtype=torch.float64) + 0.5) / shifts
    drawn = as_distributions(*draw_from_masses(torch.softmax(logits, -1).repeat(shifts, 1), draws, uniforms))
    student = draw_logits(2, 1).requires_grad_()
    loss = forward_kl(drawn, student.expand(shifts, -1)).mean()
    dense = dense_from_logits(logits)
    exact = forward_kl(dense, student).sum() + torch.special.entr(dense.log_probs.exp()).sum()
    (found,), (expected,) = torch.autograd.grad(loss, student), torch.autograd.grad(exact, student)
    assert abs(loss - exact) < 20 * VOCABULARY / shifts / draws
    assert (found - expected).abs().max() < 4 / shifts / draws
    one = as_distributions(*draw_from_masses(torch.softmax(logits, -1), draws, uniforms[:1]))
    (of_one,) = torch.autograd.grad(forward_kl(one, student).sum(), student)
    assert (of_one - expected).abs().max() > 0.01  # a single sample is far from it


def test_what_has_no_probability_is_never_drawn():
    logits = draw_logits(3, 500, torch.float32)
    logits[:, 20:] = -torch.inf
    logits[:, 0] = -torch.inf
    for uniform in (0.0, 1 - 1e-9):
        _, ids, _ = draw_from_masses(torch.softmax(logits, -1), 255, torch.full((500,), uniform))
        assert 0 < ids.min() and ids.max() < 20
