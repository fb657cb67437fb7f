"""Group texts of similar length into batches, so that little of a batch is padding."""

from collections.abc import Iterator

import numpy as np


def batches_by_tokens(lengths: list[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yield the indices of each batch, from the longest texts to the shortest.

    The longest come first, so that a batch that does not fit into memory fails at once.

    Args:
        lengths: tokens of each text.
        batch_tokens: most tokens of a batch, padding included; a longer text is a batch of its own.
    """
    order = np.argsort(-np.asarray(lengths), kind="stable").tolist()
    while order:
        count = max(1, batch_tokens // max(1, lengths[order[0]]))
        yield order[:count]
        order = order[count:]
