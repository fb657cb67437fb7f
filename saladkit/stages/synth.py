"""`synth`: text to speech with word times, many voices, resumable by shard."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter, create_artefact, part_name, read_json, write_json
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.samples import (
    AUDIO,
    COLUMNS,
    SCHEMA,
    VERSION,
    read_samples,
    write_samples,
)
from saladkit.runtime import Run, available_cores, progress
from saladkit.speech.synthesis import Speak, speakers, voice_of_row
from saladkit.speech.voices.voice import open_voice

ROWS_PER_PART = 512
SPOKEN = ("audio", "duration", "speaker", "words")
CHOICES_AUDIO = "choices_audio"
SECONDS_PER_WORD = 0.36  # measured on the desk's texts with espeak at its default rate; for --dry-run only


def synth(
    source: str,
    output: str | Path,
    *,
    voices: list[str],
    choices: bool = False,
    seed: int = 0,
    workers: int = 0,
    names: ColumnNames = OUR_NAMES,
    limit: int | None = None,
    num_shards: int = 1,
    shard_index: int = 0,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Speak every row of `source`, each with one of `voices`, chosen by seed and id.

    All other columns of the rows are kept. A row that its voice cannot speak is left out and listed in the manifest.

    Args:
        choices: also speak each of a row's `choices`, in the row's voice, as `choices_audio`.

    Returns:
        The summary: rows, hours, rows per voice, times faster than real time.

    Raises:
        SaladError: samples or a voice that are none, or no row that can be spoken.
    """
    workers = workers or available_cores()
    run = Run("synth", workers)
    for voice in voices:
        open_voice(voice)
    table = read_samples(source, needed=["id", "text", *(["choices"] if choices else [])], names=names, limit=limit)
    table = table.drop_columns([column for column in (*SPOKEN, CHOICES_AUDIO) if column in table.column_names])
    if dry_run:
        words = sum(len(text.split()) for text in table.column("text").to_pylist())
        hours = round(words * SECONDS_PER_WORD / 3600, 3)
        return run.summary({"dry_run": True, "rows": table.num_rows, "words": words, "predicted_hours": hours})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="synth",
        settings={"voices": voices, "choices": choices, "seed": seed, "limit": limit, "columns": vars(names)},
        inputs={"samples": source},
        overwrite=overwrite,
    )
    if writer.finished is not None:
        return writer.finished
    starts = range(0, table.num_rows, ROWS_PER_PART)
    with speakers(workers) as speak, progress(None, total=table.num_rows, what="synth", unit="row") as bar:
        for index, start in enumerate(starts):
            name = part_name(index, len(starts), ".parquet")
            part = table.slice(start, ROWS_PER_PART)
            if index % num_shards != shard_index or writer.has(name):
                bar.update(part.num_rows)
                continue
            ids, texts = part.column("id").to_pylist(), part.column("text").to_pylist()
            asked = [(id_, text, voice_of_row(id_, voices, seed)) for id_, text in zip(ids, texts, strict=True)]
            made = {}
            for place, row in speak(asked):
                made[place] = row
                bar.update()
            rows = [made[place] for place in range(len(asked))]
            if choices:
                rows = _with_choices(rows, asked, part.column("choices").to_pylist(), speak)
            failed = [row for row in rows if "reason" in row]
            spoken = [row for row in rows if "reason" not in row]
            silent = {row["id"] for row in failed}
            part = part.filter(pa.array([id_ not in silent for id_ in ids]))
            if choices:
                part = part.append_column(
                    CHOICES_AUDIO, pa.array([row[CHOICES_AUDIO] for row in spoken], pa.list_(AUDIO))
                )
            for column in SPOKEN:
                part = part.append_column(column, pa.array([row[column] for row in spoken], COLUMNS[column]))
            if failed:
                write_json(writer.path / _skipped_name(name), {"skipped": failed})
            with writer.writing(name) as aside:
                write_samples(part, aside)
    parts = [part_name(index, len(starts), ".parquet") for index in range(len(starts))]
    if not writer.has_all(parts):
        return run.summary({"shards_missing": True, "rows": table.num_rows})
    return _finish(run, writer, source, parts)


def _with_choices(
    rows: list[dict], asked: list[tuple[str, str, str]], choices: list[list[str]], speak: Speak
) -> list[dict]:
    """The rows with their choices' recordings; one of whose choices cannot be spoken is left out itself."""
    every = [
        (place, f"{asked[place][0]}/{i}", text) for place, of_row in enumerate(choices) for i, text in enumerate(of_row)
    ]
    spoken = dict(speak([(id_, text, asked[place][2]) for place, id_, text in every]))
    found: list[dict] = [row if "reason" in row else row | {CHOICES_AUDIO: []} for row in rows]
    for number, (place, id_, _) in enumerate(every):
        row, option = found[place], spoken[number]
        if "reason" in row:
            continue
        if "reason" in option:
            found[place] = {"id": row.get("id", asked[place][0]), "reason": f"choice {id_}: {option['reason']}"}
        else:
            row[CHOICES_AUDIO].append(option["audio"])
    return found


def _skipped_name(part: str) -> str:
    return f"skipped-{part.removesuffix('.parquet')}.json"


def _finish(run: Run, writer: ArtefactWriter, source: str, parts: list[str]) -> dict:
    skipped = []
    for name in map(_skipped_name, parts):
        if writer.has(name):
            skipped += read_json(writer.path / name)["skipped"]
    made = pa.concat_tables(
        [_columns(writer.path / name, ["duration", "speaker", "predicted_duration"]) for name in parts],
        promote_options="default",
    )
    if made.num_rows == 0:
        raise SaladError(f"no row of {source} could be spoken: {skipped[0]['reason']}", "Look at the texts and voices.")
    seconds = sum(made.column("duration").to_pylist())
    writer.finish(counts={"rows": made.num_rows, "seconds_of_speech": round(seconds, 3)}, skipped=skipped)
    figures = {
        "rows": made.num_rows,
        "skipped": len(skipped),
        "hours_of_speech": round(seconds / 3600, 4),
        **_against_prediction(made),
        "rows_by_voice": dict(sorted(Counter(made.column("speaker").to_pylist()).items())),
        "times_real_time": round(seconds / max(run.seconds(), 0.01), 1),
    }
    return run.summary(figures, writer)


def _columns(part: Path, names: list[str]) -> pa.Table:
    return pq.read_table(part, columns=[name for name in names if name in pq.read_schema(part).names])


def _against_prediction(made: pa.Table) -> dict[str, float]:
    """How much longer than `select` predicted all of it is, and by how much a row differs on average; both relative."""
    if "predicted_duration" not in made.column_names:
        return {}
    column = made.column("predicted_duration")
    if not pa.types.is_floating(column.type):  # somebody else's
        return {}
    predicted, spoken = column.to_numpy(), made.column("duration").to_numpy()
    known = np.isfinite(predicted) & (predicted > 0)
    if not known.any():
        return {}
    predicted, spoken = predicted[known], spoken[known]
    return {
        "longer_than_predicted": round(float(spoken.sum() / predicted.sum() - 1), 4),
        "row_differs_from_predicted": round(float(np.mean(np.abs(spoken - predicted) / predicted)), 4),
    }
