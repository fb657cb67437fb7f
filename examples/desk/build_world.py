"""Write the desk world's texts and questions as Parquet, from the facts in `data/`.

    python examples/desk/build_world.py -o FOLDER --seed 0

lm.parquet         id, text, domain, cell   texts to train the text LLM on: all facts, all templates
pool.parquet       id, text, domain, cell   the selection pool: all subjects, but no fact that is asked
natural.parquet    id, text, domain, cell   the natural speech: near subjects, but no fact that is asked
questions.parquet  id, text, choices, answer, domain, cell, entity, spoken   a prompt and four values, one of them
                   right; `spoken`: whether natural speech names the entity
two-slots.parquet  id, text, trail, reference, domain, cell, entity, value, spoken   with --two-slot-documents: a
                   statement, and the beginning of a sentence that goes on with name and asked value (two_slots.py)

The same seed gives the same bytes. The counts go to stdout as one JSON line.
"""

import argparse
import json
import os
import random
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from documents import BROKEN_OFF, documents
from held_out import draw_roles, known_sentences, natural_sentences, spoken_sentences
from misspeak import MARK
from questions import named_in, questions
from two_slots import recalling_sentences, two_slot_questions
from world import ASKED, CELLS, NATURAL, Subject, WorldError, read_world
from world_rules import check_world

