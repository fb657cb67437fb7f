"""Check, before anything is trained, that the cells of a world are as near and as far as they say; exit 1 if not.

    python examples/desk/check_world.py WORLD
    python examples/desk/check_world.py WORLD --regions REGIONS   with the distances that `saladkit regions` has stored

One JSON line per cell goes to stdout:

- subjects, words (different ones in the cell's pool texts), questions, and the share of these whose entity is spoken;
- words_spoken: the share of the words that natural speech has;
- distance: the median cosine distance of the cell's pool texts to the nearest natural text; by REGIONS if given;
- distance_tfidf: the same between plain TF-IDF vectors;
- guess: the accuracy of always choosing the option that the text LLM has read most often.

The distance needs no model. Texts are TF-IDF vectors, reduced to the 64 directions in which the pool's texts differ
most (latent semantic analysis), minus their mean, as `saladkit regions` does where a text LLM embeds. Plain TF-IDF is
no gate: two texts of a subject seldom have the same sentences, so even near texts are 0.2 to 0.3 apart.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from saladkit.errors import SaladError
from saladkit.formats.regions import Regions
from world import CELLS

DIRECTIONS = 64
MOST = {"near-easy": 0.2, "near-hard": 0.2}  # bounds of the distance
LEAST = {"far-easy": 0.5, "far-hard": 0.5}
ALL_SPOKEN = ("near-easy", "far-easy")
BLOCK = 1024  # pool texts whose distances to all natural texts are held at once


def nearest(pool: np.ndarray, natural: np.ndarray) -> np.ndarray:
    """Return each row's cosine distance to the nearest row of `natural`; rows of both have length 1 [N, D], [M, D]."""
    blocks = [pool[begin : begin + BLOCK] @ natural.T for begin in range(0, len(pool), BLOCK)]
    return np.concatenate([1 - block.max(axis=1) for block in blocks])


def word_distances(pool: list[str], natural: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return each pool text's distance to the nearest natural text, by latent semantic analysis and by TF-IDF, [N]."""
    counted = TfidfVectorizer(token_pattern="[a-z]+").fit([*pool, *natural])
    vectors = [counted.transform(texts) for texts in (pool, natural)]
    reduced = TruncatedSVD(DIRECTIONS, algorithm="arpack", random_state=0).fit(vectors[0])
    topics = [normalize(reduced.transform(of_side)) for of_side in vectors]
    centre = topics[0].mean(axis=0)
    by_topic = nearest(*(normalize(of_side - centre) for of_side in topics))
    return by_topic, nearest(*(of_side.toarray() for of_side in vectors))


def guess(questions: list[dict], lm: list[dict]) -> float:
    """Return the accuracy of always choosing the option that the texts of the same subject in `lm` have most often."""
    read = {row["domain"]: " " for row in questions}
    for domain in read:
        read[domain] += " ".join(word for row in lm if row["domain"] == domain for word in words(row["text"])) + " "
    right = []
    for question in questions:
        counts = np.array([read[question["domain"]].count(f" {choice.lower()} ") for choice in question["choices"]])
        often = counts == counts.max()
        right.append(often[question["answer"]] / often.sum())
    return float(np.mean(right))


def words(text: str) -> list[str]:
    """Return the lower-case words of a text."""
    return re.findall("[a-z]+", text.lower())


def measure(world: Path, regions: Path | None) -> dict[str, dict]:
    """Return the figures of each cell.

    Raises:
        SaladError: `regions` holds no distances of this pool.
        OSError: `world` lacks a file.
    """
    lm, pool, natural, asked = (
        pq.read_table(world / f"{name}.parquet").to_pylist() for name in ("lm", "pool", "natural", "questions")
    )
    by_topic, by_words = word_distances([row["text"] for row in pool], [row["text"] for row in natural])
    distances = by_topic if regions is None else stored_distances(regions, [row["id"] for row in pool])
    spoken = {word for row in natural for word in words(row["text"])}
    cells = np.array([row["cell"] for row in pool])
    figures = {}
    for cell in [cell for cell in CELLS if cell in cells]:
        rows = [row for row in pool if row["cell"] == cell]
        said = {word for row in rows for word in words(row["text"])}
        about = [row for row in asked if row["cell"] == cell]
        figures[cell] = {
            "subjects": len({row["domain"] for row in rows}),
            "words": len(said),
            "words_spoken": round(len(said & spoken) / len(said), 3),
            "distance": round(float(np.median(distances[cells == cell])), 3),
            "distance_tfidf": round(float(np.median(by_words[cells == cell])), 3),
            "questions": len(about),
            "entities_spoken": round(float(np.mean([row["spoken"] for row in about])), 3) if about else None,
            "guess": round(guess(about, lm), 3) if about else None,
        }
    return figures


def stored_distances(regions: Path, ids: list[str]) -> np.ndarray:
    """Return the distances to speech of the pool's texts that a regions artefact has.

    Raises:
        SaladError: `regions` is no regions artefact, was made without --speech, or is of another pool.
    """
    texts = Regions.open(regions).texts
    found = dict(zip(texts.column("id").to_pylist(), texts.column("distance_to_speech").to_pylist(), strict=True))
    if any(found.get(id_) is None for id_ in ids):
        raise SaladError(f"{regions} lacks distances to speech of this pool", "Make it of this pool, with --speech.")
    return np.array([found[id_] for id_ in ids])


def failures(figures: dict[str, dict]) -> list[str]:
    """Return the bounds that are not kept, each as a sentence with the figure."""
    found = []
    for cell, of_cell in figures.items():
        distance, share = of_cell["distance"], of_cell["words_spoken"]
        if distance > MOST.get(cell, np.inf):
            found.append(f"{cell}: the median distance to natural speech is {distance}, above {MOST[cell]}")
        if distance < LEAST.get(cell, -np.inf):
            found.append(f"{cell}: the median distance to natural speech is {distance}, below {LEAST[cell]}")
        if cell in ALL_SPOKEN and share < 1:
            found.append(f"{cell}: natural speech has {share:.1%} of the words, not all")
    return found


def main() -> None:
    """Print the figures of each cell; exit 1 if one is out of bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("world", type=Path, help="folder that build_world.py has made")
    parser.add_argument("--regions", type=Path, help="regions of the world's pool, made with --speech natural.parquet")
    options = parser.parse_args()
    try:
        figures = measure(options.world, options.regions)
    except SaladError as error:
        parser.exit(2, f"error: {error.problem}\n  fix: {error.fix}\n")
    except OSError as error:
        parser.exit(2, f"error: {error}\n  fix: Give a folder that build_world.py has made.\n")
    for cell, of_cell in figures.items():
        print(json.dumps({"cell": cell, **of_cell}))
    broken = failures(figures)
    for problem in broken:
        print(problem, file=sys.stderr)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
