"""Print which share of the chosen speech each selection spends on each cell of the world.

    python examples/desk/budget_by_cell.py RUN... --arm active --arm uniform

RUN is a folder of recipes/demo.sh or recipes/strategies.sh; ARM is its folder of speech. One JSON line per arm: the
shares of the seconds, the mean over the runs, and the number of texts in all runs.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.sources.samples import read_samples
from world import CELLS


def shares(speech: Path) -> tuple[np.ndarray, int]:
    """Return the share of the seconds in each of `CELLS`, float64 [C], and the number of texts.

    Raises:
        SaladError: the samples cannot be read, there are none, or one has no duration or no cell of the world.
    """
    table = read_samples(str(speech), needed=["id", "cell", "duration"])
    of_cell = np.array(table.column("cell").to_pylist())
    if not len(table) or table.column("duration").null_count or not set(of_cell) <= set(CELLS):
        raise SaladError(
            f"{speech} has no rows, or rows without a duration or of no cell",
            "Give speech that was made of texts of build_world.py.",
        )
    seconds = table.column("duration").to_numpy()
    return np.array([seconds[of_cell == cell].sum() for cell in CELLS]) / seconds.sum(), len(table)


def main() -> None:
    """Print one line per arm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--arm", action="append", required=True, help="folder of a selection's speech, such as active")
    options = parser.parse_args()
    for arm in options.arm:
        try:
            found = [shares(run / arm) for run in options.runs]
        except SaladError as error:
            parser.exit(2, f"error: {error.problem}\n  fix: {error.fix}\n")
        mean = np.mean([of_run for of_run, _ in found], axis=0)
        by_cell = {cell: round(float(share), 3) for cell, share in zip(CELLS, mean, strict=True)}
        print(json.dumps({"arm": arm, **by_cell, "texts": sum(texts for _, texts in found), "runs": len(found)}))


if __name__ == "__main__":
    main()
