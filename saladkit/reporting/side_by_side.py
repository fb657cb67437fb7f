"""Several runs beside each other: the figures of each, and the settings in which they differ."""

from dataclasses import dataclass
from pathlib import Path

from saladkit.reporting.compared_run import ComparedRun
from saladkit.reporting.inventory import Inventory


@dataclass(frozen=True)
class DifferingSetting:
    """A setting of a command that is not the same in all runs; None for a run without this artefact or setting."""

    artefact: str
    setting: str
    values: list[str | None]


@dataclass(frozen=True)
class SideBySide:
    """The runs in the order in which they were given, and in what they differ."""

    names: list[str]
    runs: list[ComparedRun]
    differences: list[DifferingSetting]


def side_by_side(runs: list[ComparedRun]) -> SideBySide | None:
    """Put runs beside each other; None for a single run."""
    if len(runs) < 2:
        return None
    return SideBySide(run_names([run.inventory.run for run in runs]), runs, _differences([r.inventory for r in runs]))


def run_names(runs: list[Path]) -> list[str]:
    """Return the shortest ends of the runs' paths that tell them apart."""
    parts = [run.resolve().parts for run in runs]
    longest = max(map(len, parts))
    for length in range(1, longest + 1):
        names = ["/".join(of[-length:]) for of in parts]
        if len(set(names)) == len(names):
            return names
    return [str(run) for run in runs]


def _differences(inventories: list[Inventory]) -> list[DifferingSetting]:
    """Compare the settings of the artefacts of each name, of those that two runs at least have."""
    settings = [{found.name: found.manifest["settings"] for found in of.artefacts} for of in inventories]
    found = []
    for artefact in sorted(set().union(*settings)):
        of_runs = [of.get(artefact) for of in settings]
        known = [of for of in of_runs if of is not None]
        for name in sorted(set().union(*known)) if len(known) > 1 else []:
            if any(of.get(name) != known[0].get(name) for of in known):
                values = [None if of is None or name not in of else str(of[name]) for of in of_runs]
                found.append(DifferingSetting(artefact, name, values))
    return found
