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


def spontaneous(folder: Path, spoken: list[Spoken]) -> Path:
    """Common Voice Spontaneous Speech: a row without a transcription, and a table of reports beside."""
    columns = ["client_id", "audio_id", "audio_file", "duration_ms", "prompt_id", "prompt", "transcription", "votes"]
    lines = ["\t".join([*columns, "age", "gender", "language", "split", "char_per_sec", "quality_tags"])]
    for number, one in enumerate(spoken):
        name = f"spontaneous-speech-en-{number}.wav"
        write_wav(folder / "audios" / name, one.samples, one.rate)
        milliseconds = round(1000 * len(one.samples) / one.rate)
        values = ["somebody", number, name, milliseconds, 7, "What do you see?", one.text, 2, "", "", "en", "train"]
        lines.append("\t".join(map(str, [*values, 12.5, ""])))
    write_wav(folder / "audios" / "spontaneous-speech-en-9.wav", spoken[0].samples, spoken[0].rate)
    lines.append("\t".join(["somebody", "9", "spontaneous-speech-en-9.wav", "800", "7", "Why?", *[""] * 8]))
    (folder / "ss-corpus-en.tsv").write_text("\n".join(lines) + "\n")
    (folder / "ss-reported-audios-en.tsv").write_text("audio_file\treason\nspontaneous-speech-en-1.wav\tnoise\n")
    return folder


def ljspeech(folder: Path, spoken: list[Spoken]) -> Path:
    lines = []
    for number, one in enumerate(spoken, start=1):
        write_wav(folder / "wavs" / f"LJ001-{number:04d}.wav", one.samples, one.rate)
        lines.append(f"LJ001-{number:04d}|{one.text}|{one.text.lower()}\n")
    (folder / "metadata.csv").write_text("".join(lines))
    (folder / "README").write_text("The LJ Speech Dataset")
    return folder


def vctk(folder: Path, spoken: list[Spoken]) -> Path:
    """Version 0.92: two microphones, a speaker without texts and a text without a recording."""
    audio = folder / "wav48_silence_trimmed"
    for number, one in enumerate(spoken, start=1):
        utterance = f"p225/p225_{number:03d}"
        write_wav(audio / f"{utterance}_mic1.flac", one.samples, one.rate)
        write_wav(audio / f"{utterance}_mic2.flac", one.samples / 2, one.rate)
        (folder / "txt" / utterance).parent.mkdir(parents=True, exist_ok=True)
        (folder / "txt" / f"{utterance}.txt").write_text(f"{one.text}\n")
    write_wav(audio / "p315" / "p315_001_mic1.flac", spoken[0].samples, spoken[0].rate)
    (folder / "txt" / "p362").mkdir()
    (folder / "txt" / "p362" / "p362_002.txt").write_text("Nobody recorded this.\n")
    (folder / "speaker-info.txt").write_text("ID  AGE  GENDER  ACCENTS  REGION COMMENTS\np225  23  F  English\n")
    return folder


def mls(folder: Path, spoken: list[Spoken]) -> Path:
    lines = []
    for number, one in enumerate(spoken):
        id_ = f"4800_10003_{number:06d}"
        write_wav(folder / "audio" / "4800" / "10003" / f"{id_}.flac", one.samples, one.rate)
        lines.append(f"{id_}\t{one.text}\n")
    (folder / "transcripts.txt").write_text("".join(lines))
    (folder / "segments.txt").write_text("4800_10003_000000\thttp://example.org/a.mp3\t0.0\t1.0\n")
    return folder


def kaldi(folder: Path, spoken: list[Spoken]) -> Path:
    """One recording a speaker, and its segments."""
    spans = write_long(folder / "long.flac", spoken)
    names = [f"s1-{one.name}" for one in spoken]
    files = {
        "wav.scp": ["rec1 long.flac"],
        "segments": [f"{n} rec1 {a:.6f} {a + s:.6f}" for n, (a, s) in zip(names, spans, strict=True)],
        "text": [f"{name} {one.text}" for name, one in zip(names, spoken, strict=True)],
        "utt2spk": [f"{name} s1" for name in names],
        "spk2utt": ["s1 " + " ".join(names)],
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder
