"""Align samples rows to rows of word times; recordings of similar length are decoded and aligned together."""

from collections.abc import Callable

import pyarrow as pa

from saladkit.batches import batches_by_length
from saladkit.errors import SaladError
from saladkit.formats.samples import iterate_rows, row_at, words_to_row
from saladkit.speech.aligners.aligner import Aligner, Alignment, Recording, align_spoken_forms
from saladkit.speech.audio.audio_rows import AudioRows

SECONDS_AT_ONCE = 600.0  # of audio in memory; the aligner may batch recordings of equal length


def align_rows(
    rows: pa.Table, aligner: Aligner, language: str, audio: AudioRows, advance: Callable[[int], object]
) -> list[dict]:
    """Align samples with `id`, `text` and `audio`.

    Args:
        audio: decodes the rows, and lists those that cannot be used.
        advance: called with the number of rows done since the last call.

    Returns:
        For each row `id`, `words`, `aligner` and `score`; or, if the audio does not decode or the text cannot be found
        in it, `id` and `reason`.
    """
    found: dict[int, dict] = {}
    places, seconds = [], []
    for place, row in enumerate(iterate_rows(rows, batch_rows=1)):
        if (length := audio.seconds(row)) is not None:
            seconds.append(length)
            places.append(place)
    advance(rows.num_rows - len(places))
    for batch in batches_by_length(seconds, total=SECONDS_AT_ONCE):
        recordings: dict[int, Recording] = {}
        for place in (places[index] for index in batch):
            row = row_at(rows, place)
            if (decoded := audio.decode(row)) is not None:
                recordings[place] = Recording(*decoded, row["text"])
        alignments = align_spoken_forms(aligner, list(recordings.values()), language)
        for place, alignment in zip(recordings, alignments, strict=True):
            found[place] = _row(rows.column("id")[place].as_py(), alignment, aligner)
        advance(len(batch))
    for place, id_ in enumerate(rows.column("id").to_pylist()):
        if place not in found:
            found[place] = {"id": id_, "reason": audio.bad[id_][0]}
    return [found[place] for place in range(rows.num_rows)]


def _row(id_: str, alignment: Alignment | SaladError, aligner: Aligner) -> dict:
    if isinstance(alignment, SaladError):
        return {"id": id_, "reason": alignment.problem}
    return {"id": id_, "words": words_to_row(alignment.words), "aligner": aligner.name, "score": alignment.score}
