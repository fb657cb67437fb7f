"""Figures of rollouts, from their parts."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from saladkit.formats.rollouts import LENGTH, read_part

TRUNCATED = 0.3  # share of responses that were cut off above which a note says so
GRAM = 4


def figures_of(parts: Iterable[Path]) -> dict:
    """Return counts, lengths, ends and repetitions of all responses, and how exact their log-probabilities are.

    `positions` are those that training on the rollouts predicts from, the sum of the lengths of the responses.
    `repeated_4grams` is the share of 4-grams of tokens that stood before in the same response. `largest_difference` is
    that of the log-probabilities of a second pass over prompt and response.
    """
    read = [read_part(path) for path in parts]
    responses = [row["response_ids"] for rows, _ in read for row in rows]
    by_length = sum(row["finish"] == LENGTH for rows, _ in read for row in rows)
    positions = sum(map(len, responses))
    return {
        "rows": len(responses),
        "positions": positions,
        "mean_length": round(positions / len(responses), 2),
        "stopped": round(1 - by_length / len(responses), 4),
        "truncated": round(by_length / len(responses), 4),
        "repeated_4grams": round(repeated_grams(responses), 4),
        "largest_difference": max(difference for _, difference in read),
    }


def repeated_grams(responses: Iterable[list[int]], size: int = GRAM) -> float:
    """Return the share of n-grams that stood before in the same response; 0 where all responses are shorter."""
    counted = [list(zip(*(response[place:] for place in range(size)), strict=False)) for response in responses]
    grams = len(list(chain.from_iterable(counted)))
    return (grams - sum(len(set(of_response)) for of_response in counted)) / max(grams, 1)
