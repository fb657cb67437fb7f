"""Find the gap tables of each model, and the ones that can be compared."""

from saladkit.errors import SaladError
from saladkit.formats.gap_table import SCHEMA, measurement, read_gap_table, read_regions
from saladkit.reporting.inventory import Found, Inventory
from saladkit.scoring.group_means import estimate
from saladkit.scoring.statistics import Estimate

COMPARED = ("misalignment", "forgetting")  # nats per text token


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
        listed = "; ".join(f"{name}: {', '.join(str(t.path) for t in found)}" for name, found in tables.items())
        raise SaladError(
            f"the gap tables of the results were not measured on the same samples in the same way ({listed})",
            "Run `saladkit gap` with the same samples and options for every checkpoint.",
        )

    def order(of_model: dict[str, Found]) -> tuple:
        every = list(of_model.values())
        return any(map(has_regions, every)), -every[0].manifest["counts"]["rows"], every[0].name

    return min(shared, key=order)


def compared_figures(table: Found) -> dict[str, Estimate]:
    """Return misalignment and forgetting in nats per text token, with intervals over items."""
    items, _ = read_gap_table(table.path)
    return {metric: estimate(items, metric) for metric in COMPARED}
