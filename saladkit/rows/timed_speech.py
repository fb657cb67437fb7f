"""Read speech with its text and the times of its words, and check that they belong together."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.samples import words_from_row
from saladkit.formats.word_times import join_word_times, left_out_rows, read_word_times
from saladkit.formats.words import Word, are_words_of
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.audio_rows import AudioRows


def check_words(id_: str, text: str, words: list[Word], duration: float | None, where: str) -> None:
    """Check that the words are those of the text, and that their times ascend and lie within the recording.

    Args:
        duration: length of the recording in s; None if it is not known.
        where: path of the row's source, for the message.

    Raises:
        SaladError: the words are not those of the text, or their times descend or lie outside the recording.
    """
    if not are_words_of([word.word for word in words], text):
        raise SaladError(
            f"{where}: row '{id_}' has words that are not those of its text",
            "Make word times for this text with `saladkit synth` or `saladkit timestamps`.",
        )
    times = [time for word in words for time in (word.start, word.end) if time is not None]
    if not np.all(np.isfinite(times)) or np.any(np.diff(times) < 0) or (times and times[0] < 0):
        raise SaladError(
            f"{where}: row '{id_}' has word times that do not ascend", "Align the row again with `saladkit timestamps`."
        )
    if duration is not None and times and times[-1] > duration + 0.1:  # s; aligners have frames of up to 0.08 s
        raise SaladError(
            f"{where}: row '{id_}' has a word at {times[-1]:.2f} s but lasts {duration:.2f} s: the word times belong to"
            " another recording, or `duration` is not in seconds",
            "Align the row again with `saladkit timestamps`, or give `duration` in seconds.",
        )


def check_all_words(table: pa.Table, where: str) -> None:
    """Check the words of all rows of a table, as `check_words`."""
    words = [words_from_row(row) for row in table.select(["words"]).to_pylist()]
    columns = [table.column(name).to_pylist() for name in ("id", "text")]
    durations = table.column("duration").to_pylist() if "duration" in table.column_names else [None] * len(words)
    for id_, text, of_row, duration in zip(*columns, words, durations, strict=True):
        check_words(id_, text, of_row, duration, where)


def times_of(wanted: set[str], word_times: Sequence[str | Path]) -> str | Path | None:
    """Return the first of `word_times` that holds one of the wanted rows."""
    ids_with_times = ((path, read_word_times(path).column("id").to_pylist()) for path in word_times)
    return next((path for path, ids in ids_with_times if not wanted.isdisjoint(ids)), None)


def leave_out_untimed(table: pa.Table, audio: AudioRows, times: str | Path | None) -> None:
    """List in `audio` the rows of `table` that the word times at `times` have left out."""
    if times is not None:
        leave_out(table, audio, times, "word times", left_out_rows(times))


def leave_out(table: pa.Table, audio: AudioRows, path: str | Path, what: str, skipped: list[dict]) -> None:
    """List in `audio` the rows of `table` that another artefact has left out."""
    ids = set(table.column("id").to_pylist())
    for row in skipped:
        if row["id"] in ids:
            problem = f"{path} has no {what} for the row '{row['id']}' (left out: {row['reason']})"
            audio.leave_out(row["id"], SaladError(problem, "Mend the row and make them again, or remove the row."))


def read_timed_speech(
    source: str,
    *,
    word_times: Sequence[str | Path],
    names: ColumnNames,
    limit: int | None,
    strict: bool,
    beside: str | Path | None = None,
) -> tuple[pa.Table, AudioRows]:
    """Read speech with its text and word times, whose audio has not been looked at.

    Arguments are as `open_speech` and `read_samples` have them.

    Returns:
        Rows with `id`, `text`, `audio`, `words` and, where known, `duration`; and the rows that the word times left
        out, which are not among them.

    Raises:
        SaladError: as `read_samples`, `join_word_times` and `check_words`.
    """
    read = partial(read_samples, source, names=names, limit=limit)
    times = times_of(set(read(needed=["id"], optional=[]).column("id").to_pylist()), word_times)
    needed = ["id", "text", "audio", *([] if times else ["words"])]
    table = read(needed=needed, lacking=["audio"], optional=["duration"], beside=beside)
    audio = AudioRows(source, strict)
    leave_out_untimed(table, audio, times)
    table = audio.usable(table)
    table = join_word_times(table, times) if times else table
    check_all_words(table, source)
    return table, audio
