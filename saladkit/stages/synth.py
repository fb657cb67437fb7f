"""`synth`: text to speech with word times, many voices, resumable by shard."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter, create_artefact
from saladkit.formats.digests import digest_json
from saladkit.formats.files import part_name, read_json
from saladkit.formats.samples import SCHEMA, VERSION, is_text, write_samples
from saladkit.formats.spoken_rows import (
    CHOICES,
    CHOICES_AUDIO,
    CHOICES_KEYS,
    HEARD,
    SPOKEN,
    SpokenBefore,
    spoken_columns,
)
from saladkit.machine import available_cores
from saladkit.progress import progress
from saladkit.runtime import Run
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import read_samples
from saladkit.speech.synthesis.counts import against_prediction, left_out_by, left_out_by_region, understood
from saladkit.speech.synthesis.gate import expected_seconds
from saladkit.speech.synthesis.row import Request, SpeakingSettings, forget_models, voice_named
from saladkit.speech.synthesis.store import Recordings
from saladkit.speech.synthesis.workers import Speakers, request_of_row

ROWS_PER_PART = 512
SECONDS_PER_PART = 3600.0  # expected, choices included; 160 MB as WAV at 22 kHz, held in memory while they are made


def synth(
    source: str,
    output: str | Path,
    *,
    voices: list[str],
    settings: SpeakingSettings | None = None,
    choices: bool = False,
    reuse: tuple[str, ...] = (),
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

    All other columns of the rows are kept. A row that its voice cannot speak, or whose recording does not pass the
    gate, is left out and listed in the manifest. What has been spoken before, in this run or in one of `reuse`, is
    copied.

    Args:
        choices: also speak each of a row's `choices`, in the row's voice, as `choices_audio`.

    Returns:
        The summary: rows, hours, rows per voice, rows left out by each check, how many times faster than real time
        the speech of this run was made.

    Raises:
        SaladError: samples or a voice that are none, an engine that fails on everything, or no row that can be spoken.
    """
    settings, workers = settings or SpeakingSettings(), workers or available_cores()
    run = Run("synth", workers)
    voice_named.cache_clear()  # files may have changed since an earlier run in this process
    forget_models()
    identities = {name: voice_named(name, settings.device).identity for name in voices}
    described = settings.described()
    if workers > 1:
        forget_models()
    needed, made_anew = ["id", "text", *(["choices"] if choices else [])], (*SPOKEN, *HEARD, *CHOICES)
    table = read_samples(source, needed=needed, without=made_anew, names=names, limit=limit, beside=output)
    texts = table.column("text").to_pylist()
    seconds = [expected_seconds(text) for text in texts]
    if choices:
        _check_choices(table, source)
        of_rows = table.column("choices").to_pylist()
        seconds = [own + sum(map(expected_seconds, of_row)) for own, of_row in zip(seconds, of_rows, strict=True)]
    if dry_run:
        words, hours = sum(len(text.split()) for text in texts), round(sum(seconds) / 3600, 3)
        return run.summary({"dry_run": True, "rows": table.num_rows, "words": words, "predicted_hours": hours})
    before = SpokenBefore()
    for path in reuse:
        before.add_artefact(path)
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="synth",
        settings={
            "voices": voices,
            "engines": identities,
            "speaking": described,
            "choices": choices,
            "seed": seed,
            "limit": limit,
            "columns": vars(names),
        },
        inputs={"samples": source},
        also_read={f"reuse {i}": path for i, path in enumerate(reuse)},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None:
        return writer.finished
    spans = _part_spans(seconds)
    parts = [part_name(index, len(spans), ".parquet") for index in range(len(spans))]
    lists = [_left_out_name(part) for part in parts]
    with Speakers(workers, settings) as speakers, progress(None, total=table.num_rows, what="synth", unit="row") as bar:
        speech = Recordings(speakers, before, settings, digest_json(described))
        for index, (name, (begin, end)) in enumerate(zip(parts, spans, strict=True)):
            if writer.has_all([_left_out_name(name), name]):
                before.add(writer.path / name)
                bar.update(end - begin)
            elif index % num_shards == shard_index:
                _write_part(writer, name, table.slice(begin, end - begin), speech, voices, seed, choices, bar.update)
                before.add(writer.path / name)
    if not writer.has_all([*parts, *lists]):
        return run.summary({"shards_missing": True, "rows": table.num_rows})
    return _finish(run, writer, source, parts, table, voices, seed, speech.seconds_spoken)


def _check_choices(table: pa.Table, source: str) -> None:
    column = table.column("choices")
    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    if not is_list or not is_text(column.type.value_type):
        raise SaladError(
            f"{source}: the choices are {column.type}, not lists of texts", "Give each row a list of texts."
        )
    if pc.list_flatten(column).null_count:
        raise SaladError(f"{source}: there are choices without a text", "Give every choice a text, or take it out.")


