"""The gap table: how much the model's predictions differ between text and speech input, per item and group of items.

Figures are means over the compared text tokens; divergences, negative log-likelihoods and entropies are in nats.

| column | meaning |
|---|---|
| `misalignment` | M = KL(adapted model on text ‖ adapted model on speech) |
| `teacher_kl` | KL(text LLM on text ‖ adapted model on speech); its mean over a region is the method's M(c) |
| `forgetting` | F = KL(text LLM on text ‖ adapted model on text) |
| `jsd` | Jensen-Shannon divergence of the adapted model on text and on speech |
| `text_nll`, `speech_nll`, `nll_gap` | negative log-likelihood of the next token; speech minus text |
| `text_entropy`, `speech_entropy` | entropy of the adapted model's distribution |
| `agreement` | share of tokens where the most likely token is the same on text and on speech |
| `text_accuracy`, `speech_accuracy`, `accuracy_gap` | share of tokens where it is the next token; text minus speech |

`items.parquet` has one row per item. `groups.parquet` has one row for all items, and one per region, domain and
speaker: means; 95 % confidence intervals over items (`_low`, `_high`); and means shrunk toward the mean of all groups
of the kind, more so for groups of few items (`_shrunk`). `cer` is a recognizer's character error rate on the
recordings: the sum of edits over the sum of characters. `duration_ratio` is their duration divided by the same
speaker's usual duration for such texts. `bad_speech` marks regions where the speech, rather than the model, may be at
fault, and `bad_speech_reason` says why. A region's figures are of its synthetic recordings; `natural_cer` is the error
rate of natural ones there. Recordings that are faults of synthesis are in the manifest's `skipped`. A region without
any other recording has no row; the manifest lists it in `silent_regions`.
"""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, digest_path
from saladkit.formats.artefact_writer import ArtefactWriter
from saladkit.formats.digests import digest_json

SCHEMA, VERSION = "gap-table", 4  # 4: why speech is bad, error rates by characters

SUMMED = (
    *("misalignment", "teacher_kl", "forgetting", "jsd", "text_nll", "speech_nll", "text_entropy", "speech_entropy"),
    *("agreement", "text_accuracy", "speech_accuracy"),
)
METRICS = (*SUMMED, "nll_gap", "accuracy_gap")
ABOUT_SPEECH = ("max_cer", "max_region_cer", "worst")  # settings that judge speech
FAULT = "fault of synthesis"  # how the reason begins for which the manifest lists a recording as skipped
KINDS = ("all", "region", "domain", "speaker")
ITEMS = pa.schema(
    [
        ("id", pa.string()),
        ("region", pa.int32()),  # null without regions, or if the text is not in the pool of the regions
        ("domain", pa.string()),
        ("speaker", pa.string()),
        ("tokens", pa.int32()),  # text tokens compared, over all draws
        *[(metric, pa.float64()) for metric in METRICS],
        ("cer", pa.float64()),  # null without a recognizer
        ("cer_characters", pa.int32()),  # that the text has for the recognizer: letters, digits, single spaces
        ("synthetic", pa.bool_()),  # false for natural recordings, which have no `voice` where other rows have one
        ("duration_ratio", pa.float64()),  # null if the samples have no durations
    ]
)
GROUPS = pa.schema(
    [
        ("kind", pa.string()),
        ("group", pa.string()),
        ("region", pa.int32()),  # number of a region; null for other kinds
        ("probes", pa.int32()),
        ("tokens", pa.int64()),
        *[(f"{metric}{part}", pa.float64()) for metric in METRICS for part in ("", "_low", "_high", "_shrunk")],
        ("cer", pa.float64()),
        ("duration_ratio", pa.float64()),
        # Of regions alone; `bad_speech` is null without `cer` and `duration_ratio`.
        ("natural_cer", pa.float64()),
        ("bad_speech", pa.bool_()),
        ("bad_speech_reason", pa.string()),
    ]
)


