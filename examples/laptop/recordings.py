"""Write a table of recordings of people with their texts: telephone prompts of Asterisk, and sentences of a novel.

python examples/laptop/recordings.py -o people.parquet --count 80
"""

import argparse
import gzip
import json
import os
import random
import re
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from parts import PartMissing, part

WORDS = range(5, 41)  # a shorter prompt is no sentence, a longer one is several
SENTENCE = re.compile(r"[A-Z][A-Za-z' ,.!?-]*")


def prompts() -> list[dict]:
    """Return the prompts that are sentences without digits or notes such as "[tone]".

    Raises:
        PartMissing: recordings or texts are not installed.
    """
    folder, texts = part("prompts"), part("prompt-texts")
    rows = []
    for line in gzip.decompress(texts.read_bytes()).decode().splitlines():
        name, _, text = line.partition(": ")
        text = " ".join(text.split())
        recording = folder / f"{name}.wav"
        if SENTENCE.fullmatch(text) and len(text.split()) in WORDS and recording.exists():
            rows.append({"id": f"prompt-{name.replace('/', '-')}", "text": text, "audio": str(recording)})
    return sorted(rows, key=lambda row: row["id"])


def readings() -> list[dict]:
    """Return the sentences of a novel, written with a capital and a full stop.

    Raises:
        PartMissing: they are not installed.
    """
    folder = part("readings")
    rows = []
    for line in (folder / "transcription").read_text().splitlines():
        text, name = re.fullmatch(r"<s> (.*) </s> \((.*)\)", line).groups()
        rows.append(
            {"id": f"reading-{name}", "text": f"{text[0].upper()}{text[1:]}.", "audio": str(folder / f"{name}.wav")}
        )
    return rows


def main() -> None:
    """Write the table, and print its number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="Parquet file: id, text, audio")
    parser.add_argument("--count", type=int, default=80, help="recordings, most of them prompts (default: 80)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same recordings")
    options = parser.parse_args()
    try:
        read, spoken = readings(), prompts()
    except PartMissing as missing:
        sys.exit(f"error: {missing}\n  fix: Run `make laptop-parts`.")
    drawn = random.Random(options.seed).sample(spoken, min(len(spoken), max(0, options.count - len(read))))
    rows = sorted([*read, *drawn], key=lambda row: row["id"])[: options.count]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    aside = options.out.with_suffix(".parquet.part")
    pq.write_table(pa.Table.from_pylist(rows), aside)
    os.replace(aside, options.out)
    print(json.dumps({"rows": len(rows)}))


if __name__ == "__main__":
    main()
