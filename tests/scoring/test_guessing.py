"""What a guesser scores, against a slow twin that tries every constant answer."""

import numpy as np
import pytest

from saladkit.scoring.guessing import best_guess, chance


def row(task, domain, choices, answer):
    return {"task": task, "domain": domain, "choices": choices, "answer": answer}


def twin(rows):
    """Try every text as the constant answer of every subject."""
    right = 0
    for group in {(r["task"], r["domain"]) for r in rows}:
        inside = [r for r in rows if (r["task"], r["domain"]) == group]
        texts = {text for r in inside for text in r["choices"]}
        right += max(sum(r["choices"][r["answer"]] == text for r in inside) for text in texts)
    return right / len(rows)


def test_the_best_guess_is_the_commonest_answer_of_each_subject():
    random = np.random.default_rng(0)
    texts = [f"word {number}" for number in range(6)]
    rows = []
    for _ in range(120):
        choices = [str(text) for text in random.permutation(texts)[:4]]
        rows.append(
            row(f"t{random.integers(2)}", [None, "a", "b"][random.integers(3)], choices, int(random.integers(4)))
        )
    assert best_guess(rows) == pytest.approx(twin(rows))


def test_a_guess_goes_by_the_text_of_an_option_and_not_by_its_place():
    rows = [row("t", "a", ["yes", "no"], 0), row("t", "a", ["no", "yes"], 1), row("t", "a", ["no", "yes"], 0)]
    assert best_guess(rows) == pytest.approx(2 / 3)
    assert chance(rows) == 0.5


def test_each_subject_has_its_own_guess():
    rows = [row("t", domain, ["yes", "no"], answer) for domain, answer in (("a", 0), ("a", 0), ("b", 1), ("b", 1))]
    assert best_guess(rows) == 1 and best_guess([r | {"domain": None} for r in rows]) == 0.5


def test_open_questions_cannot_be_guessed():
    rows = [row("t", "a", ["yes", "no"], 0), row("t", "a", None, None)]
    assert best_guess(rows) is None and chance(rows) is None


def test_chance_is_the_mean_over_questions_of_different_numbers_of_options():
    rows = [row("t", "a", ["1", "2"], 0), row("t", "a", ["1", "2", "3", "4"], 0)]
    assert chance(rows) == pytest.approx((1 / 2 + 1 / 4) / 2)
