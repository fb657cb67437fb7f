"""Cut a long recording and its text into pieces, at words that the model recognizes exactly as they are written.

Aligning all frames with all characters needs a table of their product, which is 5 GB for half an hour. So the words
that the model recognizes without the text (the most probable character of each frame) are compared with the text.
Pieces end inside runs of equal words, and are aligned one by one.
"""

from dataclasses import dataclass
from difflib import SequenceMatcher

import torch

RUN = 3  # words; shorter runs are equal by chance more often


@dataclass(frozen=True)
class Piece:
    """Words [first_word, last_word), which are spoken in frames [first_frame, last_frame)."""

    first_word: int
    last_word: int
    first_frame: int
    last_frame: int


def pieces_of(
    spelled: list[list[int] | None], log_probs: torch.Tensor, blank: int, delimiter: int | None, *, at_least: int
) -> list[Piece]:
    """Cut a text and its frames into pieces.

    Args:
        spelled: the token ids of each word's characters; None or [] for a word that the model cannot write.
        log_probs: float32 [frames, vocabulary].
        blank: the token id of CTC's blank.
        delimiter: the token id between words, if the model has one.
        at_least: a piece has at least this fraction of the frames (1 / `at_least`), and more if no run of equal words
            is near its end.
    """
    recognized = _recognized_words(log_probs, blank, delimiter)
    written = [tuple(ids or ()) for ids in spelled]
    matcher = SequenceMatcher(None, written, [characters for characters, _, _ in recognized], autojunk=False)
    frames = len(log_probs)
    pieces, first_word, first_frame = [], 0, 0
    for block in matcher.get_matching_blocks():
        if block.size < RUN:
            continue
        for step in range(1, block.size):  # between two words of the run
            word, place = block.a + step, block.b + step
            cut = (recognized[place - 1][2] + recognized[place][1]) // 2
            if cut - first_frame >= frames / at_least and word > first_word:
                pieces.append(Piece(first_word, word, first_frame, cut))
                first_word, first_frame = word, cut
    pieces.append(Piece(first_word, len(spelled), first_frame, frames))
    return pieces


def _recognized_words(
    log_probs: torch.Tensor, blank: int, delimiter: int | None
) -> list[tuple[tuple[int, ...], int, int]]:
    """Return the words of the most probable characters, each with its first frame and the frame after its last."""
    words: list[tuple[tuple[int, ...], int, int]] = []
    characters: list[int] = []
    begin = end = 0
    previous = blank
    for frame, token in enumerate(log_probs.argmax(dim=1).tolist()):
        if token == delimiter:
            if characters:
                words.append((tuple(characters), begin, end))
            characters = []
        elif token != blank and token != previous:
            begin = begin if characters else frame
            characters.append(token)
        if token not in (blank, delimiter):
            end = frame + 1
        previous = token
    return [*words, (tuple(characters), begin, end)] if characters else words
