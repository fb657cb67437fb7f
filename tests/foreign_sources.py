"""The same three utterances in the layout of every foreign source."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from saladkit.formats.words import Word
from saladkit.speech.voices.voice import open_voice

TEXTS = {"one": "Water boils near the sea.", "two": "Most people walk home late.", "three": "Seven dogs sleep."}
GAP = 0.5  # s of silence between the utterances of a long recording


@dataclass(frozen=True)
class Spoken:
    """One utterance."""

    name: str
    text: str
    samples: np.ndarray
    rate: int
    words: list[Word]


def speak_all() -> list[Spoken]:
    """The utterances, in the order of their names' ids."""
    voice = open_voice("espeak:en-us")
    found = []
    for name, text in TEXTS.items():
        said = voice.speak(text)
        found.append(Spoken(name, text, said.samples, said.sample_rate, said.words))
    return found


def write_wav(path: Path, samples: np.ndarray, rate: int) -> Path:
    """16-bit, as the voice speaks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def write_lines(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_long(path: Path, spoken: list[Spoken]) -> list[tuple[float, float]]:
    """Write all utterances into one file; return the start and the length of each, in seconds."""
    pieces, spans, at = [], [], 0
    for one in spoken:
        pause = np.zeros(round(GAP * one.rate), np.float32)
        pieces += [pause, one.samples]
        at += len(pause)
        spans.append((at / one.rate, len(one.samples) / one.rate))
        at += len(one.samples)
    write_wav(path, np.concatenate(pieces), spoken[0].rate)
    return spans


def nemo(folder: Path, spoken: list[Spoken]) -> Path:
    for one in spoken:
        write_wav(folder / "wav" / f"{one.name}.wav", one.samples, one.rate)
    rows = [
        {"audio_filepath": f"wav/{one.name}.wav", "duration": len(one.samples) / one.rate, "text": one.text, "lang": 1}
        for one in spoken
    ]
    return write_lines(folder / "manifest.json", rows)


def nemo_stretches(folder: Path, spoken: list[Spoken]) -> Path:
    spans = write_long(folder / "long.flac", spoken)
    rows = [
        {"audio_filepath": str(folder / "long.flac"), "offset": begin, "duration": seconds, "text": one.text}
        for one, (begin, seconds) in zip(spoken, spans, strict=True)
    ]
    return write_lines(folder / "manifest.jsonl", rows)


def audiofolder(folder: Path, spoken: list[Spoken], suffix: str = ".csv") -> Path:
    """One table in the folder, and one in a folder in it."""
    first, *others = spoken
    for place, rows in ((folder, [first]), (folder / "train", others)):
        place.mkdir(parents=True, exist_ok=True)
        for one in rows:
            write_wav(place / "data" / f"{one.name}.wav", one.samples, one.rate)
        table = [{"file_name": f"data/{one.name}.wav", "text": one.text, "speaker": "7"} for one in rows]
        if suffix == ".csv":
            with open(place / "metadata.csv", "w", newline="") as stream:
                writer = csv.DictWriter(stream, ["file_name", "text", "speaker"])
                writer.writeheader()
                writer.writerows(table)
        elif suffix == ".jsonl":
            write_lines(place / "metadata.jsonl", table)
        else:
            pq.write_table(pa.Table.from_pylist(table), place / "metadata.parquet")
    return folder


def common_voice(folder: Path, spoken: list[Spoken], suffix: str = ".wav") -> Path:
    lines = ["client_id\tpath\tsentence\tage"]
    for one in spoken:
        write_wav(folder / "clips" / f"{one.name}.wav", one.samples, one.rate)
        lines.append(f"somebody\t{one.name}{suffix}\t{one.text}\t")
    path = folder / "validated.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def text_beside(folder: Path, spoken: list[Spoken], suffix: str = ".txt") -> Path:
    for one in spoken:
        path = write_wav(folder / one.name[0] / f"{one.name}.wav", one.samples, one.rate)
        path.with_name(one.name + suffix).write_text(one.text + "\n", encoding="utf-8-sig")
    return folder


def librispeech(folder: Path, spoken: list[Spoken]) -> Path:
    place = folder / "84" / "121123"
    for number, one in enumerate(spoken):
        path = place / f"84-121123-{number:04d}.flac"
        write_wav(path, one.samples, one.rate)
    lines = [f"84-121123-{number:04d} {one.text}\n" for number, one in enumerate(spoken)]
    (place / "84-121123.trans.txt").write_text("".join(lines))
    return folder
