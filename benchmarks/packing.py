"""Compare packed rows with padded rows: the share of places that are not padding, and the speed of a training step.

Rows are padded in two ways: in random order, and with rows of similar length together. All ways have the same rows:
rows alone, a fixed number of them in a micro-batch; and windows, each packed by itself.
"""

import argparse
from functools import partial

import numpy as np
import torch

from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.drawn_rows import DrawnRow, RowDrawing
from saladkit.rows.schedule import TrainingSchedule
from saladkit.rows.training_rows import TrainingExample
from side_by_side import Target, arguments, emit, run_pairs, seconds
from training_batches import Batch, make_batch, speech_model, train_on
from training_rows import examples_of, schedule

ROWS_OF_WINDOWS = 4000  # of each source, to choose from
REACH = {"random order": 1.7, "length order": 1.0}  # times the speed of padded rows


def main() -> None:
    """Print, for rows and for windows and each way of padding, a line for the share and one for the step."""
    parser = arguments(__doc__.splitlines()[0], shape="small")
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--micro-batch", type=int, default=8, help="rows")
    parser.add_argument("--window", type=int, default=2048, help="positions")
    parser.add_argument("--windows", type=int, default=9)
    options = parser.parse_args()
    model, vocabulary = speech_model(options.shape, device=options.device)
    micro = options.micro_batch
    rows = examples_of(schedule(options.rows, vocabulary, micro))
    in_rows = [rows[at : at + micro] for at in range(0, len(rows), micro)]
    compare("rows", model, in_rows, options)
    read = {"rows": ROWS_OF_WINDOWS, "window": options.window}
    drawn = schedule(options.windows, vocabulary, 1, **read)
    compare("windows", model, [drawn[index].examples for index in range(len(drawn))], options)
    fill(drawn, options.shape)


def compare(
    kind: str,
    model: SaladForCausalLM,
    packs: list[list[TrainingExample]],
    options: argparse.Namespace,
) -> None:
    """Pack each of `packs`, and pad the same rows."""
    made = {"model": model, "device": options.device}
    packed = [make_batch(pack, packed=True, **made) for pack in packs]
    rows = [row for pack in packs for row in pack]
    by_length = np.argsort([len(row.sequence) for row in rows], kind="stable")
    padded = {"random order": np.random.default_rng(0).permutation(len(rows)), "length order": by_length}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    common = {"device": options.device, "shape": options.shape, "dtype": options.dtype, "rows": len(rows)}
    for name, order in padded.items():
        micro = options.micro_batch
        parts = [[rows[index] for index in order[at : at + micro]] for at in range(0, len(rows), micro)]
        others = [make_batch(part, packed=False, **made) for part in parts]
        emit(
            f"packing, {kind}, places used: against padding in {name}",
            ours=used(packed),
            theirs=used(others),
            unit="share",
            ratio=used(packed) / used(others),
            target=None,
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
            f"packing, {kind}, training step: against padding in {name}",
            ours=places / found.ours,
            theirs=places / found.theirs,
            unit="positions/s",
            ratio=found.speedup,
            target=Target("ratio", ">=", REACH[name], holds=options.device == "cpu" and kind == "windows"),
            pairs=found.pairs,
            loss_difference=abs(losses[0] - losses[1]),
            loss=losses[0],
            **common,
        )


def fill(drawn: TrainingSchedule, shape: str) -> None:
    """Print how full windows are, and how long composing takes beside building their rows."""
    for stream in drawn.phases[False].streams:
        count = stream.per_block
        composing = seconds(partial(stream.window, 2 * count), "cpu")  # composes a block that none has asked for
        windows = [stream.window(2 * count + index)[0] for index in range(count)]
        building = seconds(partial(build, stream.drawing, windows), "cpu")
        emit(
            f"windows of {stream.drawing.source.name} rows: positions filled",
            ours=sum(row.length for rows in windows for row in rows) / (count * stream.size),
            theirs=None,
            unit="share",
            ratio=None,
            target=Target("ours", ">=", 0.99),
            device="cpu",
            shape=shape,
            window=stream.size,
            rows=sum(map(len, windows)),
            unread=stream.window(3 * count - 1)[1],
            composing_ms_per_window=round(1000 * composing / count, 3),
            building_ms_per_window=round(1000 * building / count, 3),
        )


def build(drawing: RowDrawing, windows: list[list[DrawnRow]]) -> None:
    """Build all rows of windows."""
    for rows in windows:
        for row in rows:
            drawing.example(row)


def used(made: list[Batch]) -> float:
    """Return the share of all places that hold a token or a speech vector."""
    return sum(batch.places for batch in made) / sum(batch.room for batch in made)


def unevenness(made: list[Batch]) -> float:
    """Return the longest micro-batch / the mean one: several devices would wait for the longest."""
    return max(batch.room for batch in made) / (sum(batch.room for batch in made) / len(made))


if __name__ == "__main__":
    main()
