"""How much of a text an embedder reads: tokens beyond its limit change no vector."""

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.formats.embeddings import WHOLE

_TEXTS_AT_ONCE = 1000
_SPECIAL_TOKENS = 8  # more than any tokenizer adds to a text


def characters_read(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], limit: int | None, prompt: str = ""
) -> np.ndarray:
    """Return how many characters of each text are among its first `limit` tokens; `WHOLE` for all of them, int [N].

    Args:
        limit: most tokens of a text with its prompt; None for no limit.
        prompt: text before each text.
    """
    found = np.full(len(texts), WHOLE)
    if limit is None:
        return found
    # A token has a byte at least, so that most texts need not be tokenized.
    long = [i for i, text in enumerate(texts) if len((prompt + text).encode()) + _SPECIAL_TOKENS > limit]
    for begin in range(0, len(long), _TEXTS_AT_ONCE):
        rows = long[begin : begin + _TEXTS_AT_ONCE]
        prompted = [prompt + texts[row] for row in rows]
        if not tokenizer.is_fast:  # such a tokenizer does not tell where its tokens stand
            counts = [len(ids) for ids in tokenizer(prompted)["input_ids"]]
            found[rows] = [0 if count > limit else WHOLE for count in counts]
            continue
        encoded = tokenizer(prompted, truncation=True, max_length=limit, return_offsets_mapping=True)
        for row, offsets in zip(rows, encoded["offset_mapping"], strict=True):
            end = max(0, max(end for _, end in offsets) - len(prompt))
            if len(offsets) >= limit and texts[row][end:].strip():
                found[row] = end
    return found