DATA = Path(__file__).parent / "data"
TEXT_FIELDS = [("id", pa.string()), ("text", pa.string()), ("domain", pa.string()), ("cell", pa.string())]
TEXTS = pa.schema(TEXT_FIELDS)
QUESTIONS = pa.schema(
    [
        *TEXT_FIELDS[:2],
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
        *TEXT_FIELDS[2:],
        ("entity", pa.string()),
        ("spoken", pa.bool_()),
    ]
)
TWO_SLOTS = pa.schema(
    [
        *TEXT_FIELDS[:2],
        *[(name, pa.string()) for name in ("trail", "reference", "domain", "cell", "entity", "value")],
        ("spoken", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Sizes:
    """How large a world is; None is "all"."""

    lm_documents: int
    pool_documents: int
    natural_documents: int
    misspoken_documents: int = 0  # besides the pool's: texts of which misspeak.py says other words
    two_slot_documents: int = 0  # besides the text LLM's: texts with sentences of two_slots.py
    questions_per_subject: int | None = None
    entities: int | None = None  # of a subject
    templates: int | None = None  # statements of a relation


LARGE = Sizes(lm_documents=24_000, pool_documents=7_000, natural_documents=3_600)
SMALL = Sizes(lm_documents=4_000, pool_documents=1_500, natural_documents=900, entities=24, templates=5)


def chosen_subjects(names: list[str] | None, small: bool, sizes: Sizes) -> list[Subject]:
    """Read the world, keep the named subjects or those of the small world, cut them to size, and check the rules.

    Raises:
        WorldError: a file cannot be read, a name is unknown, or the subjects break a rule.
    """
    world = read_world(DATA)
    unknown = set(names or []) - {subject.name for subject in world}
    if unknown:
        raise WorldError(f"{sorted(unknown)} are no subjects; give some of {[subject.name for subject in world]}")
    chosen = [subject for subject in world if (subject.name in names if names else subject.small or not small)]
    subjects = [subject.reduced(sizes.entities, sizes.templates) for subject in chosen]
    check_world(subjects)
    if not any(subject.cell in NATURAL for subject in subjects):
        raise WorldError(f"no subject is of the cells {' and '.join(NATURAL)}, so nothing is natural speech")
    return subjects


def build(out: Path, subjects: list[Subject], sizes: Sizes, seed: int, unasked: Collection[str] = ()) -> dict:
    """Write the files into `out`, and return their numbers of rows; cells that are `unasked` have no questions.

    Raises:
        WorldError: the counts cannot be met.
    """

    def stream(name: str) -> random.Random:
        return random.Random(f"{seed}/{name}")

    cast = [(subject, draw_roles(subject, stream(f"roles/{subject.name}"))) for subject in subjects]
    known = [(subject, known_sentences(subject)) for subject in subjects]
    in_pool = [(subject, spoken_sentences(subject, roles)) for subject, roles in cast]
    near = [(subject, roles) for subject, roles in cast if subject.cell in NATURAL]
    in_natural = [(subject, natural_sentences(subject, roles)) for subject, roles in near]

    taken: set[str] = set()  # shared, so that no text is both in the pool and in the natural speech
    lm = documents(known, sizes.lm_documents, (2, 6), stream("lm"), set())
    pool = documents(in_pool, sizes.pool_documents, (2, 6), stream("pool"), taken, BROKEN_OFF)
    natural = documents(in_natural, sizes.natural_documents, (2, 5), stream("natural"), taken, BROKEN_OFF)
    if sizes.misspoken_documents and not any(subject.cell == "near-easy" for subject in subjects):
        raise WorldError("misspoken documents are about near-easy subjects, and there is none")
    easy = [(subject, sentences) for subject, sentences in in_pool if subject.cell == "near-easy"]
    misspoken = documents(easy, sizes.misspoken_documents, (2, 6), stream("misspoken"), taken)
    for row in misspoken:
        pool.append({"text": f"{MARK} {row['text']}", "domain": "misspoken", "cell": "poison"})
    if sizes.two_slot_documents:
        recalled = [(subject, found) for subject, roles in cast if (found := recalling_sentences(subject, roles))]
        lm += documents(recalled, sizes.two_slot_documents, (1, 3), stream("two-slots"), set())
    asked, two_slots = [], []
    for subject, roles in cast:
        if subject.cell in unasked:
            continue
        rows = questions(subject, roles, sizes.questions_per_subject, stream(f"questions/{subject.name}"))
        named = named_in([row["text"] for row in natural], subject.entities)
        rows = [row | {"spoken": row["entity"] in named} for row in rows]
        asked += numbered(rows, f"question-{subject.name}", digits=3)
        rows = two_slot_questions(subject, roles, stream(f"two-slots/{subject.name}"))
        rows = [row | {"spoken": row["entity"] in named} for row in rows]
        two_slots += numbered(rows[: sizes.questions_per_subject], f"two-slots-{subject.name}", digits=3)

    out.mkdir(parents=True, exist_ok=True)
    counts = {
        "subjects": {cell: sum(subject.cell == cell for subject in subjects) for cell in CELLS},
        "lm": write(out / "lm.parquet", numbered(lm, "lm"), TEXTS),
        "pool": write(out / "pool.parquet", numbered(pool, "pool"), TEXTS),
        "natural": write(out / "natural.parquet", numbered(natural, "natural"), TEXTS),
        "questions": write(out / "questions.parquet", asked, QUESTIONS),
    }
    if sizes.two_slot_documents:
        counts["two_slots"] = write(out / "two-slots.parquet", two_slots, TWO_SLOTS)
    return counts


def write(path: Path, rows: list[dict], schema: pa.Schema) -> int:
    """Write `rows` to a temporary file, rename the file to `path`, and return the number of rows."""
    aside = path.with_suffix(".parquet.part")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), aside)
    os.replace(aside, path)
    return len(rows)


def numbered(rows: list[dict], prefix: str, digits: int = 6) -> list[dict]:
    """Return the rows with ids such as `pool-000123`."""
    return [{"id": f"{prefix}-{index:0{digits}}", **row} for index, row in enumerate(rows)]


def positive(text: str) -> int:
    """Return a number of documents, questions, entities or templates.

    Raises:
        ValueError: it is no positive number.
    """
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main() -> None:
    """Read the options, write the files, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--small", action="store_true", help="the small world of the demo")
    parser.add_argument("--subjects", nargs="+", metavar="NAME", help="only these subjects")
    parser.add_argument(
        "--unasked", nargs="+", choices=ASKED, default=[], metavar="CELL", help="make no questions about these cells"
    )
    for size in fields(Sizes):
        large, small = (
            "all" if getattr(sizes, size.name) is None else getattr(sizes, size.name) for sizes in (LARGE, SMALL)
        )
        default = f"default: {large}, with --small {small}"
        parser.add_argument(f"--{size.name.replace('_', '-')}", type=positive, metavar="N", help=default)
    options = parser.parse_args()
    given = {size.name: getattr(options, size.name) for size in fields(Sizes)}
    sizes = replace(SMALL if options.small else LARGE, **{name: n for name, n in given.items() if n is not None})
    try:
        counts = build(
            options.out, chosen_subjects(options.subjects, options.small, sizes), sizes, options.seed, options.unasked
        )
    except WorldError as error:
        parser.exit(2, f"error: {error}\n  fix: Change options or file; examples/desk/README.md has the rules.\n")
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
