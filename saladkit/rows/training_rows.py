"""Rows of training: the texts, words and frames of one source, and one row as it is trained on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from saladkit.formats.words import Word
from saladkit.rows.frame_sources import FrameSource
from saladkit.rows.interleaving import may_cut
from saladkit.rows.sequences import Sequence
from saladkit.rows.spoken_phonemes import SourcePhonemes
from saladkit.rows.tokens import NO_LABEL, TokenizedText
from saladkit.speech.audio.audio_rows import AudioRows


@dataclass(frozen=True)
class TrainingSource:
    """The rows of one source: speech with its text, or text only.

    Attributes:
        name: path of the source, for messages.
        weight: the source's share of the training, relative to the other sources.
        ids, texts: id and tokens of each row.
        words: words of each row with their times; None for text only.
        frames: the recordings; None for text only.
        split: number of rows that were too long and were split into pieces.
        left_out: ids of rows that cannot be read, each with the reason.
        unusable: rows whose audio or word times cannot be used; None for text only.
        replay: whether these rows are replay.
        phonemes: the phonemes of each row, if vectors learn to name them in the lexical steps.
        log_probs: of rollouts, the log-probabilities of each row's targets when they were drawn, float32 [targets];
            None for other rows.
    """

    name: str
    weight: float
    ids: list[str]
    texts: list[TokenizedText]
    words: list[list[Word]] | None = None
    frames: FrameSource | None = None
    split: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    unusable: AudioRows | None = None
    replay: bool = False
    phonemes: SourcePhonemes | None = None
    log_probs: list[np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_rollouts(self) -> bool:
        """Whether the rows are rollouts, which have a loss of their own."""
        return self.log_probs is not None

    @property
    def draws_spans(self) -> bool:
        """Whether it is speech whose spans are drawn, so that lexical steps may hear all of it."""
        return self.frames is not None and not self.is_rollouts

    @cached_property
    def has_conversations(self) -> bool:
        """Whether a row is a conversation."""
        return any(text.hearable is not None for text in self.texts)

    def unusable_rows(self) -> list[dict]:
        """Return the rows whose audio or word times cannot be used, as a manifest lists them."""
        return self.unusable.listed() if self.unusable else []

    @cached_property
    def never_cut(self) -> int:
        """Number of speech rows without a word at which a span may end: such a row is one span of speech or text.

        The spans of rollouts are not drawn.
        """
        if self.is_rollouts:
            return 0
        pairs = zip(self.texts, self.words or [], strict=False)
        return sum(not may_cut(text, words)[1:-1].any() for text, words in pairs)

    @cached_property
    def tokens(self) -> np.ndarray:
        """Number of tokens of each row, int64 [rows]."""
        return np.array([len(text.token_ids) for text in self.texts], dtype=np.int64)

    @cached_property
    def word_counts(self) -> np.ndarray:
        """Number of words of each row, int64 [rows]."""
        return np.array([len(text.splittable) - 1 for text in self.texts], dtype=np.int64)


@dataclass(frozen=True)
class TrainingExample:
    """One row in one pass over its source, with the spans that were drawn for it.

    Attributes:
        sequence: the row as the model reads it.
        token_ids: int32 [n], the tokens of its text, from which the teacher predicts.
        id: id of the row.
        source: name of the row's source.
        replay: whether the row is replay.
        following: the token behind the last one, as in TokenizedText.
        log_probs: as in TrainingSource, float32 [P]; None for a row that is no rollout.
    """

    sequence: Sequence
    token_ids: np.ndarray
    id: str
    source: str
    replay: bool
    following: int | None = None
    log_probs: np.ndarray | None = None

    def labels(self) -> np.ndarray:
        """Return the text's own tokens at the targets, int64 [P]; NO_LABEL where nobody knows what follows the text."""
        following = NO_LABEL if self.following is None else self.following
        return np.append(self.token_ids, following)[self.sequence.targets].astype(np.int64)


@dataclass(frozen=True)
class Window:
    """Rows of one source that are read together: one row alone, or rows that fill a window of --window positions.

    Attributes:
        unread: number of rows that were drawn for the windows before and this one, and fitted none of them.
    """

    examples: list[TrainingExample]
    unread: int = 0
