"""`synth`: turn texts into speech with word times, by several voices."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.digests import digest_json
from saladkit.formats.files import part_name, read_json
from saladkit.formats.samples import SCHEMA, VERSION, write_samples
from saladkit.formats.spoken_rows import CHOICES, SPOKEN, TRANSCRIBED, WITH_MARKUP, EarlierRecordings, spoken_columns
from saladkit.formats.words import words_of_text
from saladkit.job import Clock, Job, Made, Part, Work, numbered
from saladkit.machine import available_cores
from saladkit.settings.synth import SynthSettings
from saladkit.sources.samples import read_samples
from saladkit.speech.synthesis.choices import check_choices, with_choices
from saladkit.speech.synthesis.expected_length import expected_seconds
from saladkit.speech.synthesis.figures import COLUMNS, figures, seconds_of_speech
from saladkit.speech.synthesis.marked_rows import MarkedRows, heed_markup
from saladkit.speech.synthesis.models import (
    described,
    forget_aligner_and_recognizer,
    forget_voices,
    identities,
    voice_named,
)
from saladkit.speech.synthesis.requests import request_of_row
from saladkit.speech.synthesis.store import Recordings
from saladkit.speech.synthesis.workers import Speakers

ROWS_PER_PART = 512
SECONDS_PER_PART = 3600.0  # expected, choices included; 160 MB as WAV at 22 kHz, which a part holds in memory
_FIX = "Check that the voices speak the language of the texts, or loosen the bounds of the gate (see --help)."


def synth(source: str, output: str | Path, settings: SynthSettings) -> dict:
    """Speak every row of `source`, and with `choices` also its choices, by a voice drawn by seed and id.

    All other columns are kept, and markup is heeded first, as `settings.markup` says. A row that the voice cannot
    speak, or whose recording fails the checks of the gate, is left out and listed in the manifest. Recordings made
    before, in this run or in one of `reuse`, are copied.

    Returns:
        The summary: rows, hours, rows per voice, rows left out by each check, seconds of speech made per second.

    Raises:
        SaladError: samples, a voice, an aligner or a recognizer cannot be opened, an engine fails on many rows in
            succession, or no row can be spoken.
    """
    clock, workers = Clock(), settings.workers or available_cores()
    forget_voices()  # their files may have changed since an earlier run in this process
    forget_aligner_and_recognizer()
    engines = {name: voice_named(name, settings.device).identity for name in settings.voices}
    models = identities(settings)
    if workers > 1:  # each worker process opens its own
        forget_aligner_and_recognizer()
    table, marked = heed_markup(_read(source, output, settings), settings)
    before = EarlierRecordings()
    for path in settings.reuse:
        before.add_artefact(path)
    seconds = _expected_seconds(table, settings)
    spans = _part_spans(seconds)
    names = [part_name(index, len(spans), ".parquet") for index in range(len(spans))]
    parts = [Part((_left_out_name(name), name), end - begin) for name, (begin, end) in zip(names, spans, strict=True)]

    def make(work: Work) -> Made:
        for index in work.ready(parts):
            before.add(work.path / names[index])
        with Speakers(workers, settings) as speakers:
            recordings = Recordings(speakers, before, settings, digest_json(described(settings, models)))

            def fill(missing: Iterator[int]) -> None:
                for index in missing:
                    begin, end = spans[index]
                    _write_part(work, names[index], table.slice(begin, end - begin), recordings, settings)
                    before.add(work.path / names[index])

            try:
                work.fill(parts, fill)
            finally:  # processes that share the work may end here
                clock.peak_bytes_of_workers = speakers.peak_memory_bytes
        return _made(work, names, source, marked, settings, recordings.seconds_spoken)

    job = Job(
        "synth",
        SCHEMA,
        VERSION,
        settings,
        inputs={"samples": source},
        also_read=numbered("reuse", settings.reuse),
        identified={"engines": engines, "asr": settings.asr, **models},
        clock=clock,
    )
    return job.run(output, plan={"rows": table.num_rows}, make=make, foresee=lambda: _foreseen(table, seconds))


def _read(source: str, output: str | Path, settings: SynthSettings) -> pa.Table:
    needed = ["id", "text", *(["choices"] if settings.choices else [])]
    made_anew = (*SPOKEN, *TRANSCRIBED, *CHOICES, WITH_MARKUP)
    table = read_samples(
        source, needed=needed, without=made_anew, names=settings.names, limit=settings.limit, beside=output
    )
    if settings.choices:
        check_choices(table, source)
    return table


def _expected_seconds(table: pa.Table, settings: SynthSettings) -> list[float]:
    """Return the expected duration of each row's speech, choices included, in s."""
    seconds = [expected_seconds(text) for text in table.column("text").to_pylist()]
    if not settings.choices:
        return seconds
    choices = table.column("choices").to_pylist()
    return [own + sum(map(expected_seconds, of_row)) for own, of_row in zip(seconds, choices, strict=True)]


