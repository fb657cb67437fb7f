"""The losses against slow twins: loops over float64 numbers, classes merged one by one."""

import math

import pytest
import torch

from saladkit.teacher.distributions import DenseDistributions, TopKDistributions, dense_from_logits, top_k_from_logits
from saladkit.teacher.losses import DIVERGENCES, divergence, forward_kl

POSITIONS, VOCABULARY = 6, 23


def draw_logits(seed, spread=3.0, positions=POSITIONS, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(positions, VOCABULARY, generator=generator, dtype=torch.float64).to(dtype)


def softmax(logits):
    """Probabilities of one position, from a list of logits."""
    top = max(logits)
    weights = [math.exp(value - top) for value in logits]
    return [weight / math.fsum(weights) for weight in weights]


def merged_kl(teacher_logits, student_logits, kept):
    """KL after all tokens outside `kept` have become one class; and its gradient in the student's logits."""
    p, q = softmax(teacher_logits), softmax(student_logits)
    rest = [token for token in range(len(p)) if token not in kept]
    classes = [[token] for token in kept] + ([rest] if rest else [])
    divergence, gradient = [], list(q)  # d(-sum P log Q)/dz_j = q_j - sum over classes of P(class) * q_j / Q(class)
    for members in classes:
        of_teacher, of_student = math.fsum(p[m] for m in members), math.fsum(q[m] for m in members)
        divergence.append(of_teacher * (math.log(of_teacher) - math.log(of_student)))
        for member in members:
            gradient[member] -= of_teacher * q[member] / of_student
    return math.fsum(divergence), gradient


@pytest.mark.parametrize("k", [1, 2, 7, VOCABULARY - 1, VOCABULARY])
def test_top_k_kl_and_its_gradient_are_those_of_merged_classes(k):
    teacher, student = draw_logits(0), draw_logits(1).requires_grad_()
    divergence = forward_kl(top_k_from_logits(teacher, k), student)
    divergence.sum().backward()
    for position in range(POSITIONS):
        logits = teacher[position].tolist()
        kept = sorted(range(VOCABULARY), key=lambda token, logits=logits: -logits[token])[:k]
        expected, gradient = merged_kl(logits, student[position].tolist(), kept)
        assert divergence[position].item() == pytest.approx(expected, rel=1e-12, abs=1e-13)
        assert student.grad[position].tolist() == pytest.approx(gradient, rel=1e-11, abs=1e-13)


def test_dense_kl_and_its_gradient_are_exact():
    teacher, student = draw_logits(2), draw_logits(3).requires_grad_()
    divergence = forward_kl(dense_from_logits(teacher), student)
    divergence.sum().backward()
    for position in range(POSITIONS):
        expected, gradient = merged_kl(teacher[position].tolist(), student[position].tolist(), range(VOCABULARY))
        assert divergence[position].item() == pytest.approx(expected, rel=1e-12)
        assert student.grad[position].tolist() == pytest.approx(gradient, rel=1e-11, abs=1e-13)


def test_more_kept_tokens_bring_the_kl_up_to_the_exact_one():
    teacher, student = draw_logits(4, positions=200), draw_logits(5, positions=200)
    by_k = [forward_kl(top_k_from_logits(teacher, k), student) for k in range(1, VOCABULARY + 1)]
    for fewer, more in zip(by_k, by_k[1:], strict=False):
        assert (fewer <= more + 1e-12).all()
    torch.testing.assert_close(by_k[-1], forward_kl(dense_from_logits(teacher), student), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("drop", [10.0, 27.6, 60.0])  # 27.6: a tail of 1e-12 beside a head of 1
def test_a_tail_far_below_rounding_keeps_its_digits(dtype, drop):
    teacher = draw_logits(6, spread=1.0, dtype=dtype)
    teacher[:, 5:] -= drop
    student = draw_logits(7, spread=1.0, dtype=dtype)
    student[:, 5:] -= drop / 2
    sparse = top_k_from_logits(teacher, 5)
    assert torch.equal(sparse.kept_ids.sort(dim=-1).values, torch.arange(5).expand(POSITIONS, 5))
    digits = 1e-5 if dtype is torch.float32 else 1e-12
    student.requires_grad_()
    divergence = forward_kl(sparse, student)
    divergence.sum().backward()
    for position in range(POSITIONS):
        p = softmax(teacher[position].double().tolist())
        assert sparse.log_tail[position].item() == pytest.approx(math.log(math.fsum(p[5:])), rel=digits)
        expected, gradient = merged_kl(
            teacher[position].double().tolist(), student[position].double().tolist(), range(5)
        )
        assert divergence[position].item() == pytest.approx(expected, rel=10 * digits, abs=digits)
        assert student.grad[position].tolist() == pytest.approx(gradient, rel=10 * digits, abs=digits)


def test_zero_only_where_student_and_teacher_agree():
    teacher = draw_logits(8)
    for signal in (dense_from_logits(teacher), top_k_from_logits(teacher, 4)):
        assert forward_kl(signal, teacher + 5.0).abs().max() < 1e-14
    sparse = top_k_from_logits(teacher, 4)
    one_kept_moved = teacher.clone().scatter_add(1, sparse.kept_ids[:, 2:3], torch.full((POSITIONS, 1), 0.5).double())
    assert forward_kl(sparse, one_kept_moved).min() > 1e-8
    # Inside the tail the student may do as it likes; the tail's mass must stay.
    tail = torch.ones_like(teacher, dtype=torch.bool).scatter(1, sparse.kept_ids, False)
    swapped = teacher.clone()
    for position in range(POSITIONS):
        swapped[position, tail[position]] = teacher[position, tail[position]].flip(0)
    assert forward_kl(sparse, swapped).abs().max() < 1e-14
    assert forward_kl(dense_from_logits(teacher), swapped).min() > 1e-8
    assert forward_kl(sparse, torch.where(tail, teacher + 0.5, teacher)).min() > 1e-8


@pytest.mark.parametrize("k", [1, 8, VOCABULARY])
def test_never_negative_beyond_rounding_in_float32(k):
    teacher = draw_logits(9, spread=4.0, positions=5000, dtype=torch.float32)
    nearly = teacher + 1e-3 * draw_logits(10, positions=5000, dtype=torch.float32)
    assert forward_kl(top_k_from_logits(teacher, k), nearly).min() > -1e-6
    assert forward_kl(dense_from_logits(teacher), nearly).min() > -1e-6


def test_a_token_that_the_teacher_rules_out_costs_nothing_and_spoils_no_gradient():
    teacher = draw_logits(11)
    teacher[:, 3] = -math.inf
    for signal in (dense_from_logits(teacher), top_k_from_logits(teacher, VOCABULARY)):
        student = draw_logits(12).requires_grad_()
        divergence = forward_kl(signal, student)
        divergence.sum().backward()
        assert divergence.isfinite().all()
        assert student.grad.isfinite().all()


def test_an_empty_tail_counts_the_students_mass_outside_as_nothing():
    # As a cache stores it: float32 underflow can leave log_tail at -inf.
    sparse = TopKDistributions(
        torch.tensor([[0, 1]]), torch.log(torch.tensor([[0.25, 0.75]])), torch.tensor([-math.inf])
    )
    student = torch.log(torch.tensor([[0.25, 0.25, 0.5]])).requires_grad_()
    divergence = forward_kl(sparse, student)
    divergence.sum().backward()
    assert divergence.item() == pytest.approx(0.75 * math.log(3), rel=1e-6)
    assert student.grad.tolist()[0] == pytest.approx([0.0, -0.5, 0.5], abs=1e-6)


def test_half_precision_students_are_compared_in_float32():
    teacher, student = draw_logits(16, dtype=torch.float32), draw_logits(17, dtype=torch.bfloat16)
    expected = forward_kl(DenseDistributions(torch.log_softmax(teacher, -1)), student.float())
    assert expected.dtype == torch.float32
    torch.testing.assert_close(forward_kl(dense_from_logits(teacher), student), expected, rtol=0, atol=0)


def test_no_positions_give_no_losses():
    student = torch.zeros(0, VOCABULARY)
    assert forward_kl(dense_from_logits(student), student).shape == (0,)


def twin(kind, p, q):
    """A divergence between two lists of probabilities, term by term."""

    def kl(left, right):
        return math.fsum(a * math.log(a / b) for a, b in zip(left, right, strict=True) if a > 0)

    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    both = {"forward-kl": lambda: kl(p, q), "reverse-kl": lambda: kl(q, p)}
    return both.get(kind, lambda: (kl(p, middle) + kl(q, middle)) / 2)()


@pytest.mark.parametrize("kind", DIVERGENCES)
@pytest.mark.parametrize("k", [None, 1, 6, VOCABULARY])
def test_every_divergence_is_its_sum_over_classes(kind, k):
    teacher, student = draw_logits(20), draw_logits(21)
    signal = dense_from_logits(teacher) if k is None else top_k_from_logits(teacher, k)
    found = divergence(signal, student, kind)
    for position in range(POSITIONS):
        logits = teacher[position].tolist()
        p, q = softmax(logits), softmax(student[position].tolist())
        if k is not None:
            kept = sorted(range(VOCABULARY), key=lambda token, logits=logits: -logits[token])[:k]
            rest = [token for token in range(VOCABULARY) if token not in kept]
            p, q = ([x[t] for t in kept] + ([math.fsum(x[t] for t in rest)] if rest else []) for x in (p, q))
        assert found[position].item() == pytest.approx(twin(kind, p, q), rel=1e-11, abs=1e-13)


def test_every_divergence_is_zero_at_the_teacher_and_bounded_where_it_is_bounded():
    teacher, student = draw_logits(22, spread=30.0), draw_logits(23, spread=30.0)
    for kind in DIVERGENCES:
        assert divergence(top_k_from_logits(teacher, 4), teacher, kind).abs().max() < 1e-12
    assert divergence(dense_from_logits(teacher), student, "jsd").max() <= math.log(2)
