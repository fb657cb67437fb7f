"""Join the rows of a window to one row, whose words all see the words before them: one context for both models."""

from dataclasses import replace

import numpy as np

from saladkit.rows.sequences import Sequence
from saladkit.rows.training_rows import TrainingExample


def join_rows(rows: list[TrainingExample]) -> TrainingExample:
    """Join rows of one source: their texts one after another, and their sequences.

    Between two rows stands the token that follows the first one, where it is known: the EOS of a document. The first
    token of a row is no target, as in a row alone.
    """
    *before, last = rows
    closed = [*(_closed(row) for row in before), last]
    positions = np.cumsum([0, *(len(row.sequence) for row in closed)])
    tokens = np.cumsum([0, *(len(row.token_ids) for row in closed)])
    sequences = [row.sequence for row in closed]
    sequence = Sequence(
        np.concatenate([one.input_ids for one in sequences]),
        np.concatenate([one.speech_mask for one in sequences]),
        [span for one in sequences for span in one.spans],
        np.concatenate([one.positions + begin for one, begin in zip(sequences, positions, strict=False)]),
        np.concatenate([one.targets + begin for one, begin in zip(sequences, tokens, strict=False)]),
    )
    token_ids = np.concatenate([row.token_ids for row in closed])
    return TrainingExample(sequence, token_ids, last.id, last.source, last.replay, last.following)


def _closed(row: TrainingExample) -> TrainingExample:
    """Return a row with the token that follows it as its last token; where nobody knows it, nothing is predicted."""
    sequence, end = row.sequence, row.following
    if end is None:
        inside = sequence.targets < len(row.token_ids)
        learned = replace(sequence, positions=sequence.positions[inside], targets=sequence.targets[inside])
        return replace(row, sequence=learned)
    input_ids, mask = np.append(sequence.input_ids, end), np.append(sequence.speech_mask, False)
    longer = Sequence(input_ids, mask, sequence.spans, sequence.positions, sequence.targets)
    token_ids = np.append(row.token_ids, np.int32(end))
    return TrainingExample(longer, token_ids, row.id, row.source, row.replay)
