"""`cache-speech`: run the frozen part of the speech encoder once for all later training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from saladkit.caching.layout_parts import LayoutParts
from saladkit.caching.recording_parts import RecordingParts
from saladkit.errors import SaladError
from saladkit.formats import frames_cache, layouts_cache
from saladkit.formats.files import part_name, read_json, write_json
from saladkit.job import Clock, Job, Made, Part, Work, numbered
from saladkit.machine import resolve_device
from saladkit.model.loading import load_tokenizer
from saladkit.progress import say
from saladkit.rows.timed_speech import read_timed_speech
from saladkit.rows.tokens import tokenizer_digest
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.sources.samples import check_ids_distinct, read_samples
from saladkit.speech.audio.audio_rows import AudioRows, audio_counts, check_usable
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.front_end import FrontEnd, leak_of, looks_ahead

ROWS_PER_PART = 256  # minutes on a CPU; a killed process repeats at most as many


@dataclass(frozen=True)
class Source:
    """One input.

    Attributes:
        table: rows whose audio is to be encoded.
        audio: the rows that were left out, at first those without word times.
        rows: number of all rows.
    """

    name: str
    table: pa.Table
    audio: AudioRows
    rows: int


@dataclass(frozen=True)
class CacheKind:
    """What is made: a frames cache or a layouts cache."""

    schema: str
    version: int
    parts: RecordingParts | LayoutParts
    frames_in_part: Callable[[Path], int]
    identity: dict


def cache_speech(sources: list[str], output: str | Path, settings: CacheSpeechSettings) -> dict:
    """Store the frames of every recording in `sources`, the output of the speech encoder's front end.

    With `layouts`, spans of text and speech are drawn ahead for each row, and only the speech spans are encoded, each
    alone. Rows whose audio cannot be used are left out, and listed in the manifest with the reason.

    Returns:
        The summary: rows, rows left out, bytes, bytes per second of speech.

    Raises:
        SaladError: there is no such encoder or it needs no layouts, samples cannot be read, or the audio of most rows
            cannot be used, or with `strict` that of any row.
    """
    clock = Clock()
    front_end = open_front_end(settings, device=resolve_device(settings.device), dtype=settings.dtype)
    _check_layouts(settings, front_end)
    read = [_read(source, settings, output) for source in sources]
    check_ids_distinct([(source.name, source.table) for source in read])
    kind = _layouts_cache(settings, front_end) if settings.layouts else _frames_cache(settings, front_end)
    inputs: dict[str, str | Path | None] = {"speech encoder": settings.encoder_model()}
    inputs |= numbered("samples", sources) | numbered("words", settings.words if settings.layouts else ())
    identified = {"encoder": front_end.identity["name"]}
    identified |= {"tokenizer": kind.identity["tokenizer"]} if settings.layouts else {}
    job = Job("cache-speech", kind.schema, kind.version, settings, inputs, identified=identified, clock=clock)
    return job.run(
        output,
        plan={"rows": sum(source.table.num_rows for source in read)},
        make=lambda work: _make(work, read, kind, front_end, settings),
        foresee=lambda: _foreseen(read, kind, front_end, settings.strict),
    )


def _check_layouts(settings: CacheSpeechSettings, front_end: FrontEnd) -> None:
    """Refuse layouts for a causal encoder."""
    if settings.layouts and not looks_ahead(front_end.identity):
        raise SaladError(
            f"--layouts {settings.layouts} for {settings.encoder}, which does not look ahead",
            "Leave --layouts and --tokenizer out: frames of whole recordings serve every interleaving.",
        )


def _read(source: str, settings: CacheSpeechSettings, output: str | Path) -> Source:
    if settings.layouts:
        table, audio = read_timed_speech(
            source,
            word_times=settings.words,
            names=settings.names,
            limit=settings.limit,
            strict=settings.strict,
            beside=output,
        )
        return Source(source, table, audio, table.num_rows + len(audio.bad))
    # a row without audio is listed, and is no error
    columns = {"needed": ["id", "audio"], "lacking": ["audio"], "optional": ["duration"]}
    table = read_samples(source, **columns, names=settings.names, limit=settings.limit, beside=output)
    return Source(source, table, AudioRows(source, settings.strict), table.num_rows)


def _frames_cache(settings: CacheSpeechSettings, front_end: FrontEnd) -> CacheKind:
    identity = {"encoder": front_end.identity, "frames_per_second": front_end.frames_per_second}
    parts = RecordingParts(front_end, settings)
    return CacheKind(frames_cache.SCHEMA, frames_cache.VERSION, parts, frames_cache.frames_in_part, identity)


def _layouts_cache(settings: CacheSpeechSettings, front_end: FrontEnd) -> CacheKind:
    assert settings.tokenizer is not None  # the settings have checked it
    tokenizer = load_tokenizer(settings.tokenizer)
    identity = {"encoder": front_end.identity, "frames_per_second": front_end.frames_per_second}
    identity |= {"layouts": settings.layouts, "interleaving": settings.interleaving}
    identity |= {"tokenizer": tokenizer_digest(tokenizer)}
    parts = LayoutParts(front_end, tokenizer, settings)
    return CacheKind(layouts_cache.SCHEMA, layouts_cache.VERSION, parts, layouts_cache.frames_in_part, identity)


def _make(
    work: Work, sources: list[Source], kind: CacheKind, front_end: FrontEnd, settings: CacheSpeechSettings
) -> Made:
    if looks_ahead(front_end.identity) and not settings.layouts:
        say(leak_of(settings.encoder))
    pieces = [
        (source.name, source.table.slice(start, ROWS_PER_PART))
        for source in sources
        for start in range(0, source.table.num_rows, ROWS_PER_PART)
    ]
    parts = [
        Part((part_name(i, len(pieces), ".safetensors"), part_name(i, len(pieces), ".parquet")), piece.num_rows)
        for i, (_, piece) in enumerate(pieces)
    ]

    def fill(missing: Iterator[int]) -> int:
        made = 0
        for index in missing:
            name, piece = pieces[index]
            audio = AudioRows(name, settings.strict)
            encoded = kind.parts.encode(piece, audio, work.advance)
            made += encoded.frames
            path = work.path / parts[index].files[0]
            if record := audio.record() | ({"too_long": encoded.too_long} if encoded.too_long else {}):
                write_json(_record_of(path), record)
            encoded.write(path)
        return made

    made = work.fill(parts, fill, unit="recording")
    speed = round(sum(made) / front_end.frames_per_second / max(work.busy_seconds(), 0.01), 1)
    audio, skipped = _found(work, sources, [(name, part) for (name, _), part in zip(pieces, parts, strict=True)])
    frames = sum(kind.frames_in_part(work.path / part.files[0]) for part in parts)
    counts, mended = {"rows": sum(source.rows for source in sources) - len(skipped)}, audio_counts(audio)
    figures = {
        "skipped": len(skipped),
        "bytes": work.bytes(),
        "bytes_per_second_of_speech": round(work.bytes() / max(frames, 1) * front_end.frames_per_second, 1),
        "times_real_time": speed,
    }
    return Made(counts | mended, counts | figures | mended, skipped, kind.identity)


def _found(work: Work, sources: list[Source], parts: list[tuple[str, Part]]) -> tuple[list[AudioRows], list[dict]]:
    """Return what was found out about the audio of each source, and the rows that were left out, as a manifest lists
    them; fail if most rows of a source cannot be used.
    """
    found = {source.name: source.audio for source in sources}
    too_long = []
    for name, part in parts:
        path = _record_of(work.path / part.files[0])
        record = read_json(path) if work.has(path.name) else {}
        found[name].restore(record)
        too_long += [{"id": id_, "source": name, "reason": reason} for id_, reason in record.get("too_long", [])]
    check_usable([(source.audio, source.rows) for source in sources], work.discard)
    return list(found.values()), [row for audio in found.values() for row in audio.listed()] + too_long


def _record_of(part: Path) -> Path:
    """Return the file of what was found out about the audio of a part; there is none if all is as it should be."""
    return part.with_name(f"audio-{part.stem}.json")


def _foreseen(sources: list[Source], kind: CacheKind, front_end: FrontEnd, strict: bool) -> dict:
    seconds = sum(kind.parts.seconds(source.table, AudioRows(source.name, strict)) for source in sources)
    size = round(seconds * front_end.frames_per_second * front_end.bytes_per_frame)
    return {"seconds_of_speech": seconds, "bytes": size}
