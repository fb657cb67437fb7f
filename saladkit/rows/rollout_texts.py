"""The token sequences of rollouts, for the text LLM to score: as they were written, never made again from text."""

from itertools import islice

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.rollouts import SCHEMA, VERSION, read_rollouts, tokens_of
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.tokens import TokenizedText, tokenizer_digest


def rollout_texts(
    path: str, tokenizer: PreTrainedTokenizerBase, max_length: int, limit: int | None
) -> tuple[list[str], list[TokenizedText], bool]:
    """Read rollouts that a text LLM is to score.

    Args:
        tokenizer: the text LLM's.
        max_length: most tokens that it may read at once.
        limit: read at most this many.

    Returns:
        Ids, texts of one word each, which are never split, and whether a chat template has laid them out.

    Raises:
        SaladError: the rollouts are not complete, were written with another tokenizer or chat template than the text
            LLM's, or one is longer than `max_length`.
    """
    identity = Artefact.open(path, SCHEMA, VERSION).manifest["identity"]
    if identity["tokenizer"] != tokenizer_digest(tokenizer):
        raise SaladError(
            f"{path} was written with another tokenizer than that of {tokenizer.name_or_path}",
            "Give the text LLM from which the checkpoint was trained that wrote them.",
        )
    laid_out = identity["chat_template"]
    if laid_out is not None and laid_out != (own := ChatTemplate(tokenizer).digest):
        raise SaladError(
            f"{path} was written with another chat template (SHA-256 {laid_out[:12]}) than that of"
            f" {tokenizer.name_or_path} ({own[:12]})",
            "Put the same chat_template.jinja into both models' folders, and make the rollouts again.",
        )
    rows = [(row["id"], tokens_of(row)) for row in islice(read_rollouts(path), limit)]
    for id_, tokens in rows:
        if len(tokens) > max_length:
            raise SaladError(
                f"{path}: rollout '{id_}' has {len(tokens)} tokens, and the text LLM reads {max_length} at once",
                "Raise --max-length if the text LLM reads more, or make the rollouts again with shorter --prompt-words"
                " or fewer --max-new-tokens.",
            )
    texts = [TokenizedText(tokens, np.array([0, len(tokens)]), np.ones(2, dtype=bool), 0) for _, tokens in rows]
    return [id_ for id_, _ in rows], texts, laid_out is not None
