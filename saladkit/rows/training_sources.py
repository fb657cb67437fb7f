"""Open what training and the gap are measured on: paired rows of speech and text, and rows of text alone."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.frames_cache import FramesCache
from saladkit.formats.samples import words_from_row
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.formats.word_times import join_word_times, read_word_times
from saladkit.formats.words import Word
from saladkit.rows.schedule import FrameSource, TrainingSource
from saladkit.rows.tokens import TextPiece, TokenizedText, split_text, tokenize
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.front_end import FrontEnd, LiveFrames, cached_frames


def check_words(id_: str, text: str, words: list[Word], duration: float | None, where: str) -> None:
    """Raise a SaladError unless the words are the text's and their times run forward, within the recording."""
    if [word.word for word in words] != text.split():
        raise SaladError(
            f"{where}: row '{id_}' has words that are not those of its text",
            "Make the word times from this text (`saladkit synth` or `saladkit timestamps`).",
        )
    times = [time for word in words for time in (word.start, word.end) if time is not None]
    if not np.all(np.isfinite(times)) or np.any(np.diff(times) < 0) or (times and times[0] < 0):
        raise SaladError(f"{where}: row '{id_}' has word times that do not run forward", "Align this row again.")
    if duration is not None and times and times[-1] > duration + 0.1:  # s; aligners count in frames of up to 0.08
        raise SaladError(
            f"{where}: row '{id_}' has a word at {times[-1]:.2f} s and lasts {duration:.2f} s: the word times are of"
            " another recording, or `duration` is not in seconds",
            "Align this row again, or mend the column.",
        )


def open_speech(
    source: WeightedPath,
    tokenizer: PreTrainedTokenizerBase,
    front_end: FrontEnd,
    *,
    frames_caches: list[str | Path] = (),
    word_times: list[str | Path] = (),
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    max_length: int | None = None,
) -> TrainingSource:
    """Rows of speech, text and word times; frames from a cache that holds the rows, else from the audio.

    Args:
        word_times: artefacts of `timestamps`; one that holds the rows takes the place of their own words.
        max_length: rows with more tokens are split, as `model.text.split_text` does; None leaves all whole.

    Raises:
        SaladError: as `read_samples` and `join_word_times`, and words that do not fit the text.
    """
    caches = [FramesCache(path) for path in frames_caches]
    ids_table = read_samples(source.path, needed=["id"], optional=[], names=names, limit=limit)
    wanted = set(ids_table.column("id").to_pylist())
    cache = next((cache for cache in caches if any(id_ in cache for id_ in wanted)), None)
    timed = ((path, read_word_times(path).column("id").to_pylist()) for path in word_times)
    times = next((path for path, ids in timed if not wanted.isdisjoint(ids)), None)
    needed = ["id", "text", *([] if times else ["words"]), *([] if cache else ["audio"])]
    optional = ["duration"]
    table = read_samples(source.path, needed=needed, optional=optional, names=names, limit=limit)
    table = join_word_times(table, times) if times else table
    ids, texts = table.column("id").to_pylist(), table.column("text").to_pylist()
    words = [words_from_row(row) for row in table.select(["words"]).to_pylist()]
    durations = table.column("duration").to_pylist() if "duration" in table.column_names else [None] * len(ids)
    for id_, text, spoken, duration in zip(ids, texts, words, durations, strict=True):
        check_words(id_, text, spoken, duration, source.path)
    frames: FrameSource
    if cache:
        cache.check_encoder(front_end.identity, "the model")
        frames = cached_frames(cache, table, source.path)
    else:
        frames = LiveFrames(table, front_end, source.path)
    whole = [tokenize(tokenizer, text) for text in texts]
    pieces, left_out = _split(ids, whole, max_length)
    cut = [words_of_piece(words[row], piece.begin, piece.end) for row, piece in pieces]
    unknown = {row for (row, piece), own in zip(pieces, cut, strict=True) if _is_cut_blindly(piece, own, words[row])}
    left_out += [ids[row] for row in sorted(unknown)]
    heard = [(at, own) for at, own in zip(pieces, cut, strict=True) if at[0] not in unknown]
    pieces = [at for at, _ in heard]
    return TrainingSource(
        source.path,
        source.weight,
        [ids[row] for row, _ in pieces],
        [piece.text for _, piece in pieces],
        words=[own for _, own in heard],
        frames=frames,
        split=_count_split(pieces),
        left_out=left_out,
    )