def _part_spans(seconds: list[float]) -> list[tuple[int, int]]:
    """Rows [begin, end) of each shard: as many as it may have in number and in expected seconds."""
    spans, begin, total = [], 0, 0.0
    for row, expected in enumerate(seconds):
        if row > begin and (row - begin == ROWS_PER_PART or total + expected > SECONDS_PER_PART):
            spans.append((begin, row))
            begin, total = row, 0.0
        total += expected
    return [*spans, (begin, len(seconds))]


def _write_part(
    writer: ArtefactWriter,
    name: str,
    part: pa.Table,
    speech: Recordings,
    voices: list[str],
    seed: int,
    choices: bool,
    spoke: Callable[[int], object],
) -> None:
    ids, texts = part.column("id").to_pylist(), part.column("text").to_pylist()
    requests = [request_of_row(id_, text, voices, seed) for id_, text in zip(ids, texts, strict=True)]
    rows = speech.of_rows(requests, spoke)
    if choices:
        rows = _with_choices(rows, requests, part.column("choices").to_pylist(), speech)
    left_out = [row for row in rows if "reason" in row]
    spoken = [row for row in rows if "reason" not in row]
    silent = {row["id"] for row in left_out}
    part = part.filter(pa.array([id_ not in silent for id_ in ids]))
    for column, values in spoken_columns(spoken, heard=speech.settings.asr is not None, choices=choices).items():
        part = part.append_column(column, values)
    with writer.writing(name) as aside:
        write_samples(part, aside)
    with writer.writing(_left_out_name(name)) as aside:
        aside.write_text(json.dumps({"left_out": left_out}))


def _with_choices(
    rows: list[dict], requests: list[Request], choices: list[list[str]], speech: Recordings
) -> list[dict]:
    """The rows with their choices' recordings; one of whose choices cannot be spoken is left out itself."""
    every = [
        (place, replace(requests[place], id=f"{requests[place].id}/{i}", text=text))
        for place, of_row in enumerate(choices)
        for i, text in enumerate(of_row)
    ]
    spoken = speech.of_choices([request for _, request in every])
    found: list[dict] = [row if "reason" in row else row | {CHOICES_AUDIO: [], CHOICES_KEYS: []} for row in rows]
    for (place, request), option in zip(every, spoken, strict=True):
        row = found[place]
        if "reason" in row:
            continue
        if "reason" in option:
            found[place] = option | {"id": requests[place].id, "reason": f"choice {request.id}: {option['reason']}"}
        else:
            row[CHOICES_AUDIO].append(option["audio"])
            row[CHOICES_KEYS].append(option["speech_key"])
    return found


def _left_out_name(part: str) -> str:
    return f"left-out-{part.removesuffix('.parquet')}.json"


def _finish(
    run: Run,
    writer: ArtefactWriter,
    source: str,
    parts: list[str],
    table: pa.Table,
    voices: list[str],
    seed: int,
    seconds_spoken: float,
) -> dict:
    left_out = [row for name in parts for row in read_json(writer.path / _left_out_name(name))["left_out"]]
    columns = ["id", "duration", "words_source", "predicted_duration", "cer"]
    made = pa.concat_tables([_columns(writer.path / name, columns) for name in parts], promote_options="default")
    if made.num_rows == 0:
        writer.take_away()
        first = left_out[0]
        raise SaladError(
            f"no row of {source} could be spoken: {first['reason']}", first.get("fix", "Look at the texts and voices.")
        )
    seconds = sum(made.column("duration").to_pylist())
    causes = left_out_by(left_out)
    sources = Counter(source or "none" for source in made.column("words_source").to_pylist())
    counts = {"rows": made.num_rows, "seconds_of_speech": round(seconds, 3), "left_out_by": causes}
    by_voice = Counter(request_of_row(id_, "", voices, seed).voice for id_ in made.column("id").to_pylist())
    figures = {
        "rows": made.num_rows,
        "skipped": len(left_out),
        "left_out_by": causes,
        "hours_of_speech": round(seconds / 3600, 4),
        **against_prediction(made),
        **understood(made),
        **left_out_by_region(table, left_out),
        "rows_by_voice": dict(sorted(by_voice.items())),
        "rows_by_words_source": dict(sorted(sources.items())),
        "times_real_time": round(seconds_spoken / max(run.seconds(), 0.01), 1),
    }
    writer.finish(counts=counts, skipped=[{"id": row["id"], "reason": row["reason"]} for row in left_out])
    return run.summary(figures, writer)


def _columns(part: Path, names: list[str]) -> pa.Table:
    return pq.read_table(part, columns=[name for name in names if name in pq.read_schema(part).names])
