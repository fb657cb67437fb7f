"""How many items of each source a step reads."""

import numpy as np
import pytest

from saladkit.rows.micro_batches import deal, spread
from saladkit.rows.mixing import draw_counts, shares_of_items


def slow_counts(shares, items, begin):
    """Count the points begin, begin + 1, ... that fall on each source's stretch of the line from 0 to `items`."""
    counts = [0] * len(shares)
    for point in (begin + number for number in range(items)):
        end = 0.0
        for source, share in enumerate(shares):
            end += share * items
            if point < end or source == len(shares) - 1:
                counts[source] += 1
                break
    return counts


def test_counts_are_those_of_systematic_sampling():
    shares, steps = [0.15, 0.35, 0.0, 0.5], 200
    begins = np.random.default_rng([3, 1]).random(steps)
    expected = [slow_counts(shares, 7, begin) for begin in begins]
    assert draw_counts(np.array(shares), 7, steps, [3, 1]).tolist() == expected


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.5], [0.62, 0.38], [0.01, 0.99], [0.3, 0.3, 0.4]])
@pytest.mark.parametrize("items", [1, 2, 16])
def test_every_step_is_full_and_the_mean_is_the_share(shares, items):
    counts = draw_counts(np.array(shares), items, 4000, [0])
    assert (counts.sum(axis=1) == items).all()
    exact = items * np.array(shares)
    assert (counts >= np.floor(exact)).all() and (counts <= np.ceil(exact)).all()
    assert counts.mean(axis=0) == pytest.approx(exact, abs=4 * 0.5 / 4000**0.5)


def test_a_source_with_a_tiny_weight_does_no_harm():
    counts = draw_counts(shares_of_items([1.0, 1e-12], [10.0, 10.0]), 4, 100, [0])
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
