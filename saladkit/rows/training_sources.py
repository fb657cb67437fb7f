"""Open the sources of training and of `gap`: rows of speech with its text, and rows of text only."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.joined_teacher_caches import JoinedTeacherCaches
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.formats.words import Word
from saladkit.rows.frame_sources import StoredLayouts, check_layouts
from saladkit.rows.model_limits import check_most_are_known
from saladkit.rows.readers import Readers
from saladkit.rows.row_pieces import count_split, split_rows, split_speech
from saladkit.rows.row_texts import tokenized_rows
from saladkit.rows.tokens import TextPiece, TokenizedText, tokenizer_digest
from saladkit.rows.training_rows import TrainingSource
from saladkit.rows.usable_speech import UsableSpeech, read_usable_speech
from saladkit.settings.shared import Interleaving
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.front_end import FrontEnd


def open_speech(
    source: WeightedPath,
    tokenizer: PreTrainedTokenizerBase,
    front_end: FrontEnd,
    *,
    frames_caches: Sequence[str | Path] = (),
    word_times: Sequence[str | Path] = (),
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    max_length: int | None = None,
    readers: Readers | None = None,
    interleaving: Interleaving | None = None,
    strict: bool = False,
) -> TrainingSource:
    """Open speech with its text and word times.

    Rows whose audio cannot be used, or that the frames cache or word times have left out, are left out and listed.

    Args:
        frames_caches: frames and layouts caches; the first that holds rows of the source is used instead of the audio.
        word_times: word-times artefacts; the first that holds rows of the source is used instead of their own words.
        names: names of the source's columns.
        limit: read at most this many rows.
        max_length: split rows with more tokens, as `split_text`; None splits none.
        readers: the models that will read the rows; rows that one of them cannot read are left out.
        interleaving: how spans are drawn, which a layouts cache must agree with; None if there is none.
        strict: whether a row whose audio cannot be used is an error.

    Raises:
        SaladError: as `read_samples`, `join_word_times`, `check_words` and `check_most_are_known`; a cache lacks a
            row, or is of another speech encoder or other layouts; or the audio of most rows, or with `strict` of any,
            cannot be used.
    """
    usable = read_usable_speech(
        source,
        front_end,
        frames_caches=frames_caches,
        word_times=word_times,
        names=names,
        limit=limit,
        strict=strict,
    )
    return speech_source(usable, tokenizer, max_length=max_length, readers=readers, interleaving=interleaving)


def speech_source(
    usable: UsableSpeech,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int | None = None,
    readers: Readers | None = None,
    interleaving: Interleaving | None = None,
) -> TrainingSource:
    """Make a source of rows that have been read; arguments and errors as `open_speech`."""
    source, frames = usable.source, usable.frames
    ids = usable.table.column("id").to_pylist()
    at_most = readers.at_most(max_length) if readers else max_length
    whole, pieces, left_out = split_speech(usable.table, tokenizer, at_most, source.path)
    if readers is not None:
        _check_tokens_are_known(readers, tokenizer, whole, ids, source.path)
        unreadable = _unreadable(readers, pieces, [partial(frames.length, id_) for id_ in ids])
        left_out += [(ids[row], unreadable[row]) for row in sorted(unreadable)]
        pieces = [piece for piece in pieces if piece[0] not in unreadable]
    if isinstance(frames, StoredLayouts):
        held = [(ids[row], piece.text) for row, piece, _ in pieces]
        check_layouts(frames.cache, held, interleaving, tokenizer_digest(tokenizer), source.path)
    return TrainingSource(
        source.path,
        source.weight,
        [ids[row] for row, _, _ in pieces],
        [piece.text for _, piece, _ in pieces],
        words=[own for _, _, own in pieces],
        frames=frames,
        split=count_split(row for row, _, _ in pieces),
        left_out=left_out,
        unusable=usable.unusable,
    )


def _unreadable(
    readers: Readers, pieces: list[tuple[int, TextPiece, list[Word]]], frames: list[Callable[[], int]]
) -> dict[int, str]:
    """Return the rows of which a model cannot read a piece, each with the reason."""
    judged = ((row, readers.why_not(piece.text, own, frames[row])) for row, piece, own in pieces)
    return {row: reason for row, reason in judged if reason is not None}


def _check_tokens_are_known(
    readers: Readers, tokenizer: PreTrainedTokenizerBase, texts: list[TokenizedText], ids: list[str], source: str
) -> None:
    """Check that each model knows the tokens of most texts, as `check_most_are_known`."""
    for model in readers.all:
        unknown = [id_ for id_, text in zip(ids, texts, strict=True) if not model.knows(text.token_ids)]
        check_most_are_known(tokenizer, model, source, unknown, len(ids))


def open_text(
    source: WeightedPath,
    tokenizer: PreTrainedTokenizerBase,
    *,
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    max_length: int | None = None,
    readers: Readers | None = None,
) -> TrainingSource:
    """Open text for replay; arguments as `open_speech`.

    Raises:
        SaladError: as `read_samples` and `check_most_are_known`.
    """
    table = read_samples(source.path, needed=["id", "text"], optional=[], names=names, limit=limit)
    ids = table.column("id").to_pylist()
    whole = tokenized_rows(table, tokenizer, source.path)
    pieces, left_out = split_rows(ids, whole, readers.at_most(max_length) if readers else max_length)
    if readers is not None:
        _check_tokens_are_known(readers, tokenizer, whole, ids, source.path)
        unreadable = {row: reason for row, piece in pieces if (reason := readers.why_not(piece.text))}
        left_out += [(ids[row], reason) for row, reason in unreadable.items()]
        pieces = [found for found in pieces if found[0] not in unreadable]
    return TrainingSource(
        source.path,
        source.weight,
        [ids[row] for row, _ in pieces],
        [piece.text for _, piece in pieces],
        split=count_split(row for row, _ in pieces),
        left_out=left_out,
        replay=True,
    )


def check_teacher_covers(cache: TeacherCache | JoinedTeacherCaches, sources: list[TrainingSource]) -> None:
    """Check that the cache holds every text of the sources.

    Raises:
        SaladError: the cache lacks a text; the message names its row.
    """
    for source in sources:
        for id_, text in zip(source.ids, source.texts, strict=True):
            if len(text.token_ids) and not cache.has(text.token_ids):
                raise SaladError(
                    f"{cache.name} does not hold the text of row '{id_}' of {source.name}",
                    f"Run `saladkit cache-teacher {source.name}` and give its output as a further --teacher."
                    if source.is_rollouts
                    else f"Run `saladkit cache-teacher` on all texts together, including {source.name}, with the same"
                    " --max-length.",
                )
