"""Compare packed rows with padded rows: the share of places that are not padding, and the speed of a training step.

Rows are padded in two ways: in random order, and with rows of similar length together. All ways have the same rows.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np
import torch

from saladkit.rows.schedule import balance_lengths, group_by_length
from saladkit.rows.training_rows import TrainingExample
from side_by_side import Target, arguments, emit, run_pairs
from training_batches import Batch, make_batch, speech_model, train_on
from training_rows import predicted_lengths, schedule

WINDOW = 16  # batches, as TrainingSchedule has it


def main() -> None:
    """Print, for each way of padding, a line for the share and one for the step."""
    parser = arguments(__doc__.splitlines()[0], shape="small")
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--micro-batch", type=int, default=8, help="rows")
    options = parser.parse_args()
    model, vocabulary = speech_model(options.shape, device=options.device)
    drawn = schedule(options.rows, vocabulary, options.micro_batch)
    examples, lengths = [drawn[index] for index in range(len(drawn))], predicted_lengths(drawn)
    rows, micro = len(examples), options.micro_batch
    made = {"vocabulary": vocabulary, "device": options.device}
    packed = batches(examples, balance_lengths(lengths, rows, micro, 1, [0]), micro, packed=True, **made)
    padded = {
        "random order": np.random.default_rng(0).permutation(rows),
        "length order": group_by_length(lengths, micro, WINDOW, [0]),
    }
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    common = {"device": options.device, "shape": options.shape, "dtype": options.dtype, "rows": rows}
    for name, order in padded.items():
        others = batches(examples, order, micro, packed=False, **made)
        emit(
            f"packing, places used: against padding in {name}",
            ours=used(packed),
            theirs=used(others),
            unit="share",
            ratio=used(packed) / used(others),
            target=Target("ours", ">=", 0.99),
            places=sum(batch.places for batch in packed),
            longest_micro_batch_over_mean=round(unevenness(packed), 4),
            **common,
        )
        losses = [train_on(model, optimizer, side) for side in (packed, others)]
        found = run_pairs(
            partial(train_on, model, optimizer, packed, options.dtype),
            partial(train_on, model, optimizer, others, options.dtype),
            options.pairs,
            options.device,
        )
        places = sum(batch.places for batch in packed)
        emit(
            f"packing, training step: against padding in {name}",
            ours=places / found.ours,
            theirs=places / found.theirs,
            unit="positions/s",
            ratio=found.speedup,
            target=Target("loss_difference", "<=", 1e-5),
            pairs=found.pairs,
            loss_difference=abs(losses[0] - losses[1]),
            loss=losses[0],
            **common,
        )


def batches(
    examples: list[TrainingExample], order: Iterable[int], micro: int, *, packed: bool, vocabulary: int, device: str
) -> list[Batch]:
    """Make micro-batches of `micro` rows in the given order."""
    rows = [examples[index] for index in order]
    made = {"packed": packed, "vocabulary": vocabulary, "device": device}
    return [make_batch(rows[at : at + micro], **made) for at in range(0, len(rows), micro)]


def used(made: list[Batch]) -> float:
    """Return the share of all places that hold a token or a speech vector."""
    return sum(batch.places for batch in made) / sum(batch.room for batch in made)


def unevenness(made: list[Batch]) -> float:
    """Return the longest micro-batch / the mean one: several devices would wait for the longest."""
    return max(batch.room for batch in made) / (sum(batch.room for batch in made) / len(made))


if __name__ == "__main__":
    main()
