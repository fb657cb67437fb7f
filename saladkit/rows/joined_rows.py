"""Join the rows of a window to one row, whose words all see the words before them: one context for both models."""

import numpy as np

from saladkit.rows.sequences import Sequence
from saladkit.rows.training_rows import TrainingExample


def join_rows(rows: list[TrainingExample]) -> TrainingExample:
    """Join rows of one source: their texts one after another, and their sequences.

    The first token of a row, which nothing in the row before announces, is no target, as in a row alone.
    """
    positions = np.cumsum([0, *(len(row.sequence) for row in rows)])
    tokens = np.cumsum([0, *(len(row.token_ids) for row in rows)])
    sequences = [row.sequence for row in rows]
    sequence = Sequence(
        np.concatenate([one.input_ids for one in sequences]),
        np.concatenate([one.speech_mask for one in sequences]),
        [span for one in sequences for span in one.spans],
        np.concatenate([one.positions + begin for one, begin in zip(sequences, positions, strict=False)]),
        np.concatenate([one.targets + begin for one, begin in zip(sequences, tokens, strict=False)]),
    )
    token_ids = np.concatenate([row.token_ids for row in rows])
    return TrainingExample(sequence, token_ids, rows[0].id, rows[0].source, rows[0].replay)
