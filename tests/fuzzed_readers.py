"""What reads samples, word times and recordings of strangers, each with small valid files to damage."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import files_of_word_times
import foreign_sources
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from foreign_sources import TEXTS, Spoken, write_lines
from noise import noise

from saladkit.errors import SaladError
from saladkit.formats.samples import iterate_rows, words_from_row
from saladkit.formats.words import words_of_text
from saladkit.sources.samples import read_samples
from saladkit.sources.word_times.known_times import open_times
from saladkit.speech.aligners.pairing import pair_words
from saladkit.speech.audio.audio_rows import AudioRows
from saladkit.speech.audio.decoding import decode_audio, seconds_of_row

RATE = 8000
MESSAGES = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "Salt."}]
TIMES = [{"word": "Water", "start": 0.0, "end": 0.1, "score": 0.5}, {"word": "boils.", "start": 0.1, "end": None}]


class Reader(NamedTuple):
    """Write small valid files into an empty folder, and read all of them."""

    write: Callable[[Path], object]
    read: Callable[[Path], object]


def _spoken() -> list[Spoken]:
    """Short noises, which pass for the utterances of foreign sources."""
    return [Spoken(name, text, noise(RATE // 4, seed=at), RATE, []) for at, (name, text) in enumerate(TEXTS.items())]


def read_source(source: Path) -> None:
    """Read samples as stages do: all columns, words, messages and audio."""
    table = read_samples(str(source), needed=["id", "text"])
    for row in iterate_rows(table):
        words_of_text(row["text"])
        if row.get("words"):
            words_from_row(row)
    if "audio" in table.column_names:
        AudioRows(str(source)).sift(table)


def _foreign(lay_out: Callable[..., Path], source: str = "", **options: str) -> Reader:
    return Reader(lambda folder: lay_out(folder, _spoken(), **options), lambda folder: read_source(folder / source))


def _write_cuts(folder: Path) -> None:
    """Lhotse's cuts of recordings that are there."""
    from lhotse import CutSet, MonoCut, Recording, SupervisionSegment

    cuts = []
    for one in _spoken():
        path = foreign_sources.write_wav(folder / f"{one.name}.wav", one.samples, RATE)
        recording = Recording.from_file(path, recording_id=one.name)
        supervision = SupervisionSegment(one.name, one.name, 0.0, recording.duration, text=one.text, speaker="7")
        cuts.append(MonoCut(f"cut {one.name}", 0.0, recording.duration, 0, [supervision], recording=recording))
    CutSet.from_cuts(cuts).to_file(folder / "cuts.jsonl.gz")


def _own_rows(audio: Callable[[str, bytes], dict], folder: Path) -> list[dict]:
    found = []
    for one in _spoken():
        path = foreign_sources.write_wav(folder / f"{one.name}.wav", one.samples, RATE)
        row = {"id": one.name, "text": one.text, "audio": audio(path.name, path.read_bytes()), "duration": 0.25}
        found.append(row | {"speaker": "a", "domain": None, "words": TIMES, "cer": 0.1, "more": {"a": [1]}})
    return found


def _write_parquet(folder: Path) -> None:
    rows = _own_rows(lambda name, content: {"bytes": content, "path": None}, folder)
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")


def _write_jsonl(folder: Path) -> None:
    write_lines(folder / "rows.jsonl", _own_rows(lambda name, content: {"path": name}, folder))


def _arrow(new: Callable[[str, pa.Schema], pa.ipc.RecordBatchStreamWriter]) -> Reader:
    def write(folder: Path) -> None:
        table = pa.Table.from_pylist(_own_rows(lambda name, content: {"bytes": content, "path": None}, folder))
        with new(str(folder / "rows.arrow"), table.schema) as writer:
            writer.write_table(table)

    return Reader(write, lambda folder: read_source(folder / "rows.arrow"))


