"""Write the laptop's texts and questions as Parquet, from WordNet's nouns and their meanings.

    python examples/laptop/build_texts.py -o FOLDER --seed 0

natural.parquet    id, text, domain, cell   the natural speech: about the near domains alone
pool.parquet       id, text, domain, cell   the selection pool: as many texts about every domain
general.parquet    id, text                 sentences about anything: text replay, so that nothing is forgotten
reading.parquet    id, text                 other such sentences, to measure what is forgotten
questions.parquet  id, text, choices, answer, domain, cell, entity, told   a meaning and four nouns, of which one has
                   it; `told`: where that meaning is told: in natural, in pool, or nowhere

The same seed gives the same bytes. The counts go to stdout as one JSON line.
"""

import argparse
import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from questions_about import ask, askable
from wordnet import Fact, WordNet, WordNetError, examples, glosses

NEAR = ("act", "artifact", "communication", "group", "person", "state")
FAR = ("animal", "body", "food", "object", "plant", "substance")
SMALL_DOMAINS = ("artifact", "animal")
NOWHERE, IN_NATURAL, IN_POOL = "nowhere", "natural", "pool"
STATEMENTS = (
    "{term} means {meaning}.",
    "the word {term} stands for {meaning}.",
    "by {term} people mean {meaning}.",
    "in a dictionary, {term} is explained as {meaning}.",
    "if somebody speaks of {term}, they mean {meaning}.",
    "{meaning} is called {term}.",
    "the name for {meaning} is {term}.",
    "people call {meaning} {term}.",
)
LENGTHS = (1, 3)  # fewest and most facts of a text
# Recordings end anywhere, and a question ends within a sentence: see examples/desk/documents.py.
BROKEN_OFF = 0.5

IDENTIFIED = [("id", pa.string()), ("text", pa.string())]
OF_A_CELL = [("domain", pa.string()), ("cell", pa.string())]
SENTENCES, TEXTS = pa.schema(IDENTIFIED), pa.schema([*IDENTIFIED, *OF_A_CELL])
QUESTIONS = pa.schema(
    [
        *IDENTIFIED,
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
        *OF_A_CELL,
        ("entity", pa.string()),
        ("told", pa.string()),
    ]
)


@dataclass(frozen=True)
class Sizes:
    """How many facts and texts there are."""

    natural_facts: int  # of each near domain, besides those that are asked
    pool_facts: int  # of each domain
    natural_texts: int
    pool_texts: int
    questions: int  # of each domain
    general_texts: int
    reading_texts: int


LARGE = Sizes(
    natural_facts=300,
    pool_facts=250,
    natural_texts=2400,
    pool_texts=3600,
    questions=60,
    general_texts=4000,
    reading_texts=400,
)
SMALL = Sizes(
    natural_facts=8, pool_facts=6, natural_texts=16, pool_texts=32, questions=8, general_texts=8, reading_texts=8
)


@dataclass(frozen=True)
class Cast:
    """The facts of one domain, by where they are told."""

    domain: str
    asked: list[Fact]
    told: dict[str, list[Fact]]

    @property
    def cell(self) -> str:
        """Whether natural speech is about the domain."""
        return "near" if self.domain in NEAR else "far"

    def where(self, fact: Fact) -> str:
        """Return where a fact is told."""
        return next((place for place, facts in self.told.items() if fact in facts), NOWHERE)


