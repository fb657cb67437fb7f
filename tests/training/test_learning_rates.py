"""The learning rates over the steps of a run."""

import pytest

from saladkit.settings.distill import DistillSettings
from saladkit.training.learning_rates import learning_rate, stable_steps


def run_of(**changes: object) -> DistillSettings:
    """Make settings of a hundred steps."""
    rates = {"learning_rate": 1.0, "adapter_learning_rate": 2.0, "warmup_steps": 10}
    return DistillSettings(**{"data": ("speech",), "max_steps": 100} | rates | changes)


@pytest.mark.parametrize("llm", [True, False])
def test_without_lexical_steps_both_rates_warm_up_stay_and_fall(llm: bool):
    base = 1.0 if llm else 2.0
    rates = [learning_rate(run_of(), step, llm=llm) / base for step in (0, 5, 10, 80, 90, 99, 100)]
    assert rates == pytest.approx([0, 0.5, 1, 1, 0.5, 0.05, 0])


def test_the_language_model_starts_after_the_lexical_steps():
    run = run_of(lexical_steps=50, lexical_weight=1.0)
    assert run.max_steps - stable_steps(run) == 10  # a fifth of the steps that distil
    rates = [learning_rate(run, step, llm=True) for step in (0, 49, 50, 55, 60, 90, 95)]
    assert rates == pytest.approx([0, 0, 0, 0.5, 1, 1, 0.5])


def test_lexical_steps_have_a_rate_of_their_own_that_comes_down_to_the_adapters():
    run = run_of(lexical_steps=60, lexical_weight=1.0, lexical_learning_rate=12.0)
    rates = [learning_rate(run, step, llm=False) for step in (5, 10, 40, 50, 60, 91, 96)]
    assert rates == pytest.approx([6, 12, 12, 7, 2, 2, 1])


def test_lexical_steps_without_a_rate_of_their_own_have_the_adapters():
    run = run_of(lexical_steps=60, lexical_weight=1.0)
    assert {learning_rate(run, step, llm=False) for step in range(10, 90)} == {2.0}


def test_without_a_warm_up_the_first_step_has_the_full_rate():
    run = run_of(warmup_steps=0, lexical_steps=50, lexical_weight=1.0)
    assert [learning_rate(run, step, llm=False) for step in (0, 1)] == [2.0, 2.0]
    assert [learning_rate(run, step, llm=True) for step in (0, 49, 50, 51)] == [0, 0, 1.0, 1.0]
    assert learning_rate(run_of(warmup_steps=None), 5, llm=True) == 5 / 500