def _write_tagged_messages(folder: Path) -> None:
    """Conversations as ms-swift has them."""
    foreign_sources.write_wav(folder / "one.wav", noise(RATE // 4), RATE)
    row = {"id": "a", "messages": [{"role": "user", "content": "<audio> What is it?"}, MESSAGES[1]]}
    write_lines(folder / "rows.jsonl", [row | {"audios": ["one.wav"], "audio_texts": ["Salt?"]}])


def _write_messages(folder: Path) -> None:
    heard = {
        "role": "user",
        "content": [{"type": "text", "text": "And this?"}, {"type": "audio", "audio": "one.wav", "text": "This."}],
    }
    foreign_sources.write_wav(folder / "one.wav", noise(RATE // 4), RATE)
    write_lines(folder / "rows.jsonl", [{"id": "a", "messages": MESSAGES}, {"id": "b", "messages": [heard]}])


def _read_times(kind: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        (name,) = (path.name for path in folder.iterdir())
        known = open_times(f"{kind}:{folder / name}", [row["id"] for row in files_of_word_times.ROWS])
        for row in files_of_word_times.ROWS:
            try:
                pair_words(row["text"], known.words_of(row["id"]), row["duration"])
            except SaladError:  # the row is left out
                continue

    return read


def _times(write: Callable[[Path], str], kind: str) -> Reader:
    return Reader(write, _read_times(kind))


def _audio(suffix: str, subtype: str | None = None, channels: int = 1) -> Reader:
    """A recording, decoded from its path, from its content and from a stretch of it."""

    def write(folder: Path) -> None:
        samples = noise(2000 * channels).reshape(-1, channels)
        soundfile.write(
            folder / f"one{suffix}", samples, RATE, subtype=subtype, format="OGG" if suffix == ".opus" else None
        )

    def read(folder: Path) -> None:
        path = folder / f"one{suffix}"
        decoded = []
        for source in (path, path.read_bytes()):
            try:
                decoded.append(decode_audio(source, name="it"))
            except SaladError:
                continue
        row = {"id": "a", "audio": {"bytes": path.read_bytes()}}
        if len(decoded) != 1:
            seconds_of_row(row, "rows")

    return Reader(write, read)


READERS = {
    "samples in Parquet": Reader(_write_parquet, lambda folder: read_source(folder / "rows.parquet")),
    "samples in JSON lines": Reader(_write_jsonl, lambda folder: read_source(folder / "rows.jsonl")),
    "a folder of samples": Reader(_write_jsonl, read_source),
    "samples in an Arrow file": _arrow(pa.ipc.new_file),
    "samples in an Arrow stream": _arrow(pa.ipc.new_stream),
    "messages of ms-swift": Reader(_write_tagged_messages, lambda folder: read_source(folder / "rows.jsonl")),
    "messages": Reader(_write_messages, lambda folder: read_source(folder / "rows.jsonl")),
    "NeMo": _foreign(foreign_sources.nemo, "manifest.json"),
    "NeMo's stretches": _foreign(foreign_sources.nemo_stretches, "manifest.jsonl"),
    "audiofolder, CSV": _foreign(foreign_sources.audiofolder),
    "audiofolder, JSON lines": _foreign(foreign_sources.audiofolder, suffix=".jsonl"),
    "audiofolder, Parquet": _foreign(foreign_sources.audiofolder, suffix=".parquet"),
    "Common Voice": _foreign(foreign_sources.common_voice),
    "Spontaneous Speech": _foreign(foreign_sources.spontaneous),
    "texts beside": _foreign(foreign_sources.text_beside),
    "LibriSpeech": _foreign(foreign_sources.librispeech),
    "LJSpeech": _foreign(foreign_sources.ljspeech),
    "VCTK": _foreign(foreign_sources.vctk),
    "MLS": _foreign(foreign_sources.mls),
    "Kaldi": _foreign(foreign_sources.kaldi),
    "Lhotse cuts": Reader(_write_cuts, lambda folder: read_source(folder / "cuts.jsonl.gz")),
    "CTM": _times(files_of_word_times.write_ctm, "ctm"),
    "NeMo's CTM": _times(files_of_word_times.write_nemo, "ctm"),
    "TextGrid": _times(files_of_word_times.write_textgrids, "textgrid"),
    "WhisperX": _times(files_of_word_times.write_whisperx, "whisperx"),
    "Lhotse's times": _times(files_of_word_times.write_lhotse, "lhotse"),
    "Lhotse's supervisions": _times(files_of_word_times.write_lhotse_supervisions, "lhotse"),
    "WAV": _audio(".wav", "PCM_16", 2),
    "WAV of floats": _audio(".wav", "FLOAT"),
    "AIFF": _audio(".aiff", "PCM_16"),
    "FLAC": _audio(".flac"),
    "Ogg Vorbis": _audio(".ogg"),
    "Ogg Opus": _audio(".opus", "OPUS"),
    "MP3": _audio(".mp3"),
}
