"""Misalignment M by the amount of training: the gap tables of several checkpoints, and the law fitted to them."""

from dataclasses import dataclass
from typing import Any

from saladkit.errors import SaladError
from saladkit.formats.files import read_json
from saladkit.formats.gap_table import SCHEMA as GAP_TABLE
from saladkit.formats.scaling import SCHEMA as SCALING
from saladkit.formats.scaling import Measured, read_log
from saladkit.reporting.inventory import Inventory
from saladkit.scoring.group_means import estimate
from saladkit.scoring.statistics import Estimate

LAW = ("floor", "scale", "exponent")


@dataclass(frozen=True)
class Point:
    """M of one checkpoint, in nats per text token, after `positions` positions of training."""

    name: str
    positions: float
    misalignment: Estimate


@dataclass(frozen=True)
class MisalignmentCurve:
    """The checkpoints that were measured in the same way, by their positions.

    Attributes:
        spans: the spans after which M was measured; None if unknown.
        law: floor, scale and exponent of M = E + B * D^-beta, if `fit-scaling` has found it in the run.
    """

    points: list[Point]
    spans: str | None
    law: dict[str, float] | None


def misalignment_curve(inventory: Inventory) -> MisalignmentCurve | None:
    """Return the curve of most checkpoints; None where fewer than two amounts of training were measured alike."""
    alike: dict[str | None, list[Measured]] = {}
    digests: dict[str | None, set[str]] = {}
    for found in inventory.of_schema(GAP_TABLE):
        try:
            (measured,) = read_log(str(found.path))
        except SaladError:  # its checkpoint does not say how much it was trained on
            continue
        alike.setdefault(measured.measured_by, []).append(measured)
        digests.setdefault(measured.measured_by, set()).add(found.digest)
    most = max(alike.values(), key=lambda group: len(_amounts(group)), default=[])
    if len(_amounts(most)) < 2:
        return None
    points = [
        Point(of.name, float(of.figures["positions"] or 0), estimate(of.items or [], "misalignment")) for of in most
    ]
    return MisalignmentCurve(
        sorted(points, key=lambda point: point.positions), most[0].spans, _law(inventory, digests[most[0].measured_by])
    )


def _amounts(group: list[Measured]) -> set[float | None]:
    return {of.figures["positions"] for of in group}


def _law(inventory: Inventory, shown: set[str]) -> dict[str, float] | None:
    """Return the law that was fitted to the gap tables with these digests, and to no others."""
    for found in inventory.of_schema(SCALING):
        if set(found.reads_all("log")) != shown:
            continue
        law: dict[str, Any] = read_json(found.path / "scaling.json").get("law", {})
        if law.get("exponent_found"):
            return {name: float(law[name]["value"]) for name in LAW}
    return None
