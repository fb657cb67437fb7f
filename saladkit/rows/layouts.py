"""Draw layouts ahead: lists of text and speech spans that training would otherwise draw at each pass."""

import zlib
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from saladkit.formats.teacher_cache import digest_tokens
from saladkit.formats.words import Word
from saladkit.rows.heard_turns import draw_turns
from saladkit.rows.interleaving import Span, draw_spans, may_cut, pauses_before
from saladkit.rows.row_pieces import split_speech
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.shared import Interleaving


@dataclass(frozen=True)
class LaidOut:
    """A row, or a piece of a row that was split, with its layouts.

    Attributes:
        row: index of the row in its table.
        digest: digest of its token ids, as in the teacher cache.
        words: its words with their times.
    """

    row: int
    digest: bytes
    words: list[Word]
    layouts: list[list[Span]]


def draw_layouts(
    id_: str, text: TokenizedText, words: list[Word], interleaving: Interleaving, count: int, seed: int
) -> list[list[Span]]:
    """Draw `count` layouts of a row, as training draws its spans.

    They depend on the seed, the id and the tokens alone; pieces of a row, which share its id, have draws of their own.
    """
    random = np.random.default_rng([seed, 5, zlib.crc32(id_.encode()), zlib.crc32(digest_tokens(text.token_ids))])
    text_first, whole_turns = interleaving.text_first, interleaving.whole_turns
    if text.hearable is not None:
        of_text = partial(draw_turns, text, words, interleaving, random, text_first=text_first, whole_turns=whole_turns)
    else:
        allowed, pauses = may_cut(text, words), pauses_before(words)
        of_text = partial(draw_spans, allowed, interleaving, random, pauses, text_first=text_first)
    return [of_text() for _ in range(count)]


def lay_out(
    table: pa.Table, tokenizer: PreTrainedTokenizerBase, settings: CacheSpeechSettings, where: str
) -> tuple[list[LaidOut], list[tuple[str, str]]]:
    """Draw the layouts of all rows, long ones split as in training.

    Args:
        table: rows with `id`, `text` and `words`.
        where: path of the rows, for errors.

    Returns:
        The rows and pieces, in order; and id and reason of each row that is too long and cannot be split.
    """
    ids = table.column("id").to_pylist()
    _, pieces, left_out = split_speech(table, tokenizer, settings.max_length, where)
    laid_out = [
        LaidOut(
            row,
            digest_tokens(piece.text.token_ids),
            own,
            draw_layouts(ids[row], piece.text, own, settings, settings.layouts, settings.seed),
        )
        for row, piece, own in pieces
    ]
    return laid_out, left_out
