"""What the teacher is asked about: the distinct texts of samples, long ones in pieces."""

from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.teacher_cache import digest_tokens
from saladkit.rows.tokens import split_text, tokenize
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples


@dataclass(frozen=True)
class DistinctTexts:
    """Token ids int32 [n] with the id of a row that has them, sorted by length; and what became of the other rows.

    Attributes:
        split: how many rows were longer than allowed, and are here in pieces.
        skipped: the rows that could not be split, as a manifest lists them.
    """

    rows: list[tuple[str, np.ndarray]]
    split: int
    skipped: list[dict]

    @property
    def positions(self) -> int:
        """How many next tokens they have."""
        return sum(len(tokens) - 1 for _, tokens in self.rows)

    def parts(self, most_rows: int, most_tokens: int) -> list[list[tuple[str, np.ndarray]]]:
        """Neighbours, so many rows and tokens at most, but for a row that is longer."""
        parts, room = [], 0
        for row in self.rows:
            if not parts or len(parts[-1]) == most_rows or len(row[1]) > room:
                parts.append([])
                room = most_tokens
            parts[-1].append(row)
            room -= len(row[1])
        return parts


def read_distinct_texts(
    sources: list[str],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    names: ColumnNames,
    limit: int | None,
) -> DistinctTexts:
    """The distinct texts of all sources, of at most `max_length` tokens, BOS included.

    Raises:
        SaladError: as `read_samples`; or no text has from 2 to `max_length` tokens, after it was split.
    """
    seen, rows, skipped, split = set(), [], [], 0
    for source in sources:
        table = read_samples(source, needed=["id", "text"], optional=[], names=names, limit=limit)
        for id_, text in zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True):
            tokenized = tokenize(tokenizer, text)
            pieces = split_text(tokenized, max_length)
            if not pieces:
                reason = f"{len(tokenized.token_ids)} tokens, over --max-length, and no word ends in time to split them"
                skipped.append({"id": id_, "source": source, "reason": reason})
            split += len(pieces) > 1
            for piece in pieces:
                digest = digest_tokens(piece.text.token_ids)
                if digest not in seen and len(piece.text.token_ids) > 1:  # a single token is never predicted
                    seen.add(digest)
                    rows.append((digest, id_, piece.text.token_ids))
    if not rows:
        raise SaladError(
            f"no text of {', '.join(sources)} has from 2 to {max_length} tokens",
            "Give longer texts, or raise --max-length.",
        )
    # Sorted by length: batches without padding, and an order that does not depend on the sources'.
    rows.sort(key=lambda row: (len(row[2]), row[0]))
    return DistinctTexts([(id_, tokens) for _, id_, tokens in rows], split, skipped)
