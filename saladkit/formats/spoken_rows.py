"""The columns that `synth` adds to samples, and rows spoken before, found again by the digest of what was asked for.

`speaker` says who speaks; `voice` the whole name with what was drawn for this row, by which it can be spoken again;
`words_source` where the times of `words` come from (an engine or an aligner; null where none are known); `speech_key`
digests text, voice, engine and settings: rows with the same key have the same recording (of a command or a server, as
far as they give the same for the same). `cer` is there after `--asr`. After `--choices` there are `choices_audio`, a
recording a choice, and `choices_speech_keys`.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.formats.artefact import Artefact
from saladkit.formats.samples import AUDIO, WORDS
from saladkit.formats.samples import SCHEMA as SAMPLES

SPOKEN = {
    "audio": AUDIO,
    "duration": pa.float64(),
    "speaker": pa.string(),
    "voice": pa.string(),
    "words": WORDS,
    "words_source": pa.string(),
    "speech_key": pa.string(),
}
HEARD = {"cer": pa.float64()}
CHOICES_AUDIO, CHOICES_KEYS = "choices_audio", "choices_speech_keys"
CHOICES = {CHOICES_AUDIO: pa.list_(AUDIO), CHOICES_KEYS: pa.list_(pa.string())}


def spoken_columns(rows: list[dict], *, heard: bool, choices: bool) -> dict[str, pa.Array]:
    """The columns of rows that were spoken, `cer` among them if they were `heard`, and those of their `choices`."""
    kinds = SPOKEN | (HEARD if heard else {}) | (CHOICES if choices else {})
    return {name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()}


class SpokenBefore:
    """Where recordings stand that need not be made again."""

    def __init__(self) -> None:
        self._where: dict[str, tuple[Path, int]] = {}
        self._choices: dict[str, tuple[Path, int, int]] = {}  # and which of a row's

    def add(self, part: Path) -> None:
        """Note the recordings of one Parquet shard of samples; one without keys holds none."""
        stored = pq.read_schema(part).names
        if "speech_key" in stored:
            for row, key in enumerate(pq.read_table(part, columns=["speech_key"]).column(0).to_pylist()):
                self._where.setdefault(key, (part, row))
        if CHOICES_KEYS in stored:
            for row, keys in enumerate(pq.read_table(part, columns=[CHOICES_KEYS]).column(0).to_pylist()):
                for place, key in enumerate(keys or ()):
                    self._choices.setdefault(key, (part, row, place))

    def add_artefact(self, path: str) -> None:
        """Note the recordings of samples that `synth` has made.

        Raises:
            SaladError: `path` is no complete artefact of samples.
        """
        for part in Artefact.open(path, SAMPLES).parts(".parquet"):
            self.add(part)

    def rows(self, keys: set[str]) -> dict[str, dict]:
        """The spoken columns of those of `keys` that are known."""
        by_part: dict[Path, list[tuple[int, str]]] = {}
        for key in sorted(keys & self._where.keys()):
            part, row = self._where[key]
            by_part.setdefault(part, []).append((row, key))
        found: dict[str, dict] = {}
        for part, wanted in by_part.items():
            columns = [name for name in {**SPOKEN, **HEARD} if name in pq.read_schema(part).names]
            rows = _take(pq.ParquetFile(part), [row for row, _ in wanted], columns)
            found |= {key: row for (_, key), row in zip(wanted, rows, strict=True)}
        return found

    def recordings(self, keys: set[str]) -> dict[str, dict]:
        """The `audio` and `speech_key` of those of `keys` that are known, as a text or as a choice."""
        found = {key: {"audio": row["audio"], "speech_key": key} for key, row in self.rows(keys).items()}
        by_part: dict[Path, list[tuple[int, int, str]]] = {}
        for key in sorted((keys - found.keys()) & self._choices.keys()):
            part, row, place = self._choices[key]
            by_part.setdefault(part, []).append((row, place, key))
        for part, wanted in by_part.items():
            spoken = _take(pq.ParquetFile(part), [row for row, _, _ in wanted], [CHOICES_AUDIO])
            for (_, place, key), choices in zip(wanted, spoken, strict=True):
                found[key] = {"audio": choices[CHOICES_AUDIO][place], "speech_key": key}
        return found


def _take(file: pq.ParquetFile, rows: list[int], columns: list[str]) -> list[dict]:
    """Some rows of a shard; of its row groups those alone that hold one of them."""
    ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
    groups = np.searchsorted(ends, rows, side="right")
    found: dict[int, dict] = {}
    for group in sorted(set(groups.tolist())):
        inside = [row for row, of in zip(rows, groups, strict=True) if of == group]
        begin = int(ends[group - 1]) if group else 0
        table = file.read_row_group(group, columns=columns).take(pa.array([row - begin for row in inside]))
        found |= dict(zip(inside, table.to_pylist(), strict=True))
    return [found[row] for row in rows]
