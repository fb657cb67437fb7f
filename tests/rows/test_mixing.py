"""How many items of each source a step reads."""

from fractions import Fraction

import numpy as np
import pytest

from saladkit.rows.micro_batches import deal, spread
from saladkit.rows.mixing import counts_of_steps, shares_of_items


def slow_counts(shares, items, steps):
    """Give each source its whole items, and the items that are left, one by one, to whoever is furthest behind."""
    taken, made = [0] * len(shares), []
    for step in range(1, steps + 1):
        counts = [int(items * share) for share in shares]
        waiting = set(range(len(shares)))
        while sum(counts) < items:
            furthest = max(waiting, key=lambda s: (step * items * shares[s] - taken[s] - int(items * shares[s]), -s))
            waiting.remove(furthest)
            counts[furthest] += 1
        taken = [before + count for before, count in zip(taken, counts, strict=True)]
        made.append(counts)
    return made


def test_counts_are_those_of_a_slow_twin():
    shares = [Fraction(3, 20), Fraction(7, 20), Fraction(0), Fraction(1, 2)]
    assert counts_of_steps(np.array(shares, dtype=float), 7, 200).tolist() == slow_counts(shares, 7, 200)


def some_shares():
    random = np.random.default_rng(0)
    made = [random.dirichlet(np.full(sources, 0.3 * 3 ** (draw % 3))) for sources in range(2, 9) for draw in range(12)]
    return [*made, np.array([1.0]), np.array([0.5, 0.5]), np.array([0.01, 0.99]), np.array([1 / 3, 1 / 3, 1 / 3])]


@pytest.mark.parametrize("items", [1, 2, 7, 16])
def test_every_step_is_full_and_after_each_one_no_source_is_far_off(items):
    for shares in some_shares():
        counts, exact = counts_of_steps(shares, items, 300), items * shares
        assert (counts.sum(axis=1) == items).all()
        assert (counts >= np.floor(exact + 1e-9)).all() and (counts <= np.ceil(exact - 1e-9)).all()
        wanted = exact * np.arange(1, 301)[:, None]
        assert np.abs(np.cumsum(counts, axis=0) - wanted).max() < (1 if len(shares) <= 4 else 1.1)


def test_a_source_with_a_tiny_weight_does_no_harm():
    counts = counts_of_steps(shares_of_items([1.0, 1e-12], [10.0, 10.0]), 4, 100)
    assert (counts == [4, 0]).all()


def test_sizes_are_shared_by_weight():
    shares = shares_of_items([2.0, 1.0], [50.0, 800.0])
    positions = shares * [50.0, 800.0]
    assert positions / positions.sum() == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize(("items", "piles"), [(512, 16), (96, 12), (9, 3), (5, 1)])
def test_piles_are_of_equal_size_and_about_equally_long(items, piles):
    lengths = np.random.default_rng(0).integers(10, 400, size=items)
    dealt = deal(lengths, piles)
    assert sorted(np.concatenate(dealt).tolist()) == list(range(items))
    assert {len(pile) for pile in dealt} == {items // piles}
    if items > 100:
        sums = [lengths[pile].sum() for pile in dealt]
        assert max(sums) / min(sums) < 1.1


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_windows_of_all_sources_are_in_each_micro_batch_and_neighbours_in_one_process(processes):
    sources = [0] * 32 + [1] * 16
    order = spread(sources, micro=3, processes=processes)
    assert sorted(order) == list(range(48))
    batches = np.array(order).reshape(-1, 3)
    assert all(sorted(sources[index] for index in batch) == [0, 0, 1] for batch in batches.tolist())
    for process in range(processes):
        for source in (0, 1):
            own = sorted(i for i in batches[process::processes].ravel().tolist() if sources[i] == source)
            assert own == list(range(own[0], own[-1] + 1))