def _foreseen(table: pa.Table, seconds: list[float]) -> dict:
    words = sum(len(words_of_text(text)) for text in table.column("text").to_pylist())
    return {"words": words, "predicted_hours": round(sum(seconds) / 3600, 3)}


def _part_spans(seconds: list[float]) -> list[tuple[int, int]]:
    """Return the rows [begin, end) of each part, with a limit on their number and on their expected duration."""
    spans, begin, total = [], 0, 0.0
    for row, expected in enumerate(seconds):
        if row > begin and (row - begin == ROWS_PER_PART or total + expected > SECONDS_PER_PART):
            spans.append((begin, row))
            begin, total = row, 0.0
        total += expected
    return [*spans, (begin, len(seconds))]


def _write_part(work: Work, name: str, part: pa.Table, recordings: Recordings, settings: SynthSettings) -> None:
    ids, texts = part.column("id").to_pylist(), part.column("text").to_pylist()
    requests = [request_of_row(id_, text, settings.voices, settings.seed) for id_, text in zip(ids, texts, strict=True)]
    rows = recordings.of_rows(requests, work.advance)
    if settings.choices:
        rows = with_choices(rows, requests, part.column("choices").to_pylist(), recordings, settings.markup)
    left_out = [row for row in rows if "reason" in row]
    spoken = [row for row in rows if "reason" not in row]
    silent = {row["id"] for row in left_out}
    part = part.filter(pa.array([id_ not in silent for id_ in ids], pa.bool_()))
    columns = spoken_columns(spoken, transcribed=settings.asr is not None, choices=settings.choices)
    for column, values in columns.items():
        part = part.append_column(column, values)
    with work.writing(name) as aside:
        write_samples(part, aside)
    with work.writing(_left_out_name(name)) as aside:
        aside.write_text(json.dumps({"left_out": left_out}))


def _left_out_name(part: str) -> str:
    return f"left-out-{part.removesuffix('.parquet')}.json"


def _made(
    work: Work,
    names: list[str],
    source: str,
    marked: MarkedRows,
    settings: SynthSettings,
    seconds_spoken: float,
) -> Made:
    left_out = marked.skipped + [
        row for name in names for row in read_json(work.path / _left_out_name(name))["left_out"]
    ]
    made = pa.concat_tables([_figured(work.path / name) for name in names], promote_options="default")
    if made.num_rows == 0:
        work.discard()
        first = left_out[0]
        raise SaladError(f"no row of {source} could be spoken: {first['reason']}", first.get("fix", _FIX))
    found = figures(marked.asked, made, left_out, settings)
    return Made(
        counts={
            "rows": made.num_rows,
            "seconds_of_speech": round(seconds_of_speech(made), 3),
            "left_out_by": found["left_out_by"],
            **marked.counts(),
        },
        skipped=[{"id": row["id"], "reason": row["reason"]} for row in left_out],
        figures=found
        | marked.counts()
        | {"times_real_time": round(seconds_spoken / max(work.busy_seconds(), 0.01), 1)},
    )


def _figured(part: Path) -> pa.Table:
    return pq.read_table(part, columns=[name for name in COLUMNS if name in pq.read_schema(part).names])
