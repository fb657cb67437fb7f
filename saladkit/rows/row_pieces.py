"""Split the rows of a source that are too long, each piece with its words."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from saladkit.formats.samples import words_from_row
from saladkit.formats.unspaced import has_unspaced
from saladkit.formats.words import Word, words_of_text
from saladkit.rows.conversations import with_units
from saladkit.rows.row_texts import tokenized_rows
from saladkit.rows.tokens import TextPiece, TokenizedText, pieces_as, split_text, tokenize

TOO_LONG = "over --max-length, and it is a conversation or has no place where tokens and word times allow a cut"


def split_speech(
    table: pa.Table, tokenizer: PreTrainedTokenizerBase, max_length: int | None, where: str
) -> tuple[list[TokenizedText], list[tuple[int, TextPiece, list[Word]]], list[tuple[str, str]]]:
    """Tokenize the texts of a table and split the long ones as `split_text`, each piece with its words.

    Args:
        table: rows with `id`, `text` and `words`.
        where: path of the rows, for errors.

    Returns:
        The whole texts; row, piece and words of all pieces in order; and id and reason of the rows that are too long
        and cannot be split, or in which the time of a cut is unknown.
    """
    ids, texts = table.column("id").to_pylist(), table.column("text").to_pylist()
    words = [words_from_row(row) for row in table.select(["words"]).to_pylist()]
    named = [[word.word for word in own] for own in words]
    whole = tokenized_rows(table, tokenizer, where, named)
    words = [own if text.hearable is None else with_units(text, own) for text, own in zip(whole, words, strict=True)]
    pieces, left_out = split_rows(ids, whole, max_length, _cut_by_text(tokenizer, texts, named, whole))
    with_words = [(row, piece, words_of_piece(words[row], piece.begin, piece.end)) for row, piece in pieces]
    unknown = {row for row, piece, own in with_words if not _bounds_are_known(piece, own, words[row])}
    left_out += [(ids[row], TOO_LONG) for row in sorted(unknown)]
    return whole, [piece for piece in with_words if piece[0] not in unknown], left_out


def _cut_by_text(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], words: list[list[str]], whole: list[TokenizedText]
) -> dict[int, TokenizedText]:
    """Return the rows whose words are an aligner's, with tokens in the words of the text alone; no conversations."""
    rows = [row for row, text in enumerate(whole) if text.learned is None and has_unspaced(texts[row])]
    own = [row for row in rows if words[row] != words_of_text(texts[row])]
    return {row: tokenize(tokenizer, texts[row]) for row in own}


def split_rows(
    ids: list[str],
    texts: list[TokenizedText],
    max_length: int | None,
    cut_by_text: dict[int, TokenizedText] | None = None,
) -> tuple[list[tuple[int, TextPiece]], list[tuple[str, str]]]:
    """Return (row, piece) of all texts in order, and the rows that are too long and cannot be split.

    Args:
        cut_by_text: rows that are split as another tokenization of theirs, because the teacher cache, which has the
            text alone, splits them there.
    """
    pieces, left_out = [], []
    for row, text in enumerate(texts):
        of_text = (cut_by_text or {}).get(row, text)
        of_row = split_text(of_text, max_length or len(text.token_ids))
        of_row = of_row if of_text is text else pieces_as(text, of_row)
        pieces += [(row, piece) for piece in of_row]
        left_out += [] if of_row else [(ids[row], TOO_LONG)]
    return pieces, left_out


def count_split(rows: Iterable[int]) -> int:
    """Count the rows that occur more than once, which are in pieces."""
    return sum(count > 1 for count in Counter(rows).values())


def _bounds_are_known(piece: TextPiece, own: list[Word], words: list[Word]) -> bool:
    """Return whether the times are known at which a piece begins and ends in the recording."""
    return (piece.begin == 0 or own[0].start is not None) and (piece.end == len(words) or own[-1].end is not None)


def words_of_piece(words: list[Word], begin: int, end: int) -> list[Word]:
    """Return words [begin, end), where the first and the last word take a missing time from the nearest neighbour.

    Speech is cut at these times. They stay None if no neighbour has a time.
    """
    piece = list(words[begin:end])
    before = [time for word in words[:begin] for time in (word.start, word.end) if time is not None]
    after = [time for word in words[end:] for time in (word.start, word.end) if time is not None]
    if before and piece[0].start is None:
        piece[0] = replace(piece[0], start=before[-1])
    if after and piece[-1].end is None:
        piece[-1] = replace(piece[-1], end=after[0])
    return piece
