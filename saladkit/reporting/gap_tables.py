"""Find the gap tables of each model, and the ones that can be compared."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.formats.gap_table import SCHEMA, measurement, read_behind, read_gap_table, read_regions, spans_of
from saladkit.reporting.gap_summary import tokens_behind
from saladkit.reporting.inventory import Found, Inventory
from saladkit.scoring.group_means import estimate
from saladkit.scoring.statistics import Estimate


@dataclass(frozen=True)
class MeasuredGap:
    """What a gap table says of its model, in nats per text token, with intervals over items.

    Attributes:
        behind: rows of `formats.gap_table.BEHIND`; empty if the table has none.
        spans: the spans after which it was measured, in words; None if the table does not tell.
    """

    misalignment: Estimate
    forgetting: Estimate
    behind: list[dict]
    spans: str | None


def tables_of(inventory: Inventory, model_digest: str) -> list[Found]:
    """Return the gap tables that were measured on the model with this digest."""
    return [found for found in inventory.of_schema(SCHEMA) if found.reads("checkpoint") == model_digest]


def has_regions(table: Found) -> bool:
    """Tell whether the table has a gap by region."""
    return bool(read_regions(table.path))


def comparable_tables(inventory: Inventory, models: dict[str, str]) -> dict[str, Found] | None:
    """Return one gap table for each model, all measured in the same way on the same samples.

    Where several measurements qualify, those without regions come first, then those with the most rows.

    Args:
        models: name of each model -> its digest.

    Returns:
        Name of each model -> its table; None if a model has no gap table.

    Raises:
        SaladError: every model has a gap table, but not on the same samples.
    """
    tables = {name: tables_of(inventory, digest) for name, digest in models.items()}
    if not all(tables.values()):
        return None
    by_measurement: dict[str, dict[str, Found]] = {}
    for name, found in tables.items():
        for table in found:
            by_measurement.setdefault(measurement(table.manifest), {}).setdefault(name, table)
    shared = [of_model for of_model in by_measurement.values() if len(of_model) == len(models)]
    if not shared:
        listed = "; ".join(f"{name}: {', '.join(map(_described, found))}" for name, found in tables.items())
        raise SaladError(
            f"the gap tables of the results were not measured on the same samples in the same way ({listed})",
            "Run `saladkit gap` with the same samples and options for every checkpoint.",
        )

    def order(of_model: dict[str, Found]) -> tuple:
        every = list(of_model.values())
        return any(map(has_regions, every)), -every[0].manifest["counts"]["rows"], every[0].name

    return min(shared, key=order)


def _described(table: Found) -> str:
    spans = spans_of(table.manifest["settings"])
    return f"{table.path}, {spans}" if spans else str(table.path)


def measured_gap(table: Found) -> MeasuredGap:
    """Read what a gap table says of its model."""
    items, _ = read_gap_table(table.path)
    misalignment, forgetting = (estimate(items, metric) for metric in ("misalignment", "forgetting"))
    return MeasuredGap(misalignment, forgetting, read_behind(table.path), spans_of(table.manifest["settings"]))


@dataclass(frozen=True)
class BehindSpeech:
    """One distance behind speech: the share of the tokens there, and of each model M and its share of all M."""

    tokens: str
    share: float
    models: list[tuple[float, float | None]]


def behind_speech(measured: list[MeasuredGap]) -> list[BehindSpeech]:
    """Return the distances that have tokens, given comparable tables of several models; empty without tables."""
    found = []
    for of_models in zip(*(of_model.behind for of_model in measured), strict=True):
        first, models = of_models[0], [(row["misalignment"], row["misalignment_share"]) for row in of_models]
        if first["tokens"]:
            found.append(BehindSpeech(tokens_behind(first), first["tokens_share"], models))
    return found
