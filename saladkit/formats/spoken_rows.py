"""The columns that `synth` adds to samples, and an index of recordings by their `speech_key`.

- `speaker`: who speaks
- `voice`: full name of the voice with the settings drawn for this row, which can be given to `synth` again
- `words_source`: what measured the times of `words`, an engine or an aligner; null without times
- `speech_key`: digest of text, voice, engine and settings. Rows with the same key have the same recording, if the
  engine (a command or a server) always answers the same request with the same speech.
- `cer`: character error rate of a transcript, with `--asr`
- `text_with_markup`: the text as it was given, where `--markup strip` removed markup from it; null in other rows. The
  column is there if any row had markup
- `choices_audio` and `choices_speech_keys`: a recording of each choice and its key, with `--choices`
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.formats.artefact import Artefact
from saladkit.formats.samples import AUDIO, WORDS
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.formats.tables import checked, read_names, read_table, reading

SPOKEN = {
    "audio": AUDIO,
    "duration": pa.float64(),
    "speaker": pa.string(),
    "voice": pa.string(),
    "words": WORDS,
    "words_source": pa.string(),
    "speech_key": pa.string(),
}
TRANSCRIBED = {"cer": pa.float64()}
WITH_MARKUP = "text_with_markup"
CHOICES_AUDIO, CHOICES_KEYS = "choices_audio", "choices_speech_keys"
CHOICES = {CHOICES_AUDIO: pa.list_(AUDIO), CHOICES_KEYS: pa.list_(pa.string())}
_KEY = pa.schema([("speech_key", pa.string())])
_CHOICES_KEYS = pa.schema([(CHOICES_KEYS, pa.list_(pa.string()))])


def spoken_columns(rows: list[dict], *, transcribed: bool, choices: bool) -> dict[str, pa.Array]:
    """Return the columns of spoken rows.

    Args:
        transcribed: whether the rows have the `cer` of a transcript.
        choices: whether the rows have recordings of their choices.
    """
    kinds = SPOKEN | (TRANSCRIBED if transcribed else {}) | (CHOICES if choices else {})
    return {name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()}


class EarlierRecordings:
    """An index of earlier recordings, which `synth` copies instead of making them again."""

    def __init__(self) -> None:
        self._where: dict[str, tuple[Path, int]] = {}  # file and row
        self._choices: dict[str, tuple[Path, int, int]] = {}  # file, row and choice

    def add(self, part: Path) -> None:
        """Add the recordings of one Parquet file of samples, if it has keys."""
        stored = read_names(part)
        if "speech_key" in stored:
            for row, key in enumerate(read_table(part, _KEY).column(0).to_pylist()):
                self._where.setdefault(key, (part, row))
        if CHOICES_KEYS in stored:
            for row, keys in enumerate(read_table(part, _CHOICES_KEYS).column(0).to_pylist()):
                for place, key in enumerate(keys or ()):
                    self._choices.setdefault(key, (part, row, place))

    def add_artefact(self, path: str) -> None:
        """Add the recordings of samples that `synth` has made.

        Raises:
            SaladError: `path` is no complete samples artefact.
        """
        for part in Artefact.open(path, SAMPLES).parts(".parquet"):
            self.add(part)

    def rows(self, keys: set[str]) -> dict[str, dict]:
        """Read the columns of SPOKEN and TRANSCRIBED of the recordings with these keys; unknown keys are left out."""
        by_part: dict[Path, list[tuple[int, str]]] = {}
        for key in sorted(keys & self._where.keys()):
            part, row = self._where[key]
            by_part.setdefault(part, []).append((row, key))
        found: dict[str, dict] = {}
        for part, wanted in by_part.items():
            stored = read_names(part)
            columns = {name: kind for name, kind in (SPOKEN | TRANSCRIBED).items() if name in stored or name == "audio"}
            rows = _take(part, [row for row, _ in wanted], columns)
            found |= {key: row for (_, key), row in zip(wanted, rows, strict=True)}
        return found

    def recordings(self, keys: set[str]) -> dict[str, dict]:
        """Read `audio` and `speech_key` of the texts or choices with these keys; unknown keys are left out."""
        found = {key: {"audio": row["audio"], "speech_key": key} for key, row in self.rows(keys).items()}
        by_part: dict[Path, list[tuple[int, int, str]]] = {}
        for key in sorted((keys - found.keys()) & self._choices.keys()):
            part, row, place = self._choices[key]
            by_part.setdefault(part, []).append((row, place, key))
        for part, wanted in by_part.items():
            spoken = _take(part, [row for row, _, _ in wanted], {CHOICES_AUDIO: pa.list_(AUDIO)})
            for (_, place, key), choices in zip(wanted, spoken, strict=True):
                found[key] = {"audio": choices[CHOICES_AUDIO][place], "speech_key": key}
        return found


def _take(part: Path, rows: list[int], columns: dict[str, pa.DataType]) -> list[dict]:
    """Read some rows of a file, from the row groups that hold them."""
    with reading(part):
        return _taken(pq.ParquetFile(part), rows, pa.schema(columns.items()))


def _taken(file: pq.ParquetFile, rows: list[int], schema: pa.Schema) -> list[dict]:
    ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
    groups = np.searchsorted(ends, rows, side="right")
    found: dict[int, dict] = {}
    for group in sorted(set(groups.tolist())):
        inside = [row for row, of_row in zip(rows, groups, strict=True) if of_row == group]
        begin = int(ends[group - 1]) if group else 0
        table = checked(file.read_row_group(group, columns=schema.names), schema)
        table = table.take(pa.array([row - begin for row in inside]))
        found |= dict(zip(inside, table.to_pylist(), strict=True))
    return [found[row] for row in rows]
