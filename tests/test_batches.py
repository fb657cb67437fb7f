import math

import numpy as np
import pytest

from saladkit.batches import batches_by_length, place_on_lines

LENGTHS = [3, 9, 1, 2, 2, 30]


def test_a_batch_has_items_of_similar_length_within_every_limit():
    assert batches_by_length(LENGTHS) == [[2, 3, 4, 0, 1, 5]]
    assert batches_by_length(LENGTHS, items=4) == [[2, 3, 4, 0], [1, 5]]
    assert batches_by_length(LENGTHS, padded=6) == [[2, 3, 4], [0], [1], [5]]
    assert batches_by_length(LENGTHS, total=8) == [[2, 3, 4, 0], [1], [5]]
    assert batches_by_length(LENGTHS, items=2, padded=6, total=100) == [[2, 3], [4, 0], [1], [5]]
    assert batches_by_length([], items=2) == []


def test_the_longest_come_first_where_memory_is_tight():
    assert batches_by_length(LENGTHS, padded=12, longest_first=True) == [[5], [1], [0, 3, 4, 2]]
    lengths = np.random.default_rng(0).integers(1, 50, 300).tolist()
    batches = batches_by_length(lengths, padded=200, longest_first=True)
    assert sorted(index for batch in batches for index in batch) == list(range(300))
    assert all(max(lengths[i] for i in batch) * len(batch) <= 200 for batch in batches)
    longest = [max(lengths[i] for i in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)


def test_items_of_exactly_one_length_share_a_batch():
    assert batches_by_length(LENGTHS, padded=6, equal=True) == [[2], [3, 4], [0], [1], [5]]
    assert batches_by_length([2, 2, 2, 4, 4], padded=4.5, equal=True) == [[0, 1], [2], [3], [4]]


@pytest.mark.parametrize("seed", range(20))
def test_every_item_is_in_one_batch_and_no_next_item_would_have_fitted(seed):
    random = np.random.default_rng(seed)
    lengths = np.round(random.exponential(10, size=200), 1)
    batches = batches_by_length(lengths, items=9, padded=120)
    assert [index for batch in batches for index in batch] == np.argsort(lengths, kind="stable").tolist()
    for batch in batches:
        assert len(batch) == 1 or (len(batch) <= 9 and len(batch) * lengths[batch[-1]] <= 120)
    for batch, following in zip(batches, batches[1:], strict=False):
        assert len(batch) == 9 or (len(batch) + 1) * lengths[following[0]] > 120


@pytest.mark.parametrize("doubled", [1.0, 300.0, math.inf])
@pytest.mark.parametrize("count", [1, 7, 60])
def test_every_item_is_on_one_line_and_no_fewer_or_longer_lines_cost_less(doubled, count):
    lengths = np.random.default_rng(count).integers(5, 200, size=count).tolist()
    lines = place_on_lines(lengths, doubled)
    assert sorted(item for line in lines for item in line) == list(range(count))

    def cost(lines):
        length = max(sum(lengths[item] for item in line) for line in lines)
        return len(lines) * length * (1 + length / doubled)

    assert cost(lines) <= cost([list(range(count))])
    if doubled == math.inf:
        assert len(lines) == 1
    if count > 7:
        assert sum(lengths) > 0.9 * len(lines) * max(sum(lengths[item] for item in line) for line in lines)


def test_lines_are_filled_from_the_longest_item_on():
    assert place_on_lines([50, 30, 20, 49, 1], 1.0) == [[0], [3, 4], [1, 2]]
    assert place_on_lines([50, 30, 20, 49, 1], math.inf) == [[0, 3, 1, 2, 4]]
