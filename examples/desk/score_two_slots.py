"""Print how often written continuations have exactly the right name, and exactly the right value behind it.

    python examples/desk/score_two_slots.py WORLD EVAL...

WORLD is a folder of build_world.py with two-slots.parquet, EVAL what `saladkit eval --generate` made of their speech.
One JSON line per model and modality: the number of questions, the shares of right first and second slots with Wilson's
95 % intervals, and the share of right second slots behind a wrong name. Capitals do not count.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.results import read_predictions
from saladkit.scoring.statistics import accuracy
from two_slots import slots_right

Condition = tuple[str, str]  # model and modality


def slots_of(world: Path, evaluation: Path) -> dict[Condition, dict[str, tuple[bool, bool]]]:
    """Return of each model and modality whether the slots of each question are right, by its id.

    Raises:
        SaladError: the world has no two slots, the evaluation cannot be read, or it has no written answers to them.
    """
    path = world / "two-slots.parquet"
    if not path.is_file():
        raise SaladError(f"{path} does not exist", "Make the world with --two-slot-documents.")
    asked = {row["id"]: row for row in pq.read_table(path).to_pylist()}
    found: dict[Condition, dict[str, tuple[bool, bool]]] = {}
    for row in read_predictions(evaluation):
        if row["id"] in asked and row["response"] is not None:
            about = asked[row["id"]]
            right = slots_right(row["response"], about["entity"], about["value"])
            found.setdefault((row["model"], row["modality"]), {})[row["id"]] = right
    if not found:
        raise SaladError(
            f"{evaluation} has no written answers to the questions of {path}",
            "Run `saladkit eval --generate --template continuation` on their speech.",
        )
    return found


def figures(right: dict[str, tuple[bool, bool]]) -> dict:
    """Return the figures of one model and modality."""
    slots = np.array(list(right.values()))
    behind_wrong = slots[~slots[:, 0], 1]
    shares = {}
    for name, column in (("first", slots[:, 0]), ("second", slots[:, 1])):
        found = accuracy(column)
        shares[name] = {part: round(getattr(found, part), 4) for part in ("value", "low", "high")}
    share = round(float(behind_wrong.mean()), 4) if len(behind_wrong) else None
    return {"questions": len(slots), **shares, "second_behind_wrong_name": share}


def main() -> None:
    """Print one line per model and modality."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("world", type=Path, metavar="WORLD")
    parser.add_argument("evaluations", type=Path, nargs="+", metavar="EVAL")
    options = parser.parse_args()
    try:
        for evaluation in options.evaluations:
            for (model, modality), right in slots_of(options.world, evaluation).items():
                about = {"evaluation": str(evaluation), "model": model, "modality": modality}
                print(json.dumps(about | figures(right)))
    except SaladError as error:
        parser.exit(2, f"error: {error.problem}\n  fix: {error.fix}\n")


if __name__ == "__main__":
    main()