def _split(
    ids: list[str], texts: list[TokenizedText], max_length: int | None
) -> tuple[list[tuple[int, TextPiece]], list[str]]:
    """(row, piece) of all texts in order, and the ids of those that cannot be split."""
    pieces, left_out = [], []
    for row, text in enumerate(texts):
        of_text = split_text(text, max_length or len(text.token_ids))
        pieces += [(row, piece) for piece in of_text]
        left_out += [] if of_text else [ids[row]]
    return pieces, left_out


def _count_split(pieces: list[tuple[int, TextPiece]]) -> int:
    return sum(count > 1 for count in Counter(row for row, _ in pieces).values())


def _is_cut_blindly(piece: TextPiece, own: list[Word], words: list[Word]) -> bool:
    """Whether nobody knows where in the recording a piece begins or ends."""
    return (piece.begin > 0 and own[0].start is None) or (piece.end < len(words) and own[-1].end is None)


def words_of_piece(words: list[Word], begin: int, end: int) -> list[Word]:
    """Words [begin, end), the first and the last with a time wherever a neighbour tells one: speech is cut there."""
    piece = list(words[begin:end])
    before = [time for word in words[:begin] for time in (word.start, word.end) if time is not None]
    after = [time for word in words[end:] for time in (word.start, word.end) if time is not None]
    if before and piece[0].start is None:
        piece[0] = replace(piece[0], start=before[-1])
    if after and piece[-1].end is None:
        piece[-1] = replace(piece[-1], end=after[0])
    return piece


def open_text(
    source: WeightedPath,
    tokenizer: PreTrainedTokenizerBase,
    *,
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    max_length: int | None = None,
) -> TrainingSource:
    """Rows of text to read: replay; longer ones than `max_length` tokens in pieces.

    Raises:
        SaladError: as `read_samples`.
    """
    table = read_samples(source.path, needed=["id", "text"], optional=[], names=names, limit=limit)
    ids = table.column("id").to_pylist()
    pieces, left_out = _split(ids, [tokenize(tokenizer, text) for text in table.column("text").to_pylist()], max_length)
    return TrainingSource(
        source.path,
        source.weight,
        [ids[row] for row, _ in pieces],
        [piece.text for _, piece in pieces],
        split=_count_split(pieces),
        left_out=left_out,
        replay=True,
    )


def check_same_resampler(sources: list[TrainingSource]) -> str | None:
    """Return the library that resampled the recordings of all sources; None if there is no speech.

    Raises:
        SaladError: the recordings of one source were resampled by another library than those of another source.
    """
    found = {source.frames.resampler: source.name for source in sources if source.frames is not None}
    if len(found) > 1:
        (first, of_first), (second, of_second) = found.items()
        raise SaladError(
            f"{of_first} was resampled by {first} and {of_second} by {second}",
            "Run `saladkit cache-speech` for both in one installation; `saladkit doctor` names its resampler.",
        )
    return next(iter(found), None)


def check_teacher_covers(cache: TeacherCache, sources: list[TrainingSource]) -> None:
    """Raise a SaladError at the first row whose text the cache does not hold."""
    for source in sources:
        for id_, text in zip(source.ids, source.texts, strict=True):
            if len(text.token_ids) > 1 and not cache.has(text.token_ids):
                raise SaladError(
                    f"{cache.artefact.path} does not hold the text of row '{id_}' of {source.name}",
                    f"Run `saladkit cache-teacher` on all texts together, {source.name} among them, with the same"
                    " --max-length.",
                )
