"""Make rows as training reads them, without a corpus: with published lengths and spans, and noise for speech.

Spans of 10-30 words of text alternate with spans of 5-15 words of speech, and two thirds of the rows have speech
(arXiv 2510.13632). A word has 1.3 tokens and 4.6 vectors. Rows with speech have 13 to 80 words (5 to 30 s); text-only
rows have log-normal lengths around 150 words.
"""

from dataclasses import dataclass

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.frame_sources import WholeRecordings
from saladkit.rows.schedule import StepShape, TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import TokenizedText
from saladkit.rows.training_rows import TrainingExample, TrainingSource
from saladkit.settings.shared import Spans
from saladkit.settings.training import TrainingSettings

TOKENS_PER_WORD, VECTORS_PER_WORD, SPOKEN_ROWS = 1.3, 4.6, 2 / 3
BINS, LAYOUT = 80, SequenceLayout(frames_per_second=100, frames_per_vector=8)
SECONDS_PER_WORD = VECTORS_PER_WORD * LAYOUT.frames_per_vector / LAYOUT.frames_per_second
SPOKEN_WORDS, READ_WORDS, READ_SPREAD, MOST_WORDS = (13, 80), 150, 0.8, 1500


@dataclass(frozen=True)
class NoiseFrames:
    """Recordings of noise, with the number of frames that each recording has."""

    lengths: dict[str, int]
    noise: np.ndarray

    def row(self, id_: str) -> np.ndarray:
        """Return the frames of one recording, float16 [F, BINS]."""
        return self.noise[: self.length(id_)]

    def length(self, id_: str) -> int:
        """Return the number of frames of one recording."""
        return self.lengths[id_]


def share_of_text() -> float:
    """Return the share of a batch's places that are text, by the mean lengths of the published spans.

    Rows with speech and text-only rows are taken to have the same number of words.
    """
    spans = Spans()
    text, speech = (sum(words) / 2 for words in (spans.text_words, spans.speech_words))
    read_words = 1 - SPOKEN_ROWS * speech / (text + speech)
    read = read_words * TOKENS_PER_WORD
    return read / (read + (1 - read_words) * VECTORS_PER_WORD)


def schedule(
    items: int, vocabulary: int, micro_batch: int, seed: int = 0, *, rows: int | None = None, window: int = 0
) -> TrainingSchedule:
    """Draw one step of this many rows or windows from two sources, as `distill` draws them for packing.

    Args:
        rows: rows of each source; as many as items if None.
        window: positions of a window; 0 for rows alone, of which two thirds have speech.
    """
    random = np.random.default_rng(seed)
    sources = [make(rows or items, vocabulary, random) for make in (_spoken, _read)]
    mix = "positions" if window else "rows"
    settings = TrainingSettings(max_steps=1, seed=seed, window=window, mix=mix)
    return TrainingSchedule(sources, LAYOUT, settings, StepShape(micro_batch, items // micro_batch))


def examples_of(drawn: TrainingSchedule) -> list[TrainingExample]:
    """Return all rows of a schedule in order."""
    return [example for index in range(len(drawn)) for example in drawn[index].examples]


def _spoken(rows: int, vocabulary: int, random: np.random.Generator) -> TrainingSource:
    counts = random.integers(SPOKEN_WORDS[0], SPOKEN_WORDS[1] + 1, size=rows)
    ids = [f"spoken-{index}" for index in range(rows)]
    lengths = {id_: LAYOUT.frame(count * SECONDS_PER_WORD) for id_, count in zip(ids, counts, strict=True)}
    noise = random.standard_normal((max(lengths.values()), BINS)).astype(np.float16)
    return TrainingSource(
        "spoken",
        SPOKEN_ROWS,
        ids,
        [_text(count, vocabulary, random) for count in counts],
        words=[[_word(index) for index in range(count)] for count in counts],
        frames=WholeRecordings(NoiseFrames(lengths, noise)),
    )


def _read(rows: int, vocabulary: int, random: np.random.Generator) -> TrainingSource:
    counts = random.lognormal(np.log(READ_WORDS), READ_SPREAD, size=rows).clip(10, MOST_WORDS).astype(np.int64)
    texts = [_text(count, vocabulary, random) for count in counts]
    return TrainingSource("read", 1 - SPOKEN_ROWS, [f"read-{i}" for i in range(rows)], texts, replay=True)


def _text(words: int, vocabulary: int, random: np.random.Generator) -> TokenizedText:
    lengths = 1 + (random.random(words) < TOKENS_PER_WORD - 1)
    word_tokens = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = random.integers(0, vocabulary, size=word_tokens[-1], dtype=np.int32)
    return TokenizedText(ids, word_tokens, np.ones(words + 1, dtype=bool), prefix=0, following=0)


def _word(index: int) -> Word:
    return Word("word", index * SECONDS_PER_WORD, (index + 1) * SECONDS_PER_WORD)
