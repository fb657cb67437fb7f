"""The gap table: how far speech lies from text, per item and per group of items.

Figures are means over the compared text tokens; divergences, negative log-likelihoods and entropies in nats.

| column | what it is |
|---|---|
| `misalignment` | M: KL of the adapted model on speech from itself on text |
| `teacher_kl` | KL of the adapted model on speech from the text LLM on text; a region's mean is the method's M(c) |
| `forgetting` | F: KL of the adapted model on text from the text LLM on text |
| `jsd` | Jensen-Shannon divergence of the adapted model on text and on speech |
| `text_nll`, `speech_nll`, `nll_gap` | of the next token, read and heard; heard minus read |
| `text_entropy`, `speech_entropy` | of what the adapted model expects |
| `agreement` | how often the likeliest token is the same, read and heard |
| `text_accuracy`, `speech_accuracy`, `accuracy_gap` | how often it is the next one; read minus heard |

`groups.parquet` has a row for all items, and one for each region, domain and speaker: means, 95 % intervals over items,
and means drawn toward that of all groups of the kind, the more the fewer items there are (`_shrunk`). `cer` is the
character error rate of a recognizer on the recordings, `duration_ratio` their length over what texts so long take the
same speaker; `bad_speech` marks regions whose speech, not the model, may be at fault. Regions all of whose probes were
left out by `synth` have no row: the manifest names them as `silent_regions`.
"""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, ArtefactWriter, digest_path
from saladkit.formats.digests import digest_json

SCHEMA, VERSION = "gap-table", 3  # 3: more figures; groups of every kind, shrunk means

SUMMED = (
    *("misalignment", "teacher_kl", "forgetting", "jsd", "text_nll", "speech_nll", "text_entropy", "speech_entropy"),
    *("agreement", "text_accuracy", "speech_accuracy"),
)
METRICS = (*SUMMED, "nll_gap", "accuracy_gap")
CONTEXTS = ("interleaved", "spoken")  # what stands before a compared word
KINDS = ("all", "region", "domain", "speaker")
ITEMS = pa.schema(
    [
        ("id", pa.string()),
        ("region", pa.int32()),  # null without regions, or for a text that is in none
        ("domain", pa.string()),
        ("speaker", pa.string()),
        ("tokens", pa.int32()),  # text tokens compared, over all draws
        *[(metric, pa.float64()) for metric in METRICS],
        ("cer", pa.float64()),  # null where no recognizer was asked
        ("duration_ratio", pa.float64()),  # null where the samples do not say how long they are
    ]
)
GROUPS = pa.schema(
    [
        ("kind", pa.string()),
        ("group", pa.string()),
        ("region", pa.int32()),  # of a region, as a number
        ("probes", pa.int32()),
        ("tokens", pa.int64()),
        *[(f"{metric}{part}", pa.float64()) for metric in METRICS for part in ("", "_low", "_high", "_shrunk")],
        ("cer", pa.float64()),
        ("duration_ratio", pa.float64()),
        ("bad_speech", pa.bool_()),  # of a region; null without `cer` and `duration_ratio`
    ]
)


def with_gaps(figures: dict[str, float]) -> dict[str, float]:
    """The summed figures and the two that are differences of others."""
    return figures | {
        "nll_gap": figures["speech_nll"] - figures["text_nll"],
        "accuracy_gap": figures["text_accuracy"] - figures["speech_accuracy"],
    }


def measurement(manifest: dict) -> str:
    """Equal for two gap tables whose divergences are of the same texts, teacher and contexts.

    The model may be another, and so may what says nothing of its divergences: regions, and who judges the recordings.
    """
    of = {role: entry["digest"] for role, entry in manifest["inputs"].items()}
    shared = {role: digest for role, digest in of.items() if role not in ("checkpoint", "regions", "asr")}
    settings = {name: value for name, value in manifest["settings"].items() if name != "worst"}
    return digest_json([shared, settings])


def write_items(path: Path, items: list[dict]) -> None:
    """Write rows of `ITEMS`."""
    pq.write_table(pa.Table.from_pylist(items, ITEMS), path)


def read_items(path: Path) -> list[dict]:
    """Rows of `ITEMS`."""
    return pq.read_table(path).to_pylist()


def write_gap_table(writer: ArtefactWriter, items: list[dict], groups: list[dict]) -> None:
    """Write `items.parquet` and `groups.parquet`."""
    with writer.writing("items.parquet") as aside:
        write_items(aside, items)
    with writer.writing("groups.parquet") as aside:
        pq.write_table(pa.Table.from_pylist(groups, GROUPS), aside)


def read_gap_table(path: str | Path) -> tuple[list[dict], list[dict]]:
    """(items, groups) of a complete gap table."""
    folder = Artefact.open(path, SCHEMA, VERSION).path
    return read_items(folder / "items.parquet"), pq.read_table(folder / "groups.parquet").to_pylist()


def read_regions(path: str | Path) -> list[dict]:
    """The groups of a complete gap table that are regions; none without --regions."""
    return [group for group in read_gap_table(path)[1] if group["kind"] == "region"]


class RegionGap(NamedTuple):
    """A region's figure: its mean drawn toward the others', and the interval of the mean itself."""

    mean: float | None
    low: float | None
    high: float | None


def read_region_gaps(path: str | Path, metric: str) -> dict[int, RegionGap]:
    """A metric, one of `METRICS`, by region."""
    return {
        row["region"]: RegionGap(row[f"{metric}_shrunk"], row[f"{metric}_low"], row[f"{metric}_high"])
        for row in read_regions(path)
    }


def check_measured_with(path: str | Path, regions: str | Path) -> None:
    """Raise a SaladError if the gap table was measured with other regions than these."""
    manifest = Artefact.open(path, SCHEMA, VERSION).manifest
    digest = manifest["inputs"].get("regions", {}).get("digest")
    if digest is not None and digest != digest_path(regions):
        raise SaladError(
            f"{path} was measured with the regions {manifest['inputs']['regions']['path']}, not with {regions}",
            "Give the regions that it was measured with, or measure again with --regions.",
        )


def bad_speech_regions(path: str | Path) -> list[int]:
    """The regions whose speech is marked as bad, and those of whose probes none was fit to be heard."""
    silent = Artefact.open(path, SCHEMA, VERSION).manifest["identity"].get("silent_regions", [])
    return sorted({*silent, *(row["region"] for row in read_regions(path) if row["bad_speech"])})
