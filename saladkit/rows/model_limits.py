"""Hold a text against a model: does the model know its tokens, and can it read a row of its length?

Every command that gives texts to a model asks here. A tokenizer may have ids that its model lacks (Gemma 3 has one for
images): a text that uses none of them is fine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError


@dataclass(frozen=True)
class ModelLimits:
    """What a model can read.

    Attributes:
        name: the model's folder or name, for messages.
        vocabulary: number of tokens with an embedding.
        positions: number of positions with a learned or stored embedding; None for a model that computes positions.
    """

    name: str
    vocabulary: int
    positions: int | None

    def knows(self, token_ids: np.ndarray | list[int]) -> bool:
        """Return whether every token has an embedding."""
        return int(np.max(token_ids, initial=-1)) < self.vocabulary

    def why_not(self, token_ids: np.ndarray | list[int], length: int | None = None) -> str | None:
        """Return why the model cannot read a row, for the list of rows left out; None if it can.

        Args:
            length: positions of the row, speech vectors and special tokens included; the number of tokens if None.
        """
        if reason := self.why_not_tokens(token_ids):
            return reason
        length = len(token_ids) if length is None else length
        if self.positions is not None and length > self.positions:
            return f"it may take {length} positions, and {self.name} reads {self.positions}"
        return None

    def why_not_tokens(self, token_ids: np.ndarray | list[int]) -> str | None:
        """Return why the model cannot read a text of any length, as `why_not`."""
        if self.knows(token_ids):
            return None
        return f"it has the token {int(np.max(token_ids))}, and {self.name} knows {self.vocabulary} tokens"

    def at_most(self, max_length: int | None) -> int | None:
        """Return the number of tokens over which a text is split: `max_length`, or fewer if the model reads fewer.

        None, which splits no text, stays None.
        """
        return max_length if max_length is None or self.positions is None else min(max_length, self.positions)


def largest_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the largest id of a tokenizer."""
    return max(tokenizer.get_vocab().values())


def check_most_are_known(
    tokenizer: PreTrainedTokenizerBase, limits: ModelLimits, source: str, unknown: Sequence[str], rows: int
) -> None:
    """Check that tokenizer and weights belong together: at most half of the rows have tokens without an embedding.

    Args:
        unknown: ids of the rows with such a token.
        rows: number of all rows.

    Raises:
        SaladError: more than half have.
    """
    if 2 * len(unknown) > rows:
        raise SaladError(
            f"{limits.name} has a tokenizer with ids up to {largest_id(tokenizer)}, but a model that knows"
            f" {limits.vocabulary} tokens: row '{unknown[0]}' and {len(unknown) - 1} more of {rows} rows of {source}"
            " have others",
            "Give a folder whose tokenizer and weights belong together.",
        )
