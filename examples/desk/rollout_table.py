"""Print the table of recipes/rollout.sh: each arm against the first one, over all seeds that have both.

    python examples/desk/rollout_table.py runs/rollout/seed-* --arm offline --arm forward

One JSON line per arm and figure: the mean over seeds, its difference from the first arm in the same seed on the same
questions, with the 95 % interval of the hierarchical bootstrap (seeds, then questions) and, of two or more seeds, the t
interval over seeds. Figures: `second` and `first`, the exact slots of written continuations (%, heard); `form`, whether
they have two slots at all, and `second_alone`, a right value behind a wrong name (%); `chosen_heard` and
`chosen_read`, multiple choice (%); `misalignment` and `exposure_gap` (nats per token; intervals over seeds alone).
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import SUMMARY
from saladkit.formats.files import read_json
from saladkit.formats.results import read_predictions
from saladkit.scoring.seeds import OverSeeds, over_seeds
from score_two_slots import slots_of
from two_slots import WRITTEN

Values = dict[str, float]  # by question


def slot(place: int) -> Callable[[Path, str], Values]:
    """Return a function that reads whether the first (0) or second (1) slot of each question is right, in %."""

    def read(run: Path, arm: str) -> Values:
        right = slots_of(run / "world", run / f"slots-{arm}")[arm, "speech"]
        return {id_: 100.0 * slots[place] for id_, slots in right.items()}

    return read


def second_alone(run: Path, arm: str) -> Values:
    """Read whether the second slot of each question is right and the first is not, in %."""
    right = slots_of(run / "world", run / f"slots-{arm}")[arm, "speech"]
    return {id_: 100.0 * (value and not name) for id_, (name, value) in right.items()}


def form(run: Path, arm: str) -> Values:
    """Read whether the continuation of each question has the form of two slots, in %."""
    rows = read_predictions(run / f"slots-{arm}")
    mine = [row for row in rows if (row["model"], row["modality"]) == (arm, "speech") and row["response"] is not None]
    return {row["id"]: 100.0 * (WRITTEN.match(row["response"]) is not None) for row in mine}


def chosen(modality: str) -> Callable[[Path, str], Values]:
    """Return a function that reads whether the chosen option of each question is right, in %."""

    def read(run: Path, arm: str) -> Values:
        rows = read_predictions(run / f"eval-{arm}")
        mine = [row for row in rows if (row["model"], row["modality"]) == (arm, modality)]
        return {row["id"]: 100.0 * row["acc_norm"] for row in mine if row["acc_norm"] is not None}

    return read


def misalignment(run: Path, arm: str) -> Values:
    """Return M."""
    return {"all": read_json(run / f"gap-{arm}" / SUMMARY)["misalignment"]["mean"]}


def exposure_gap(run: Path, arm: str) -> Values:
    """Return the exposure gap behind heard prompts."""
    return {"all": read_json(run / f"gap-{arm}" / SUMMARY)["exposure"]["speech"]["exposure_gap"]["mean"]}


FIGURES: dict[str, Callable[[Path, str], Values]] = {
    "second": slot(1),
    "first": slot(0),
    "chosen_heard": chosen("speech"),
    "chosen_read": chosen("text"),
    "misalignment": misalignment,
    "exposure_gap": exposure_gap,
    "form": form,
    "second_alone": second_alone,
}


def is_finished(run: Path, arm: str) -> bool:
    """Return whether a run has all results of an arm."""
    return all((run / f"{name}-{arm}" / "manifest.json").is_file() for name in ("slots", "eval", "gap"))


def compare(runs: list[Path], arm: str, first: str, figure: str) -> dict:
    """Return the line of one arm and figure.

    Raises:
        SaladError: a result cannot be read.
    """
    read = FIGURES[figure]
    pairs = [(read(run, arm), read(run, first)) for run in runs]
    mean = over_seeds([[np.array(list(own.values()))] for own, _ in pairs])
    line = {"figure": figure, "arm": arm, "seeds": len(runs), "mean": round(mean.value, 4)}
    if arm == first:
        return line
    shared = [[(own[id_], other[id_]) for id_ in sorted(own.keys() & other.keys())] for own, other in pairs]
    differences = over_seeds([[np.array([own - other for own, other in of_run])] for of_run in shared])
    return line | {"against": first} | described(differences)


def described(found: OverSeeds) -> dict:
    """Return a difference with its intervals."""
    interval = {"difference": found.value, "low": found.low, "high": found.high}
    if found.t_low is not None and found.t_high is not None:
        interval |= {"t_low": found.t_low, "t_high": found.t_high}
    return {name: round(value, 4) for name, value in interval.items()}


def main() -> None:
    """Print all lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a seed of recipes/rollout.sh")
    parser.add_argument("--arm", action="append", required=True, help="an arm; the others are compared with the first")
    options = parser.parse_args()
    first = options.arm[0]
    try:
        for arm in options.arm:
            runs = [run for run in options.runs if is_finished(run, arm) and is_finished(run, first)]
            if not runs:
                raise SaladError(f"no run has results of {arm} and of {first}", "Run recipes/rollout.sh first.")
            for figure in FIGURES:
                print(json.dumps(compare(runs, arm, first, figure)))
    except SaladError as error:
        parser.exit(2, f"error: {error.problem}\n  fix: {error.fix}\n")


if __name__ == "__main__":
    main()
