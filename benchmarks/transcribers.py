"""Measure how well and how fast recognizers understand samples: people's recordings, or speech of `saladkit synth`.

python benchmarks/transcribers.py prompts SOUNDS -o natural.parquet    60 prompts spoken by people, with their texts
python benchmarks/transcribers.py measure natural.parquet --asr sphinx --asr faster-whisper:MODEL

SOUNDS is where the Debian packages asterisk-core-sounds-en, asterisk-core-sounds-en-wav and pocketsphinx-testdata lie:
/usr/share. The prompts are all five sentences of the last and 55 of the others, drawn by seed among those of at least
four words. One JSON line for each recognizer: word and character errors, both of spoken forms and without case and
punctuation; CPU seconds for a minute of speech, loading not counted; and the peak of the process's memory so far.
"""

import argparse
import gzip
import json
import random
import re
import resource
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz.distance import Levenshtein

from saladkit.formats.samples import iterate_rows
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.transcribers.error_rates import transcript_errors
from saladkit.speech.transcribers.transcriber import open_transcriber

PROMPTS, SENTENCES = 60, 5
VOICE = "en_US_f_Allison"


def prompts(sounds: Path, seed: int = 0) -> list[dict]:
    """Return the rows of the recordings: `id`, `text`, `speaker`, `audio`."""
    listed = gzip.open(sounds / "doc/asterisk-core-sounds-en/core-sounds-en.txt.gz", "rt", encoding="utf-8").read()
    named = dict(re.findall(r"^([\w/-]+): ([^\[(\n]+)$", listed, re.MULTILINE))
    folder = sounds / "asterisk/sounds" / VOICE
    known = [name for name, text in named.items() if len(text.split()) >= 4 and (folder / f"{name}.wav").is_file()]
    drawn = random.Random(seed).sample(sorted(known), PROMPTS - SENTENCES)
    rows = [_row(name, named[name], "allison", folder / f"{name}.wav") for name in drawn]
    read = sounds / "pocketsphinx/test/data/librivox"
    lines = re.findall(r"^(?:<s> )?(.+?)(?: </s>)? \((.+)\)$", (read / "transcription").read_text(), re.MULTILINE)
    return rows + [_row(name, text, "librivox", read / f"{name}.wav") for text, name in lines[:SENTENCES]]


def _row(name: str, text: str, speaker: str, path: Path) -> dict:
    return {"id": name, "text": text, "speaker": speaker, "audio": {"bytes": path.read_bytes(), "path": None}}


def words_of(text: str) -> list[str]:
    """Return the words of a text's spoken form, without case and punctuation."""
    plain = spoken_form(text, "en").text.lower().replace("'", "").replace("-", " ")
    return re.sub(r"[^\w\s]", " ", plain).split()


def measure(samples: str, asr: str, limit: int | None) -> dict:
    """Return the figures of one recognizer."""
    rows = list(iterate_rows(read_samples(samples, needed=["id", "text", "audio"], limit=limit)))
    recordings = [decode_row(row, samples) for row in rows]
    transcriber = open_transcriber(asr, device="cpu", dtype="float32")
    began = time.process_time()
    written = [transcriber.transcribe([recording])[0] for recording in recordings]
    spent, minutes = time.process_time() - began, sum(len(found) / rate for found, rate in recordings) / 60
    pairs = [(words_of(row["text"]), words_of(text)) for row, text in zip(rows, written, strict=True)]
    forms = [[row["text"], spoken_form(row["text"], "en").text] for row in rows]
    errors = [e for form, text in zip(forms, written, strict=True) if (e := transcript_errors(form, text, "en"))]
    return {
        "samples": samples,
        "asr": asr,
        "recordings": len(rows),
        "minutes": round(minutes, 2),
        "wer": round(sum(Levenshtein.distance(*pair) for pair in pairs) / sum(len(said) for said, _ in pairs), 4),
        "cer": round(sum(e.edits for e in errors) / sum(e.characters for e in errors), 4),
        "cpu_seconds_a_minute": round(spent / minutes, 2),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("prompts", help="write the recordings of people as samples")
    making.add_argument("sounds", type=Path)
    making.add_argument("-o", "--output", type=Path, required=True)
    measuring = verbs.add_parser("measure", help="transcribe samples")
    measuring.add_argument("samples")
    measuring.add_argument("--asr", action="append", required=True)
    measuring.add_argument("--limit", type=int)
    given = parser.parse_args()
    if given.verb == "prompts":
        pq.write_table(pa.Table.from_pylist(prompts(given.sounds)), given.output)
        return
    for asr in given.asr:
        print(json.dumps(measure(given.samples, asr, given.limit)), flush=True)


if __name__ == "__main__":
    main()
