"""The distinct texts of samples and rollouts, long texts split into pieces: what a teacher cache is computed for."""

from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.rollouts import holds_rollouts
from saladkit.formats.teacher_cache import digest_tokens
from saladkit.rows.model_limits import ModelLimits, check_most_are_known
from saladkit.rows.rollout_texts import rollout_texts
from saladkit.rows.row_texts import tokenized_rows
from saladkit.rows.tokens import TokenizedText, split_text
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples


@dataclass(frozen=True)
class DistinctTexts:
    """Distinct texts, sorted by length.

    Attributes:
        rows: id of the first row with this text, and the token ids, int32 [n].
        split: number of rows that were too long and were split into pieces.
        skipped: rows that the text LLM cannot read, or that were too long and could not be split, as a manifest lists
            them.
        has_conversations: whether texts are conversations, laid out by a chat template.
    """

    rows: list[tuple[str, np.ndarray]]
    split: int
    skipped: list[dict]
    has_conversations: bool = False

    @property
    def positions(self) -> int:
        """Number of distributions: one behind each token."""
        return sum(len(tokens) for _, tokens in self.rows)

    def parts(self, most_rows: int, most_tokens: int) -> list[list[tuple[str, np.ndarray]]]:
        """Cut the rows, in order, into parts of at most `most_rows` and `most_tokens`; a longer row is its own part."""
        parts: list[list[tuple[str, np.ndarray]]] = []
        room = 0
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
    limits: ModelLimits,
    max_length: int,
    names: ColumnNames,
    limit: int | None,
) -> DistinctTexts:
    """Read the distinct texts of all sources, splitting those of more than `max_length` tokens, BOS included.

    Rollouts count as texts of the tokens that were written.

    Args:
        limits: what the text LLM can read; texts that it cannot read are skipped.
        limit: read at most this many rows of each source.

    Raises:
        SaladError: as `read_samples`, `rollout_texts` and `check_most_are_known`; or no text, or piece of one, has 1 to
            `max_length` tokens.
    """
    seen, rows, skipped, split, has_conversations = set(), [], [], 0, False
    for source in sources:
        ids, texts, laid_out = _read(source, tokenizer, max_length, names, limit)
        has_conversations |= laid_out
        unknown = []
        for id_, tokenized in zip(ids, texts, strict=True):
            if not limits.knows(tokenized.token_ids):
                unknown.append(id_)
                skipped.append({"id": id_, "source": source, "reason": limits.why_not(tokenized.token_ids)})
                continue
            pieces = split_text(tokenized, max_length)
            if not pieces:
                is_text = tokenized.learned is None
                why = "no word ends in time to split them" if is_text else "conversations are not split"
                reason = f"{len(tokenized.token_ids)} tokens, over --max-length, and {why}"
                skipped.append({"id": id_, "source": source, "reason": reason})
            split += len(pieces) > 1
            for piece in pieces:
                digest = digest_tokens(piece.text.token_ids)
                if digest not in seen and len(piece.text.token_ids):
                    seen.add(digest)
                    rows.append((digest, id_, piece.text.token_ids))
        check_most_are_known(tokenizer, limits, source, unknown, len(ids))
    if not rows:
        raise SaladError(
            f"no text of {', '.join(sources)} has from 1 to {max_length} tokens",
            "Give other texts, or raise --max-length.",
        )
    # Sorted by length, so that batches need little padding and the order does not depend on the order of the sources.
    rows.sort(key=lambda row: (len(row[2]), row[0]))
    return DistinctTexts([(id_, tokens) for _, id_, tokens in rows], split, skipped, has_conversations)


def _read(
    source: str, tokenizer: PreTrainedTokenizerBase, max_length: int, names: ColumnNames, limit: int | None
) -> tuple[list[str], list[TokenizedText], bool]:
    """Return ids and texts of samples or rollouts, and whether a chat template lays out any of them."""
    if holds_rollouts(source):
        return rollout_texts(source, tokenizer, max_length, limit)
    table = read_samples(source, needed=["id", "text"], optional=[], names=names, limit=limit)
    texts = tokenized_rows(table, tokenizer, source)
    return table.column("id").to_pylist(), texts, any(text.learned is not None for text in texts)
