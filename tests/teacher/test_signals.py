"""A cached teacher equals a live one, except for the cache's float16 and its top k."""

import numpy as np
import pytest
import torch

from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.loading import load_text_model
from saladkit.rows.tokens import tokenize
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.sources.samples import read_samples
from saladkit.stages.cache_teacher import cache_teacher
from saladkit.teacher.losses import forward_kl
from saladkit.teacher.signals import CachedTeacher, LiveTeacher

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def texts(world, tokenizer):
    rows = read_samples(world / "natural.parquet", needed=["text"], limit=6).column("text").to_pylist()
    return [tokenize(tokenizer, text).token_ids for text in rows]


@pytest.fixture(scope="module")
def cached(teacher_cache):
    return CachedTeacher(TeacherCache(teacher_cache))


@pytest.fixture(scope="module")
def sampled(workshop, world, text_lm):
    settings = CacheTeacherSettings(model=str(text_lm), keep="sampled", draws=40, device="cpu")
    cache_teacher([str(world / "natural.parquet")], workshop / "sampled-cache", settings)
    return CachedTeacher(TeacherCache(workshop / "sampled-cache"))


@pytest.fixture(scope="module")
def live(text_lm):
    return LiveTeacher(load_text_model(text_lm, dtype="float32", device="cpu"))


def all_targets(texts):
    return [np.arange(1, len(tokens) + 1) for tokens in texts]


def exactly(live, texts, targets):
    """The live teacher's distributions, dense."""
    hidden = live.distributions(texts, targets, CPU)
    return hidden.piece(0, len(hidden))


def float16_rounding(log_probs):
    """Half a unit in the last place of float16, subnormal numbers included, and 2e-5 for sums in another order."""
    return log_probs.abs() * 2**-11 + 2**-25 + 2e-5


def test_the_cache_agrees_with_the_live_teacher_to_the_rounding_of_float16(texts, cached, live):
    stored = cached.distributions(texts, all_targets(texts), CPU)
    exact = exactly(live, texts, all_targets(texts))
    assert len(stored) == len(exact) == sum(len(tokens) for tokens in texts)
    kept = exact.log_probs.gather(-1, stored.kept_ids)
    assert ((stored.kept_log_probs - kept).abs() <= float16_rounding(kept)).all()
    # The kept tokens are the most probable ones: none outside is more probable than the least of them.
    outside = exact.log_probs.scatter(-1, stored.kept_ids, -torch.inf)
    assert (outside.max(dim=-1).values <= kept.min(dim=-1).values + 2e-5).all()
    # The tail is kept in float32.
    assert (stored.log_tail - outside.logsumexp(dim=-1)).abs().max() < 2e-5


def test_the_kl_of_both_differs_by_no_more_than_the_tail_and_the_rounding(texts, cached, live):
    positions = sum(len(tokens) for tokens in texts)
    student = torch.randn(positions, live.model.config.vocab_size, generator=torch.Generator().manual_seed(0))
    stored = cached.distributions(texts, all_targets(texts), CPU)
    exact = exactly(live, texts, all_targets(texts))
    sparse, dense = forward_kl(stored, student), forward_kl(exact, student)
    kept = exact.log_probs.gather(-1, stored.kept_ids)
    # d(p (log p - log q)) = p (1 + log p - log q) d(log p); the log-ratio is below 20 in size here.
    rounding = (kept.exp() * 21 * float16_rounding(kept)).sum(dim=-1) + 1e-4
    assert (sparse <= dense + rounding).all()
    outside = exact.log_probs.scatter(-1, stored.kept_ids, -torch.inf)
    student_outside = torch.log_softmax(student, -1).scatter(-1, stored.kept_ids, -torch.inf)
    inside_tail = torch.nan_to_num(outside.exp() * (outside - student_outside), nan=0.0).sum(dim=-1)
    tail = outside.logsumexp(-1)
    merged_tail = tail.exp() * (tail - student_outside.logsumexp(-1))
    assert ((dense - inside_tail + merged_tail - sparse).abs() <= rounding).all()


def test_the_drawn_shares_are_the_live_teachers_probabilities_to_one_draw(texts, sampled, live):
    drawn = sampled.distributions(texts, all_targets(texts), CPU)
    exact = exactly(live, texts, all_targets(texts)).log_probs.exp()
    assert drawn.weights.sum(dim=-1) == pytest.approx(np.ones(len(drawn)), abs=1e-6)
    assert ((drawn.weights - exact.gather(-1, drawn.kept_ids)) * (drawn.weights > 0)).abs().max() < 1 / 40
    outside = exact.scatter(-1, drawn.kept_ids, 0.0)  # what was not drawn is less likely than one draw
    assert outside.max() < 1 / 40


@pytest.mark.parametrize("signal", ["cached", "sampled", "live"])
def test_chosen_targets_are_rows_of_all_targets(signal, texts, request):
    teacher = request.getfixturevalue(signal)
    ask = exactly if signal == "live" else lambda teacher, *asked: teacher.distributions(*asked, CPU)
    random = np.random.default_rng(0)
    chosen = [np.sort(random.choice(np.arange(1, len(t) + 1), size=5, replace=False)) for t in texts]
    chosen[2], chosen[3] = np.array([], dtype=np.int64), np.array([len(texts[3])])
    some, every = ask(teacher, texts, chosen), ask(teacher, texts, all_targets(texts))
    begins = np.cumsum([0] + [len(tokens) for tokens in texts])[:-1]
    places = torch.from_numpy(
        np.concatenate([wanted - 1 + begin for wanted, begin in zip(chosen, begins, strict=True)])
    )
    for name, values in vars(some).items():
        if signal == "sampled":  # as wide as its widest position
            values = torch.nn.functional.pad(values, (0, getattr(every, name).shape[1] - values.shape[1]))
        torch.testing.assert_close(values, getattr(every, name)[places], rtol=0, atol=0)


def test_the_live_teacher_hears_no_neighbour(texts, live):
    alone = exactly(live, texts[1:2], all_targets(texts)[1:2])
    begin = len(texts[0])
    beside = exactly(live, texts, all_targets(texts)).log_probs[begin : begin + len(alone)]
    torch.testing.assert_close(beside, alone.log_probs, rtol=0, atol=1e-5)


def test_the_live_teacher_is_frozen(live):
    assert not live.model.training
    assert not any(parameter.requires_grad for parameter in live.model.parameters())
