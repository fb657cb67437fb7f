"""The gap table: how far speech lies from text, per item and per region; all figures in nats per text token."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.formats.artefact import Artefact, ArtefactWriter

SCHEMA, VERSION = "gap-table", 2  # 2: means by region weigh items by their tokens

METRICS = ("misalignment", "teacher_kl", "forgetting", "text_nll", "speech_nll")
ITEMS = pa.schema(
    [
        ("id", pa.string()),
        ("region", pa.int32()),  # null without regions, or for a text that is in none
        ("domain", pa.string()),
        ("speaker", pa.string()),
        ("tokens", pa.int32()),  # text tokens compared, over all draws
        *[(metric, pa.float64()) for metric in METRICS],
    ]
)
REGIONS = pa.schema(
    [
        ("region", pa.int32()),
        ("probes", pa.int32()),
        *[(f"{metric}{part}", pa.float64()) for metric in METRICS for part in ("", "_low", "_high")],
    ]
)


def write_items(path: Path, items: list[dict]) -> None:
    """Write rows of `ITEMS`."""
    pq.write_table(pa.Table.from_pylist(items, ITEMS), path)


def read_items(path: Path) -> list[dict]:
    """Rows of `ITEMS`."""
    return pq.read_table(path).to_pylist()


def write_gap_table(writer: ArtefactWriter, items: list[dict], regions: list[dict]) -> None:
    """Write `items.parquet` and `regions.parquet` (without rows where no regions were given)."""
    with writer.writing("items.parquet") as aside:
        write_items(aside, items)
    with writer.writing("regions.parquet") as aside:
        pq.write_table(pa.Table.from_pylist(regions, REGIONS), aside)


def read_gap_table(path: str | Path) -> tuple[list[dict], list[dict]]:
    """(items, regions) of a complete gap table."""
    folder = Artefact.open(path, SCHEMA).path
    return read_items(folder / "items.parquet"), pq.read_table(folder / "regions.parquet").to_pylist()


def read_region_gaps(path: str | Path, metric: str) -> dict[int, float]:
    """Mean of a metric (`teacher-kl` or `misalignment`) by region."""
    return {row["region"]: row[metric.replace("-", "_")] for row in read_gap_table(path)[1]}
