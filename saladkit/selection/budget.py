"""How much to select: a number of texts, tokens or hours of speech, or a share of the hours of natural speech."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.selection.speaking_rate import SpeakingRate
from saladkit.settings.select import Budget
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import seconds_of_row

TEXTS_AT_ONCE = 1000


def budget_inputs(budget: Budget) -> dict[str, str]:
    """Return the files that a budget is computed from, by their roles in the manifest."""
    found = {f"rate {i}": path for i, path in enumerate(budget.rate_from)}
    if budget.fraction_of is not None:
        found["fraction of"] = budget.fraction_of[0]
    if budget.tokenizer is not None:
        found["tokenizer"] = budget.tokenizer
    return found


def fit_speaking_rate(budget: Budget) -> SpeakingRate:
    """Fit the speaking rate to `rate_from`, or else to the speech of `fraction_of`; else take `words_per_second`.

    Raises:
        SaladError: the samples cannot be read, or a duration is not a positive number.
    """
    sources = budget.rate_from or (() if budget.fraction_of is None else (budget.fraction_of[0],))
    if not sources:
        return SpeakingRate.of_words(budget.words_per_second)
    texts: list[str] = []
    seconds = []
    for source in sources:
        rows, lengths = _with_seconds(source, ["id", "text"])
        texts += rows.column("text").to_pylist()
        seconds.append(lengths)
    return SpeakingRate.fit(texts, np.concatenate(seconds))


def costs_of(budget: Budget, texts: Sequence[str], seconds: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the cost of each text, and the budget.

    Args:
        seconds: predicted for each text, [N].

    Returns:
        (cost of each text, float64 [N]; budget), both in texts, tokens or seconds.

    Raises:
        SaladError: the tokenizer or the speech of `fraction_of` cannot be read, or a duration is not a positive number.
        ValueError: the budget is `per_region`.
    """
    if budget.tokens is not None and budget.tokenizer is not None:
        return _count_tokens(texts, budget.tokenizer), budget.tokens
    if budget.hours is not None:
        return seconds, budget.hours * 3600
    if budget.fraction_of is not None:
        source, share = budget.fraction_of
        return seconds, share * float(_with_seconds(source, ["id"])[1].sum())
    if budget.count is None:
        raise ValueError("a budget per region is not a budget of the whole pool")
    return np.ones(len(texts)), budget.count


def unit_of(budget: Budget) -> str:
    """Return what the budget counts: texts, tokens or hours."""
    if budget.hours is not None or budget.fraction_of is not None:
        return "hours"
    return "texts" if budget.tokens is None else "tokens"


def _count_tokens(texts: Sequence[str], model: str) -> np.ndarray:
    from saladkit.model.loading import load_tokenizer  # 3.6 s of imports that no other budget needs

    tokenizer = load_tokenizer(model)
    counts: list[int] = []
    for begin in range(0, len(texts), TEXTS_AT_ONCE):
        encoded = tokenizer(texts[begin : begin + TEXTS_AT_ONCE], add_special_tokens=False)["input_ids"]
        counts += [len(ids) for ids in encoded]
    return np.array(counts, dtype=np.float64)


def _with_seconds(source: str, needed: list[str]) -> tuple[pa.Table, np.ndarray]:
    """Read samples, and return them with the length of each recording, float64 [N]: its `duration`, or its audio's."""
    rows = read_samples(source, needed=needed, optional=["duration"])
    if "duration" in rows.column_names:
        seconds = rows.column("duration").to_numpy()
    else:
        rows = read_samples(source, needed=[*needed, "audio"], optional=[])
        seconds = np.array([seconds_of_row(row, source) for row in rows.select(["id", "audio"]).to_pylist()])
    if not (np.isfinite(seconds).all() and (seconds > 0).all()):
        raise SaladError(
            f"{source} has a duration that is not a positive number",
            "Give samples with the duration of every recording, in s.",
        )
    return rows, seconds
