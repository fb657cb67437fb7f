"""Write the desk world's texts and questions as Parquet, from the facts in `data/`.

    python examples/desk/build_world.py -o FOLDER --seed 0

lm.parquet         id, text, domain      texts to train the text LLM on: all facts, all templates
pool.parquet       id, text, domain      the selection pool: all subjects, no question templates
natural.parquet    id, text, domain      the natural speech: subjects with `heard = true`, no question templates
questions.parquet  id, text, choices, answer, domain   a prompt and four values, one of which completes it

The same seed gives the same bytes. The counts go to stdout as one JSON line.
"""

import argparse
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from world import CHOICES, Subject, WorldError, read_world

DATA = Path(__file__).parent / "data"
MAX_REDRAWS = 1000
# Recordings and scraped pages end anywhere. When all speech ended with a full stop, no utterance ended with the last
# word of a question ("is", "called"), and in a third of the wrong answers this word was heard as another one.
BROKEN_OFF = 0.5
TEXTS = pa.schema([("id", pa.string()), ("text", pa.string()), ("domain", pa.string())])
QUESTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
        ("domain", pa.string()),
    ]
)


def first_subjects(subjects: list[Subject], count: int) -> list[Subject]:
    """Return `count` subjects, among which heard and unheard subjects keep their shares.

    Raises:
        WorldError: there are fewer subjects than `count`, or `count` is below 1.
    """
    if not 1 <= count <= len(subjects):
        raise WorldError(f"--subjects is {count}: give a number from 1 to {len(subjects)}")
    places = {}
    for heard in (True, False):
        group = sorted((s for s in subjects if s.heard == heard), key=lambda s: s.name)
        for index, subject in enumerate(group):
            places[subject.name] = ((index + 0.5) / len(group), not heard)
    return sorted(subjects, key=lambda s: places[s.name])[:count]


def shuffled_cycle(sentences: list[str], rng: random.Random) -> Iterator[str]:
    """Yield all sentences in random order, again and again: unlike independent draws, this covers them evenly."""
    while True:
        yield from rng.sample(sentences, len(sentences))


def documents(
    subjects: list[Subject],
    count: int,
    lengths: tuple[int, int],
    with_questions: bool,
    rng: random.Random,
    taken: set[str],
    broken_off: float = 0.0,
) -> list[dict]:
    """Write `count` new texts, an equal share for each subject.

    Args:
        lengths: fewest and most sentences of a text; all of them are about one subject.
        with_questions: whether to use question templates, too.
        taken: texts that may not occur; the new texts are added.
        broken_off: share of the texts with three or more sentences that end within their last sentence.

    Raises:
        WorldError: there are too few different texts.
    """
    streams = [shuffled_cycle(subject.sentences(with_questions), rng) for subject in subjects]
    rows = []
    for index in range(count):
        subject = index % len(subjects)
        for _ in range(MAX_REDRAWS):
            parts = [next(streams[subject]) for _ in range(rng.randint(*lengths))]
            breaks_off = len(parts) > 2 and rng.random() < broken_off
            text = " ".join([*parts[:-1], beginning(parts[-1], rng) if breaks_off else parts[-1]])
            # The end of one cycle and the start of the next may have the same sentence: none occurs twice in a text.
            if len(set(parts)) == len(parts) and text not in taken:
                break
        else:
            raise WorldError(f"{subjects[subject].name}: no new text is left; give smaller numbers of documents")
        taken.add(text)
        rows.append({"text": text, "domain": subjects[subject].name})
    rng.shuffle(rows)
    return rows


def beginning(sentence: str, rng: random.Random) -> str:
    """Return a random number of a sentence's first words, at least one and never all."""
    words = sentence.split()
    return " ".join(words[: rng.randint(1, len(words) - 1)])


def questions(subject: Subject, count: int, rng: random.Random) -> list[dict]:
    """Write `count` questions about different facts, half of them about each relation.

    Wrong choices are drawn as often as they are right elsewhere, so that guessing the most common value is no better
    than guessing another.

    Raises:
        WorldError: the relations have too few facts.
    """
    rows = []
    for relation, share in zip(subject.relations, (count - count // 2, count // 2), strict=True):
        if share > len(relation.values):
            raise WorldError(
                f"{subject.name}: {len(relation.values)} facts per relation, too few for {count} questions"
            )
        for entity in rng.sample(list(relation.values), share):
            candidates = relation.wrong_values(entity)
            rng.shuffle(candidates)
            wrong = list(dict.fromkeys(candidates))[: CHOICES - 1]
            choices = rng.sample([relation.values[entity], *wrong], CHOICES)
            rows.append(
                {
                    "text": relation.prompt(entity),
                    "choices": choices,
                    "answer": choices.index(relation.values[entity]),
                    "domain": subject.name,
                }
            )
    rng.shuffle(rows)
    return rows


def write(path: Path, rows: list[dict], schema: pa.Schema) -> int:
    """Write `rows` to a temporary file, rename the file to `path`, and return the number of rows."""
    aside = path.with_suffix(".parquet.part")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), aside)
    os.replace(aside, path)
    return len(rows)


def numbered(rows: list[dict], prefix: str, digits: int = 6) -> list[dict]:
    """Return the rows with ids such as `pool-000123`."""
    return [{"id": f"{prefix}-{index:0{digits}}", **row} for index, row in enumerate(rows)]


def build(options: argparse.Namespace) -> dict:
    """Write the four files into `options.out`, and return their numbers of rows.

    Raises:
        WorldError: the facts break a rule, or the counts cannot be met.
    """
    world = read_world(DATA)
    subjects = first_subjects(world, len(world) if options.subjects is None else options.subjects)
    heard = [subject for subject in subjects if subject.heard]
    if not heard:
        raise WorldError("no subject is heard, so natural.parquet would be empty; give a larger --subjects")

    def stream(name: str) -> random.Random:
        return random.Random(f"{options.seed}/{name}")

    taken: set[str] = set()  # shared, so that no text is both in the pool and in the natural speech
    lm = documents(subjects, options.lm_documents, (2, 6), True, stream("lm"), set())
    pool = documents(subjects, options.pool_documents, (2, 6), False, stream("pool"), taken, BROKEN_OFF)
    natural = documents(heard, options.natural_documents, (2, 5), False, stream("natural"), taken, BROKEN_OFF)
    asked = [
        row
        for subject in sorted(subjects, key=lambda subject: subject.name)
        for row in numbered(
            questions(subject, options.questions_per_subject, stream(f"questions/{subject.name}")),
            f"question-{subject.name}",
            digits=3,
        )
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    return {
        "subjects": len(subjects),
        "heard": len(heard),
        "lm": write(options.out / "lm.parquet", numbered(lm, "lm"), TEXTS),
        "pool": write(options.out / "pool.parquet", numbered(pool, "pool"), TEXTS),
        "natural": write(options.out / "natural.parquet", numbered(natural, "natural"), TEXTS),
        "questions": write(options.out / "questions.parquet", asked, QUESTIONS),
    }


def main() -> None:
    """Read the options, write the files, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the four files")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--lm-documents", type=int, default=20_000, metavar="N")
    parser.add_argument("--pool-documents", type=int, default=6_000, metavar="N")
    parser.add_argument("--natural-documents", type=int, default=3_600, metavar="N")
    parser.add_argument("--questions-per-subject", type=int, default=48, metavar="N")
    parser.add_argument("--subjects", type=int, metavar="N", help="only N subjects (default: all)")
    options = parser.parse_args()
    try:
        counts = build(options)
    except WorldError as error:
        parser.exit(2, f"{error}\n")
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