def with_gaps(figures: dict[str, float]) -> dict[str, float]:
    """Add `nll_gap` and `accuracy_gap`, which are differences of other figures."""
    return figures | {
        "nll_gap": figures["speech_nll"] - figures["text_nll"],
        "accuracy_gap": figures["text_accuracy"] - figures["speech_accuracy"],
    }


def measurement(manifest: dict) -> str:
    """Return a digest that is equal for gap tables of the same texts, teacher and contexts.

    The checkpoint may differ, and so may what does not affect the divergences: regions, and a recognizer that found the
    same faults of synthesis.
    """
    digests = {role: entry["digest"] for role, entry in manifest["inputs"].items()}
    shared = {role: digest for role, digest in digests.items() if role not in ("checkpoint", "regions", "asr")}
    settings = {name: value for name, value in manifest["settings"].items() if name not in ABOUT_SPEECH}
    faults = sorted(row["id"] for row in manifest["skipped"] if row["reason"].startswith(FAULT))
    return digest_json([shared, settings, faults])


def write_items(path: Path, items: list[dict]) -> None:
    """Write rows of `ITEMS`."""
    pq.write_table(pa.Table.from_pylist(items, ITEMS), path)


def read_items(path: Path) -> list[dict]:
    """Read rows of `ITEMS`."""
    return pq.read_table(path).to_pylist()


def write_gap_table(writer: ArtefactWriter, items: list[dict], groups: list[dict]) -> None:
    """Write `items.parquet` and `groups.parquet`."""
    with writer.writing("items.parquet") as aside:
        write_items(aside, items)
    with writer.writing("groups.parquet") as aside:
        pq.write_table(pa.Table.from_pylist(groups, GROUPS), aside)


def read_gap_table(path: str | Path) -> tuple[list[dict], list[dict]]:
    """Read the items and groups of a complete gap table.

    Raises:
        SaladError: `path` is no complete gap table.
    """
    folder = Artefact.open(path, SCHEMA, VERSION).path
    return read_items(folder / "items.parquet"), pq.read_table(folder / "groups.parquet").to_pylist()


def read_regions(path: str | Path) -> list[dict]:
    """Read the groups of a complete gap table that are regions; empty if `gap` ran without --regions."""
    return [group for group in read_gap_table(path)[1] if group["kind"] == "region"]


class RegionGap(NamedTuple):
    """A region's figure: the shrunk mean, and the confidence interval of the mean itself."""

    mean: float | None
    low: float | None
    high: float | None


def read_region_gaps(path: str | Path, metric: str) -> dict[int, RegionGap]:
    """Read one of `METRICS` of every region.

    Raises:
        SaladError: `path` is no complete gap table.
    """
    return {
        row["region"]: RegionGap(row[f"{metric}_shrunk"], row[f"{metric}_low"], row[f"{metric}_high"])
        for row in read_regions(path)
    }


def check_measured_with(path: str | Path, regions: str | Path) -> None:
    """Check that a gap table, if it has regions, was measured with these.

    Raises:
        SaladError: it was measured with other regions.
    """
    manifest = Artefact.open(path, SCHEMA, VERSION).manifest
    digest = manifest["inputs"].get("regions", {}).get("digest")
    if digest is not None and digest != digest_path(regions):
        raise SaladError(
            f"{path} was measured with the regions {manifest['inputs']['regions']['path']}, not with {regions}",
            f"Give those regions, or run `saladkit gap` again with --regions {regions}.",
        )


def bad_speech_regions(path: str | Path) -> dict[int, str]:
    """Return why speech is bad in the regions whose speech is marked as bad, or of which there is no recording."""
    silent = Artefact.open(path, SCHEMA, VERSION).manifest["identity"].get("silent_regions", [])
    marked = {row["region"]: row["bad_speech_reason"] or "" for row in read_regions(path) if row["bad_speech"]}
    return dict(sorted((dict.fromkeys(silent, "no recording could be used") | marked).items()))
