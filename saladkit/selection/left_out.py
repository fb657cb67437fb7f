"""Record which texts of a pool may not be selected, and why."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from saladkit.selection.speakable import why_unspeakable
from saladkit.settings.select import Filters
from saladkit.sources.words import count_spoken_words

EXCLUDED, BAD_SPEECH = "excluded", "bad speech"  # counted but not listed, since the inputs name them already
NEAR_DUPLICATE = "near duplicate"


@dataclass
class LeftOut:
    """The texts that are left out, of N."""

    ids: list[str]  # of all N texts
    allowed: np.ndarray = field(init=False)  # bool [N]
    reasons: dict[int, tuple[str, str | None]] = field(init=False, default_factory=dict)  # row: (reason, detail)

    def __post_init__(self) -> None:
        self.allowed = np.ones(len(self.ids), dtype=bool)

    def leave(self, rows: np.ndarray, reason: str, details: Sequence[str] | None = None) -> None:
        """Leave out rows, int [n], with a detail each; a row that is left out already keeps its first reason."""
        for place, row in enumerate(rows.tolist()):
            if self.allowed[row]:
                self.reasons[row] = reason, None if details is None else details[place]
        self.allowed[rows] = False

    def leave_where(self, reason_of: Callable[[int], tuple[str, str | None] | None]) -> None:
        """Leave out every allowed row for which `reason_of` returns a pair of reason and detail."""
        for row in np.flatnonzero(self.allowed).tolist():
            found = reason_of(row)
            if found is not None:
                self.reasons[row] = found
                self.allowed[row] = False

    def rows(self, reason: str) -> np.ndarray:
        """Return the rows that were left out for one reason, int [n]."""
        return np.array([row for row, (found, _) in self.reasons.items() if found == reason], dtype=np.int64)

    def counts(self) -> dict[str, int]:
        """Return the number of texts by reason."""
        return dict(sorted(Counter(reason for reason, _ in self.reasons.values()).items()))

    def listed(self) -> list[dict]:
        """Return `id`, `reason` and `detail` of the texts that were left out for their content."""
        return [
            {"id": self.ids[row], "reason": reason, "detail": detail}
            for row, (reason, detail) in sorted(self.reasons.items())
            if reason not in (EXCLUDED, BAD_SPEECH)
        ]


def leave_out_unfit(left_out: LeftOut, texts: Sequence[str], filters: Filters) -> None:
    """Leave out texts that are too short, too long or, unless `any_text` is set, cannot be read aloud."""

    def unfit(row: int) -> tuple[str, str | None] | None:
        words = round(count_spoken_words(texts[row]))
        if filters.min_words is not None and words < filters.min_words:
            return "too short", f"{words} words"
        if filters.max_words is not None and words > filters.max_words:
            return "too long", f"{words} words"
        reason = None if filters.any_text else why_unspeakable(texts[row])
        return None if reason is None else ("not speakable", reason)

    left_out.leave_where(unfit)
