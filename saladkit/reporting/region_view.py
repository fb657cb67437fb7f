"""Where the gap is and where the selections drew from, side by side by region."""

from dataclasses import dataclass

import pyarrow.compute as pc

from saladkit.formats.gap_table import read_regions
from saladkit.formats.regions import SCHEMA as REGIONS
from saladkit.formats.regions import Regions
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.reporting.gap_tables import tables_of
from saladkit.reporting.inventory import Found, Inventory
from saladkit.settings.select import METRICS
from saladkit.sources.samples import read_samples


@dataclass(frozen=True)
class RegionRow:
    """One region: how far speech lies from text there, and how many texts each selection took."""

    region: int
    keywords: list[str]
    gap: float
    low: float
    high: float
    probes: int
    pool_share: float | None
    speech_share: float | None
    chosen: dict[str, int]


@dataclass(frozen=True)
class RegionView:
    """All regions, the largest gap first."""

    metric: str  # column of the gap table: the one that the selections went by
    selections: list[Found]
    rows: list[RegionRow]


def region_view(inventory: Inventory, model_digest: str) -> RegionView | None:
    """The gap by region of a model; None if none was measured."""
    tables = [table for table in tables_of(inventory, model_digest) if read_regions(table.path)]
    if not tables:
        return None
    # Of several divisions into regions the one that most was chosen by.
    table = max(tables, key=lambda table: len(_selections(inventory, table)))
    gaps, selections = read_regions(table.path), _selections(inventory, table)
    source = inventory.by_digest(REGIONS, table.reads("regions"))
    about = {row["region"]: row for row in Regions.open(source.path).table} if source else {}
    metrics = [found.manifest["settings"].get("metric") for found in selections]
    metric = next((METRICS[m] for m in metrics if m in METRICS), "misalignment")
    counts = {found.name: _count_by_region(found) for found in selections}
    rows = []
    for row in sorted(gaps, key=lambda row: (-row[metric], row["region"])):
        region = row["region"]
        known = about.get(region, {})
        rows.append(
            RegionRow(
                region=region,
                keywords=known.get("keywords") or [f"region {region}"],
                gap=row[metric],
                low=row[f"{metric}_low"],
                high=row[f"{metric}_high"],
                probes=row["probes"],
                pool_share=known.get("pool_share"),
                speech_share=known.get("speech_share"),
                chosen={name: of_region.get(region, 0) for name, of_region in counts.items()},
            )
        )
    return RegionView(metric, selections, rows)


def _selections(inventory: Inventory, table: Found) -> list[Found]:
    """What was chosen by the regions of a gap table, but for probes, of which every region has as many."""
    return [
        found
        for found in inventory.of_schema(SAMPLES)
        if found.manifest["verb"] == "select"
        and found.reads("regions") == table.reads("regions")
        and found.manifest["settings"].get("per_region") is None
    ]


def _count_by_region(selection: Found) -> dict[int, int]:
    column = read_samples(str(selection.path), needed=["id", "region"], optional=[]).column("region")
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}
