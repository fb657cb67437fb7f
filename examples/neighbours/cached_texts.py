"""The texts of samples with their top k from a teacher cache: what data sets of other libraries are made of."""

from collections.abc import Iterator

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.teacher_cache import TeacherCache, TopKRow
from saladkit.model.limits import read_limits
from saladkit.model.loading import load_tokenizer
from saladkit.rows.distinct_texts import read_distinct_texts
from saladkit.rows.tokens import tokenizer_digest
from saladkit.sources.columns import ColumnNames


def cached_texts(cache: str, samples: list[str], model: str) -> Iterator[tuple[str, np.ndarray, TopKRow]]:
    """Yield id, token ids int32 [n] and distributions [n, k] of every text, long ones in the cache's pieces.

    Args:
        model: the text LLM, or a model with its tokenizer.

    Raises:
        SaladError: the cache holds draws, is of another tokenizer, or lacks a text; or as `read_distinct_texts`.
    """
    opened, tokenizer = TeacherCache(cache), load_tokenizer(model)
    if opened.sampled:
        raise SaladError(
            f"{cache} holds random draws, and other libraries read the most likely tokens",
            "Run `saladkit cache-teacher` with --keep top-k.",
        )
    opened.check_tokenizer(tokenizer_digest(tokenizer), model)
    longest = opened.artefact.manifest["settings"]["max_length"]
    texts = read_distinct_texts(samples, tokenizer, read_limits(model), longest, ColumnNames(), None)
    for id_, tokens in texts.rows:
        if not opened.has(tokens):
            raise SaladError(f"{cache} lacks the text '{id_}'", "Run `saladkit cache-teacher` on these samples.")
        found = opened.row(tokens)
        assert isinstance(found, TopKRow)
        yield id_, tokens, found
