"""Where a long recording and its text may be cut: at words that the model hears just as they are written.

The best path through all frames and characters needs a table of their product, which is 5 GB for half an hour. So what
is heard without the text (the likeliest character of each frame) is compared with the text, and runs of words that
agree, far enough apart, become the ends of pieces that are aligned one by one.
"""

from dataclasses import dataclass
from difflib import SequenceMatcher

import torch

RUN = 3  # words in a row that agree by chance are rare


@dataclass(frozen=True)
class Piece:
    """Words [first_word, last_word) stand in frames [first_frame, last_frame)."""

    first_word: int
    last_word: int
    first_frame: int
    last_frame: int


def pieces_of(
    spelled: list[list[int] | None], log_probs: torch.Tensor, blank: int, delimiter: int | None, *, at_least: int
) -> list[Piece]:
    """Cut a text, word by word as characters (None or [] where the model writes none), and its frames into pieces.

    A piece has an `at_least`th of the frames, and more where the two do not agree at its end.
    """
    heard = _heard_words(log_probs, blank, delimiter)
    written = [tuple(ids or ()) for ids in spelled]
    matcher = SequenceMatcher(None, written, [characters for characters, _, _ in heard], autojunk=False)
    frames = len(log_probs)
    pieces, first_word, first_frame = [], 0, 0
    for block in matcher.get_matching_blocks():
        if block.size < RUN:
            continue
        for step in range(1, block.size):  # between two words of the run
            word, place = block.a + step, block.b + step
            cut = (heard[place - 1][2] + heard[place][1]) // 2
            if cut - first_frame >= frames / at_least and word > first_word:
                pieces.append(Piece(first_word, word, first_frame, cut))
                first_word, first_frame = word, cut
    pieces.append(Piece(first_word, len(spelled), first_frame, frames))
    return pieces


def _heard_words(log_probs: torch.Tensor, blank: int, delimiter: int | None) -> list[tuple[tuple[int, ...], int, int]]:
    """The words of the likeliest characters, each with its first frame and the frame after its last."""
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
