"""Make batches of windows: the model's tensors, and what teacher, lexical loss and log need."""

from collections import Counter
from dataclasses import dataclass

import torch

from saladkit.batches import place_on_lines
from saladkit.rows.batched_sequences import collate_lexical_targets, collate_phonemes, pack_sequences
from saladkit.rows.joined_rows import join_rows
from saladkit.rows.tokens import NO_LABEL
from saladkit.rows.training_rows import TrainingExample, Window
from saladkit.settings.training import TrainingSettings
from saladkit.training.loss_meter import read_of
from saladkit.training.rollout_meter import read_part

FOLLOWED, ROLLOUT, ALONE = range(3)  # what a row learns from, in the order of a batch
IGNORED = -100  # a label that transformers' Trainer does not count


@dataclass(frozen=True)
class Collator:
    """Makes one batch of windows.

    The texts of rows that learn from the teacher come first, and `followed` is their number; then those of `rollouts`
    rollouts, with the log-probabilities of their targets; then those of rows that learn from their own text alone, as
    replay may.

    Attributes:
        doubled: as in `place_on_lines`; None to pad each row.
    """

    settings: TrainingSettings
    doubled: float | None

    def __call__(self, windows: list[Window]) -> dict:
        rows = [row for window in windows for row in self._rows(window)]
        lines = self._lines([len(row.sequence) for row in rows])
        placed = [rows[index] for line in lines for index in line]
        model = pack_sequences([[rows[index].sequence for index in line] for line in lines])
        kinds = [self._kind(row) for row in placed]
        order = sorted(range(len(placed)), key=kinds.__getitem__)
        at = model["logits_at"].split([len(row.sequence.targets) for row in placed])
        model["logits_at"] = torch.cat([at[index] for index in order])
        learned = [placed[index] for index in order]
        followed, rollouts = kinds.count(FOLLOWED), kinds.count(ROLLOUT)
        batch = {
            "model": model,
            "token_ids": [row.token_ids for row in learned],
            "targets": [row.sequence.targets for row in learned],
            "labels": self._labels(learned, followed),
            "followed": followed,
            "rollouts": rollouts,
            "measured": [_measured_as(row) for row in learned],
            "log_probs": _log_probs(learned[followed : followed + rollouts]),
            "ids": [row.id for window in windows for row in window.examples],
            "read": _count(windows),
            "places": sum(len(row.sequence) for row in rows),
        }
        if self.settings.lexical_weight > 0:
            batch["lexical_targets"] = collate_lexical_targets([row.sequence for row in placed])
            batch["phonemes"] = collate_phonemes([row.sequence for row in placed])
        return batch

    def _kind(self, row: TrainingExample) -> int:
        if row.log_probs is not None:
            return ROLLOUT
        return ALONE if self.settings.learns_from_text_alone(row.replay) else FOLLOWED

    def _labels(self, rows: list[TrainingExample], followed: int) -> torch.Tensor:
        """Return the labels of all rows; IGNORED where there is neither a label nor a teacher, so that no loss is."""
        labels = torch.cat([torch.from_numpy(row.labels()) for row in rows])
        taught = sum(len(row.sequence.targets) for row in rows[:followed]) if self.settings.alpha > 0 else 0
        labels[taught:].masked_fill_(labels[taught:] == NO_LABEL, IGNORED)
        return labels

    def _rows(self, window: Window) -> list[TrainingExample]:
        """Return what is one context each: the rows of a window, or the window."""
        return [join_rows(window.examples)] if self.settings.window_context == "window" else window.examples

    def _lines(self, lengths: list[int]) -> list[list[int]]:
        if self.doubled is None:
            return [[row] for row in range(len(lengths))]
        return place_on_lines(lengths, self.doubled)


def _measured_as(row: TrainingExample) -> str:
    """Return the name by which the loss of a row is measured where there are rollouts."""
    return read_part(row.source) if row.log_probs is not None and not row.sequence.spans else row.source


def _log_probs(rollouts: list[TrainingExample]) -> torch.Tensor:
    """Return the log-probabilities of the targets of rollouts when they were drawn, float32 [R]."""
    found = []
    for row in rollouts:
        assert row.log_probs is not None and len(row.log_probs) == len(row.sequence.targets)
        found.append(torch.from_numpy(row.log_probs))
    return torch.cat(found) if found else torch.zeros(0)


def _count(windows: list[Window]) -> Counter[str]:
    """Count what a batch has of each source, by names of the log."""
    read: Counter[str] = Counter()
    for window in windows:
        source = window.examples[0].source
        read[read_of(source, "rows")] += len(window.examples)
        read[read_of(source, "positions")] += sum(len(row.sequence) for row in window.examples)
        read[read_of(source, "loss positions")] += sum(len(row.sequence.targets) for row in window.examples)
        read[read_of(source, "unread rows")] += window.unread
    return read
