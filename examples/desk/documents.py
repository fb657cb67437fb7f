"""Put the sentences of the desk's world together to texts."""

import random
from collections.abc import Iterator

from world import Subject, WorldError

MAX_REDRAWS = 1000
# Recordings and scraped pages end anywhere. When all speech ended with a full stop, no utterance ended with the last
# word of a question ("is", "called"), and in a third of the wrong answers this word was heard as another one.
BROKEN_OFF = 0.5


def shuffled_cycle(sentences: list[str], rng: random.Random) -> Iterator[str]:
    """Yield all sentences in random order, again and again: unlike independent draws, this covers them evenly."""
    while True:
        yield from rng.sample(sentences, len(sentences))


def documents(
    sentences: list[tuple[Subject, list[str]]],
    count: int,
    lengths: tuple[int, int],
    rng: random.Random,
    taken: set[str],
    broken_off: float = 0.0,
) -> list[dict]:
    """Write `count` new texts, an equal share for each subject.

    Args:
        sentences: the subjects, each with the sentences that may be used.
        lengths: fewest and most sentences of a text; all of them are about one subject.
        taken: texts that may not occur; the new texts are added.
        broken_off: share of the texts with three or more sentences that end within their last sentence.

    Raises:
        WorldError: there are too few different texts.
    """
    streams = [(subject, shuffled_cycle(of_subject, rng)) for subject, of_subject in sentences]
    rows = []
    for index in range(count):
        subject, stream = streams[index % len(streams)]
        for _ in range(MAX_REDRAWS):
            parts = [next(stream) for _ in range(rng.randint(*lengths))]
            breaks_off = len(parts) > 2 and rng.random() < broken_off
            text = " ".join([*parts[:-1], beginning(parts[-1], rng) if breaks_off else parts[-1]])
            # The end of one cycle and the start of the next may have the same sentence: none occurs twice in a text.
            if len(set(parts)) == len(parts) and text not in taken:
                break
        else:
            raise WorldError(f"{subject.name}: no new text is left; give smaller numbers of documents")
        taken.add(text)
        rows.append({"text": text, "domain": subject.name, "cell": subject.cell})
    rng.shuffle(rows)
    return rows


def beginning(sentence: str, rng: random.Random) -> str:
    """Return a random number of a sentence's first words, at least one and never all."""
    words = sentence.split()
    return " ".join(words[: rng.randint(1, len(words) - 1)])
