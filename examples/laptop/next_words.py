"""Make questions of recordings of people: which of four endings does the speaker say next?

    python examples/laptop/next_words.py people.parquet runs/laptop/people-words -o questions.parquet

A question is a recording without its last two words; the wrong choices are endings of other recordings. PEOPLE is a
table of `recordings.py`, WORDS its word times by `saladkit timestamps`. A recording without a time for its last words
is left out; the numbers go to stdout as one JSON line.
"""

import argparse
import json
import os
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.word_times import read_word_times

ENDING = 2  # words
CHOICES = 4


def questions(people: list[dict], words: dict[str, list[dict]], rng: random.Random) -> list[dict]:
    """Return a question about each recording whose ending begins at a known time."""
    rows = []
    endings = sorted({ending_of(person["text"]) for person in people})
    for person in people:
        times = words.get(person["id"]) or []
        before, right = " ".join(person["text"].split()[:-ENDING]), ending_of(person["text"])
        others = [ending for ending in endings if ending != right]
        if len(times) <= ENDING or times[-ENDING]["start"] is None or len(others) < CHOICES - 1:
            continue
        choices = rng.sample([right, *rng.sample(others, CHOICES - 1)], CHOICES)
        cut = f"{person['audio']}#t=0,{times[-ENDING]['start']:.3f}"
        row = {"id": person["id"], "text": before, "audio": cut, "choices": choices, "answer": choices.index(right)}
        rows.append(row)
    return rows


def ending_of(text: str) -> str:
    """Return the last words of a text, without its full stop."""
    return " ".join(text.rstrip(".!?").split()[-ENDING:])


def main() -> None:
    """Write the questions, and print their number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("words")
    parser.add_argument("-o", "--out", type=Path, required=True, help="Parquet file with the questions")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    options = parser.parse_args()
    try:
        timed = read_word_times(options.words).to_pylist()
    except SaladError as error:
        sys.exit(f"error: {error.problem}\n  fix: {error.fix}")
    people = pq.read_table(options.people).to_pylist()
    rows = questions(people, {row["id"]: row["words"] for row in timed}, random.Random(options.seed))
    aside = options.out.with_suffix(".parquet.part")
    pq.write_table(pa.Table.from_pylist(rows), aside)
    os.replace(aside, options.out)
    print(json.dumps({"questions": len(rows), "left_out": len(people) - len(rows)}))


if __name__ == "__main__":
    main()
