"""The gap by region of the text pool, beside the number of texts that each selection took from the region."""

from dataclasses import dataclass

import pyarrow.compute as pc

from saladkit.formats.checkpoint import SCHEMA as CHECKPOINT
from saladkit.formats.gap_table import SCHEMA as GAP_TABLE
from saladkit.formats.gap_table import read_regions, read_spread, spans_of
from saladkit.formats.regions import SCHEMA as REGIONS
from saladkit.formats.regions import Regions
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.reporting.gap_tables import has_regions, tables_of
from saladkit.reporting.inventory import Found, Inventory
from saladkit.settings.select import SELECTION_METRICS
from saladkit.sources.samples import read_samples


@dataclass(frozen=True)
class Metric:
    """A column of the gap table, as the page describes it."""

    column: str
    name: str
    unit: str
    meaning: str


NATS = "nats per text token"
METRICS = {
    metric.column: metric
    for metric in (
        Metric("misalignment", "KL divergence", NATS, "its own predictions on text input"),
        Metric("teacher_kl", "KL divergence", NATS, "the text LLM's predictions on text input"),
        Metric("jsd", "Jensen-Shannon divergence", NATS, "its own predictions on text input"),
        Metric("nll_gap", "Negative log-likelihood gap", NATS, "its own predictions on text input"),
        Metric("accuracy_gap", "Next-token accuracy gap", "share of text tokens", "its own predictions on text input"),
    )
}


@dataclass(frozen=True)
class RegionGap:
    """One region: its gap with a 95 % interval, and how many texts each selection took from it.

    The interval is None if every region has one probe.
    """

    region: int
    keywords: list[str]
    gap: float
    low: float | None
    high: float | None
    probes: int
    pool_share: float | None
    speech_share: float | None
    chosen: dict[str, int]


@dataclass(frozen=True)
class RegionGaps:
    """All regions, the largest gap first."""

    source: str  # digest of the regions
    metric: Metric  # the one that the selections used
    spans: str | None  # after which it was measured
    reliability: float | None  # of the regions' figures
    icc: float | None  # intraclass correlation of the probes
    selections: list[Found]
    rows: list[RegionGap]


def first_region_gaps(inventory: Inventory) -> RegionGaps | None:
    """Read the gap by region of a model of Stage I, or else of any other; None if none was measured."""
    stage1 = {found.digest for found in inventory.of_schema(CHECKPOINT) if found.manifest["verb"] == "distill"}
    measured = [table.reads("checkpoint") or "" for table in inventory.of_schema(GAP_TABLE) if has_regions(table)]
    return region_gaps(inventory, min(measured, key=lambda digest: digest not in stage1)) if measured else None


def region_gaps(inventory: Inventory, model_digest: str) -> RegionGaps | None:
    """Read the gap by region of a model; None if no gap table by region was measured on it."""
    tables = [table for table in tables_of(inventory, model_digest) if has_regions(table)]
    if not tables:
        return None
    # Where the pool was clustered several times, take the regions that most selections used.
    table = max(tables, key=lambda table: len(_selections(inventory, table)))
    gaps, selections = read_regions(table.path), _selections(inventory, table)
    source = inventory.by_digest(REGIONS, table.reads("regions"))
    about = {row["region"]: row for row in Regions.open(source.path).table} if source else {}
    metrics = [found.manifest["settings"].get("metric") for found in selections]
    column = next((SELECTION_METRICS[name] for name in metrics if name in SELECTION_METRICS), "misalignment")
    counts = {found.name: _count_by_region(found) for found in selections}
    rows = []
    for row in sorted(gaps, key=lambda row: (-row[column], row["region"])):
        region = row["region"]
        known = about.get(region, {})
        rows.append(
            RegionGap(
                region=region,
                keywords=known.get("keywords") or [f"region {region}"],
                gap=row[column],
                low=row[f"{column}_low"],
                high=row[f"{column}_high"],
                probes=row["probes"],
                pool_share=known.get("pool_share"),
                speech_share=known.get("speech_share"),
                chosen={name: of_region.get(region, 0) for name, of_region in counts.items()},
            )
        )
    spread = read_spread(table.path, "region", column) or {}
    spans = spans_of(table.manifest["settings"])
    digest = table.reads("regions") or ""
    return RegionGaps(digest, METRICS[column], spans, spread.get("reliability"), spread.get("icc"), selections, rows)


def _selections(inventory: Inventory, table: Found) -> list[Found]:
    """Return the selections from the regions of a gap table, without probes, which take equally from every region."""
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
