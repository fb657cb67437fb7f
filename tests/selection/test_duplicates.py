"""Near duplicates of texts that the embedder has read in part: equal beginnings are not enough."""

import numpy as np
import pytest

from saladkit.formats.embeddings import WHOLE
from saladkit.selection.duplicates import COMPARED, NONE, NearDuplicates
from saladkit.selection.vectors import Vectors
from saladkit.selection.whole_texts import WholeTexts

BEGINNING = "The committee met in the old hall, as it had met for many years, and heard the report. "
READ = len(BEGINNING)
ENDS = [
    "Then it spoke about the price of coal and the roof of the school, and nobody agreed.",
    "A choir of forty children sang, and the mayor gave each of them an orange to take home.",
    "Late at night a storm broke the windows, so that all members had to sleep on the floor.",
]


def twins_of(texts, read, vectors=None, at=None, known=()):
    """Twins of all texts, drawn in their order; all vectors are equal unless given."""
    vectors = np.ones((len(texts), 4), np.float32) if vectors is None else np.array(vectors, np.float32)
    places = np.arange(len(texts)) if at is None else np.array(at)
    found = NearDuplicates(Vectors([vectors]), places, 0.95, WholeTexts(texts, np.array(read)))
    found.know(np.array(known, dtype=np.int64))
    drawn = np.array([row for row in range(len(texts)) if row not in known])
    return found.twins_of(drawn).tolist(), found.spared


@pytest.mark.parametrize(
    "one, other, read, is_twin",
    [
        (BEGINNING + ENDS[0], BEGINNING + ENDS[1], (READ, READ), False),
        (BEGINNING + ENDS[0], BEGINNING + ENDS[0], (READ, READ), True),
        (BEGINNING + ENDS[0], "Indeed: " + BEGINNING + ENDS[0].replace("nobody", "no one"), (READ, READ + 4), True),
        (BEGINNING + ENDS[0], BEGINNING + ENDS[0] + " " + ENDS[1], (READ, READ), False),
        (BEGINNING + ENDS[0] + " " + ENDS[1], BEGINNING + ENDS[0], (READ, READ), False),
        (BEGINNING, BEGINNING + ENDS[0], (WHOLE, READ), False),
        (BEGINNING + ENDS[0], BEGINNING, (READ, WHOLE), False),
        (BEGINNING + ENDS[0], BEGINNING + "No more.", (READ, READ), False),
        (BEGINNING + ENDS[0], BEGINNING.upper() + ENDS[0].upper(), (READ, READ), True),
        (BEGINNING + ENDS[0], BEGINNING + ENDS[1], (WHOLE, WHOLE), True),  # the embedder has read both
        (BEGINNING * 9 + ENDS[0], BEGINNING * 9 + ENDS[1], (READ, READ), False),  # most beyond is the same
        (BEGINNING * 9 + ENDS[0], BEGINNING * 9 + ENDS[0].replace("coal", "turf"), (READ, READ), True),
        ("委员会在旧会堂开会。煤的价格太高了。", "委员会在旧会堂开会。孩子们唱了一首歌。", (10, 10), False),
        ("委员会在旧会堂开会。煤的价格太高了。", "委员会在旧会堂开会。煤的价格太高了！", (10, 10), True),
        ("one two", "one three", (4, 4), False),  # fewer words than a run
        (BEGINNING + ENDS[0], BEGINNING + ENDS[0], (0, 0), True),  # a tokenizer that does not tell what was read
    ],
)
def test_texts_are_twins_if_they_agree_beyond_what_was_read(one, other, read, is_twin):
    assert twins_of([one, other], read) == ([NONE, 0 if is_twin else NONE], 0 if is_twin else 1)


def test_the_twin_is_named_among_many_with_the_same_beginning():
    different = [f"{BEGINNING} {i} men came by {i + 1} ways with {i + 2} carts" for i in range(COMPARED + 20)]
    texts = [*different, different[-1] + "!", different[3] + "."]
    twins, spared = twins_of(texts, [READ] * len(texts))
    assert twins == [NONE] * len(different) + [len(different) - 1, 3]
    assert spared == len(different) - 1


def test_texts_of_earlier_rounds_are_twins_too():
    texts = [BEGINNING + end for end in (*ENDS, ENDS[1], ENDS[2] + " Amen.")]
    assert twins_of(texts, [READ] * 5, known=(1, 2)) == ([NONE, 1, 2], 1)


def test_vectors_are_those_of_the_regions_in_whatever_order():
    vectors = [[0, 1], [1, 0], [1, 0.01], [0, 1]]
    texts = ["a", "b", "c", "d"]
    assert twins_of(texts, [WHOLE] * 4, vectors) == ([NONE, NONE, 1, 0], 0)
    assert twins_of(texts[:3], [WHOLE] * 3, vectors, at=[2, 0, 3]) == ([NONE, NONE, 1], 0)
