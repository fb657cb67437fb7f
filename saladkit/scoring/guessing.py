"""What a guesser scores who does not know the answers: at random, or by the commonest answer of a subject."""

from collections import Counter

import numpy as np


def chance(rows: list[dict]) -> float | None:
    """Return the accuracy of a random choice; None if a question is open.

    Args:
        rows: predictions or questions, with `choices`.
    """
    return float(np.mean([1 / len(row["choices"]) for row in rows])) if all(row["choices"] for row in rows) else None


def best_guess(rows: list[dict]) -> float | None:
    """Return the accuracy of always giving the commonest right answer of a subject, by its text; None as `chance`.

    Somebody who has heard nothing of a question but its subject could score this. Questions without a subject belong to
    their task. The commonest answer is that of these very questions, so a few questions give a high share by chance.

    Args:
        rows: predictions, with `choices`, `answer`, and perhaps `task` and `domain`.
    """
    if not all(row["choices"] for row in rows):
        return None
    answers = Counter((row.get("task"), row.get("domain"), row["choices"][row["answer"]]) for row in rows)
    best: dict[tuple, int] = {}
    for (task, domain, _), count in answers.items():
        best[task, domain] = max(count, best.get((task, domain), 0))
    return sum(best.values()) / len(rows)