def cast_of(domain: str, facts: list[Fact], frequent: Iterator[Fact], sizes: Sizes, rng: random.Random) -> Cast:
    """Choose the facts of a domain: those that are asked from `frequent`, the others by how common their words are.

    Half of the asked facts are told nowhere; the others are told in the natural speech of a near domain, or in the pool
    for a far one.

    Raises:
        WordNetError: there are too few.
    """
    asked = list(islice(frequent, sizes.questions))
    told = rng.sample(asked, len(asked) // 2)
    others = [fact for fact in facts if fact not in set(asked)]
    wanted = sizes.pool_facts + (sizes.natural_facts if domain in NEAR else 0)
    if len(others) < wanted or len(asked) < sizes.questions:
        raise WordNetError(f"{domain} has {len(asked)} facts to ask and {len(others)} others; {wanted} are wanted")
    others = rng.sample(others[:wanted], wanted)
    in_pool, in_natural = others[: sizes.pool_facts], others[sizes.pool_facts :]
    if domain in NEAR:
        in_natural = [*told, *in_natural]
    else:
        in_pool = [*told, *in_pool]
    return Cast(domain, asked, {IN_NATURAL: in_natural, IN_POOL: in_pool})


def statements(facts: list[Fact], rng: random.Random) -> Iterator[str]:
    """Yield a sentence about each fact in random order, again and again, each time in another template."""
    turns = {fact: rng.sample(STATEMENTS, len(STATEMENTS)) for fact in facts}
    for turn in range(len(STATEMENTS)):
        for fact in rng.sample(facts, len(facts)):
            sentence = turns[fact][turn].format(term=fact.term, meaning=fact.meaning)
            yield sentence[0].upper() + sentence[1:]


def texts(casts: list[Cast], place: str, count: int, rng: random.Random) -> list[dict]:
    """Write `count` texts, an equal share about each domain, of the facts that are told in `place`.

    Half of the texts of three facts break off within the last, once every fact has been told whole.

    Raises:
        WordNetError: the facts make fewer different sentences than are asked for.
    """
    streams = [(cast, statements(cast.told[place], rng)) for cast in casts]
    rows = []
    left = {cast.domain: len(cast.told[place]) for cast in casts}  # facts that are not yet told
    for index in range(count):
        cast, stream = streams[index % len(streams)]
        try:
            parts = [next(stream) for _ in range(rng.randint(*LENGTHS))]
        except StopIteration:
            raise WordNetError(f"{cast.domain} has too few facts for {count} texts") from None
        left[cast.domain] -= len(parts)
        if len(parts) == LENGTHS[1] and left[cast.domain] <= -LENGTHS[1] and rng.random() < BROKEN_OFF:
            words = parts[-1].split()
            parts[-1] = " ".join(words[: rng.randint(1, len(words) - 1)])
        rows.append({"text": " ".join(parts), "domain": cast.domain, "cell": cast.cell})
    rng.shuffle(rows)
    return rows


def build(out: Path, wordnet: Path, domains: Sequence[str], sizes: Sizes, seed: int) -> dict:
    """Write the files into `out`, and return their numbers of rows, and of the synsets that gave no fact, by reason.

    Raises:
        WordNetError: the database cannot be read, or has too few facts.
    """

    def stream(name: str) -> random.Random:
        return random.Random(f"{seed}/{name}")

    database = WordNet(wordnet)
    facts, refused = database.facts()
    of_domain = by_common_words([fact for fact in facts if fact.domain in domains])
    all_glosses = glosses(wordnet)
    uses = Counter(word for gloss in all_glosses for word in set(re.findall("[a-z]+", gloss.lower())))
    casts = [
        cast_of(domain, of_domain[domain], askable(domain, facts, uses), sizes, stream(f"facts/{domain}"))
        for domain in sorted(domains)
    ]
    near = [cast for cast in casts if cast.cell == "near"]
    asked = []
    for cast in casts:
        made = ask(cast.asked, database, stream(f"questions/{cast.domain}"))
        about = [row | {"domain": cast.domain, "cell": cast.cell, "told": cast.where(fact)} for fact, row in made]
        asked += numbered(about, f"question-{cast.domain}", digits=3)
    sentences = examples(all_glosses)
    sentences = stream("sentences").sample(sentences, len(sentences))
    general, reading = sentences[sizes.reading_texts :][: sizes.general_texts], sentences[: sizes.reading_texts]

    out.mkdir(parents=True, exist_ok=True)
    natural = texts(near, IN_NATURAL, sizes.natural_texts, stream("natural"))
    pool = texts(casts, IN_POOL, sizes.pool_texts, stream("pool"))
    return {
        "natural": write(out / "natural.parquet", numbered(natural, "natural"), TEXTS),
        "pool": write(out / "pool.parquet", numbered(pool, "pool"), TEXTS),
        "general": write(out / "general.parquet", numbered([{"text": row} for row in general], "general"), SENTENCES),
        "reading": write(out / "reading.parquet", numbered([{"text": row} for row in reading], "reading"), SENTENCES),
        "questions": write(out / "questions.parquet", asked, QUESTIONS),
        "told": dict(sorted(Counter(row["told"] for row in asked).items())),
        "refused": dict(sorted(refused.items())),
    }


def by_common_words(facts: list[Fact]) -> dict[str, list[Fact]]:
    """Return the facts of each domain, those first whose rarest word is the commonest: ears need each word often."""
    words = {fact: {*fact.words, *fact.term.split()} for fact in facts}
    counts = Counter(word for of_fact in words.values() for word in of_fact)
    ordered = sorted(facts, key=lambda fact: (-min(counts[word] for word in words[fact]), fact.synset))
    return {domain: [fact for fact in ordered if fact.domain == domain] for domain in {fact.domain for fact in facts}}


def numbered(rows: list[dict], prefix: str, digits: int = 6) -> list[dict]:
    """Return the rows with ids such as `pool-000123`."""
    return [{"id": f"{prefix}-{index:0{digits}}", **row} for index, row in enumerate(rows)]


def write(path: Path, rows: list[dict], schema: pa.Schema) -> int:
    """Write `rows` to a temporary file, rename the file to `path`, and return the number of rows."""
    aside = path.with_suffix(".parquet.part")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), aside)
    os.replace(aside, path)
    return len(rows)


def main() -> None:
    """Read the options, write the files, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="folder of WordNet's files")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--small", action="store_true", help="a few rows of everything, to try the recipe")
    parser.add_argument(
        "--domains", nargs="+", choices=NEAR + FAR, metavar="NAME", help="only these domains, some of them near"
    )
    for size in fields(Sizes):
        large, small = (getattr(sizes, size.name) for sizes in (LARGE, SMALL))
        default = f"default: {large}, with --small {small}"
        parser.add_argument(f"--{size.name.replace('_', '-')}", type=int, metavar="N", help=default)
    options = parser.parse_args()
    given = {size.name: getattr(options, size.name) for size in fields(Sizes)}
    sizes = replace(SMALL if options.small else LARGE, **{name: n for name, n in given.items() if n is not None})
    domains = options.domains or (SMALL_DOMAINS if options.small else NEAR + FAR)
    try:
        print(json.dumps(build(options.out, options.wordnet, domains, sizes, options.seed)))
    except WordNetError as error:
        parser.exit(2, f"error: {error}\n  fix: Give smaller numbers, or WordNet 3 in --wordnet.\n")


if __name__ == "__main__":
    main()
