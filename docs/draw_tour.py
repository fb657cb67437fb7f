"""Draw docs/tour.png: one row of the tour as the model reads it, and the loss at each of its positions.

python docs/draw_tour.py tour docs/tour.png      (after the blocks of docs/tour.md)
"""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from saladkit.api import load_checkpoint, teacher_kl
from saladkit.formats.samples import words_from_row
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import build_sequence, collate_sequences
from saladkit.rows.tokens import tokenize
from saladkit.sources.samples import read_samples
from saladkit.speech.front_end import frames_of_row

TEXT, SPEECH, LOSS = "#56B4E9", "#E69F00", "#333333"
ROW = 5
SPANS = ((0, 5), (5, 9), (9, 14), (14, 17), (17, 19))  # words: text and speech in turn


def draw(tour: Path, output: Path) -> None:
    """Lay out one row, run the model on it, and draw both."""
    row = read_samples(tour / "speech", needed=["id", "text", "audio", "words"]).slice(ROW, 1).to_pylist()[0]
    model, processor = load_checkpoint(tour / "stage1")
    front_end = front_end_of(model.config, device="cpu")
    layout = layout_of(model.config, front_end)
    text, words = tokenize(processor.tokenizer, row["text"]), words_from_row(row)
    spans = [Span(index % 2 == 1, *ends) for index, ends in enumerate(SPANS)]
    sequence = build_sequence(text, spans, words, frames_of_row(front_end, row, "tour"), layout)
    with torch.no_grad():
        read = model(**collate_sequences([sequence])).logits
    logits = torch.zeros(len(text.token_ids), read.shape[-1])
    logits[sequence.targets - 1] = read
    losses = teacher_kl(tour / "teacher", text.token_ids, logits)[sequence.targets - 1].numpy()

    figure = Figure(figsize=(11, 3.4), dpi=130, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1, 1.3])
    _draw_sequence(above, sequence.speech_mask, _labels(row["text"].split(), sequence.speech_mask, text))
    below.bar(sequence.positions, losses, color=LOSS, width=0.8)
    below.set_ylabel("KL(teacher || student)\nnats")
    below.set_xlabel("position in the sequence; the loss is where the next token is text")
    for side in ("top", "right"):
        below.spines[side].set_visible(False)
    figure.savefig(output, metadata={"Software": None})


def _labels(words: list[str], mask: np.ndarray, text: object) -> list[tuple[float, str, bool]]:
    """(position, label, whether it is speech): a text word at its first token, the words of a speech span above it."""
    labels, place = [], 0
    for index, (begin, end) in enumerate(SPANS):
        if index % 2:
            length = int(np.argmin(np.append(mask[place:], False)))
            labels.append((place + length / 2 - 0.5, f"“{' '.join(words[begin:end])}”", True))
            place += length
            continue
        for word in range(begin, end):
            labels.append((place, words[word], False))
            place += text.word_tokens[word + 1] - text.word_tokens[word]
    return labels


def _draw_sequence(axes: object, mask: np.ndarray, labels: list[tuple[float, str, bool]]) -> None:
    for place, speech in enumerate(mask):
        axes.add_patch(Rectangle((place - 0.45, 0), 0.9, 1, color=SPEECH if speech else TEXT))
    for place, label, speech in labels:
        axes.text(place, 1.25, label, rotation=0 if speech else 60, ha="center" if speech else "left", fontsize=8)
    axes.text(len(mask), 0.5, "text tokens", color=TEXT, va="center", fontweight="bold")
    axes.text(len(mask), -0.4, "speech vectors", color=SPEECH, va="center", fontweight="bold")
    axes.set(xlim=(-1, len(mask) + 8), ylim=(-0.8, 4.5))
    axes.axis("off")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
