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
speaker: means; 95 % confidence intervals (`_low`, `_high`), over the group's items or, for a group of under 40 items,
by the variance that all groups of the kind share; means shrunk toward the mean of all groups of the kind, more so for
groups of few items (`_shrunk`); the sampling standard error (`_error`); and the share of the variance of such means
that is true (`_reliability`). Figures that are never negative are pooled on the logarithmic scale, and their errors are
those of the logarithm. `cer` is a recognizer's character error rate on the recordings: the sum of edits over the sum of
characters. `duration_ratio` is their duration divided by the same speaker's usual duration for such texts. `bad_speech`
marks regions where the speech, rather than the model, may be at fault, and `bad_speech_reason` says why. A region's
figures are of its synthetic recordings; `natural_cer` is the error rate of natural ones there. Recordings that are
faults of synthesis are in the manifest's `skipped`. A region without any other recording has no row; the manifest's
`silent_regions` lists it.

`spread.parquet` has one row per kind of group and metric: the variance of items inside groups (`within`) and of groups
(`between`), the `reliability` of the groups' means, and `icc`, the intraclass correlation of the items: near 0, groups
do not differ. `behind.parquet` has misalignment and teacher KL by the number of text tokens since the last speech span.
Both depend on the lengths of the spans, which the manifest records: compare only figures with equal spans.

`exposure.parquet` is there with --rollouts, and has one row per rollout: the model behind its own words, and behind the
true text that follows the same prompt.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, digest_path
from saladkit.formats.artefact_writer import ArtefactWriter
from saladkit.formats.digests import digest_json
from saladkit.formats.tables import read_table

SCHEMA, VERSION = "gap-table", 4  # 4: errors, spread, distance behind speech; log-scale shrinkage; bad speech's reason

SUMMED = (
    *("misalignment", "teacher_kl", "forgetting", "jsd", "text_nll", "speech_nll", "text_entropy", "speech_entropy"),
    *("agreement", "text_accuracy", "speech_accuracy"),
)
METRICS = (*SUMMED, "nll_gap", "accuracy_gap")
ABOUT_SPEECH = ("max_recording_cer", "max_region_cer", "worst")  # settings that judge speech
FAULT = "fault of synthesis"  # how the reason begins for which the manifest lists a recording as skipped
# Figures that are never negative and may be as large as they like: they spread in proportion to their mean.
POSITIVE = SUMMED[:8]
BOUNDS = (
    dict.fromkeys(SUMMED[8:], (0.0, 1.0)) | dict.fromkeys(POSITIVE, (0.0, float("inf"))) | {"accuracy_gap": (-1.0, 1.0)}
)
LEAST_RELIABILITY = 0.7  # a usual bound for comparing groups; below it, their order owes much to chance
KINDS = ("all", "region", "domain", "speaker")
# First and last number of text tokens since the last speech span; the first token behind it is 1.
DISTANCES = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, None))
BY_DISTANCE = ("misalignment", "teacher_kl")
ITEMS = pa.schema(
    [
        ("id", pa.string()),
        ("region", pa.int32()),  # null without regions, or if the text is not in the pool of the regions
        ("domain", pa.string()),
        ("speaker", pa.string()),
        ("tokens", pa.int32()),  # text tokens compared, over all draws
        *[(metric, pa.float64()) for metric in METRICS],
        ("tokens_behind", pa.list_(pa.int32())),  # tokens at each of `DISTANCES` behind speech
        *[(f"{metric}_behind", pa.list_(pa.float64())) for metric in BY_DISTANCE],  # sums over these tokens
        ("cer", pa.float64()),  # null without a recognizer
        ("cer_characters", pa.int32()),  # that the text has for the recognizer: letters, digits, single spaces
        ("synthetic", pa.bool_()),  # false for natural recordings, which have no `voice` where other rows have one
        ("duration_ratio", pa.float64()),  # null if the samples have no durations
    ]
)
PARTS = ("", "_low", "_high", "_shrunk", "_error", "_reliability")
GROUPS = pa.schema(
    [
        ("kind", pa.string()),
        ("group", pa.string()),
        ("region", pa.int32()),  # number of a region; null for other kinds
        ("probes", pa.int32()),
        ("tokens", pa.int64()),
        *[(f"{metric}{part}", pa.float64()) for metric in METRICS for part in PARTS],
        ("cer", pa.float64()),
        ("duration_ratio", pa.float64()),
        # Of regions alone; `bad_speech` is null without `cer` and `duration_ratio`.
        ("natural_cer", pa.float64()),
        ("bad_speech", pa.bool_()),
        ("bad_speech_reason", pa.string()),
    ]
)


SPREAD = pa.schema(
    [
        ("kind", pa.string()),
        ("metric", pa.string()),
        ("log", pa.bool_()),  # whether variances are of logarithms
        ("groups", pa.int32()),
        ("items", pa.int32()),
        # These are null if groups have one item each, or if there is one group.
        *[(name, pa.float64()) for name in ("within", "between", "reliability", "icc")],
    ]
)
BEHIND = pa.schema(
    [
        ("first", pa.int32()),  # text tokens since the last speech span
        ("last", pa.int32()),  # null: no end
        ("tokens", pa.int64()),
        ("tokens_share", pa.float64()),
        # The share is that of all nats. Figures without tokens are null.
        *[(f"{metric}{part}", pa.float64()) for metric in BY_DISTANCE for part in ("", "_low", "_high", "_share")],
    ]
)


EXPOSURE = pa.schema(
    [
        ("id", pa.string()),  # of the rollout
        ("source_id", pa.string()),  # id of the row of samples
        ("modality", pa.string()),  # in which the model got the prompt: speech or text
        ("tokens", pa.int32()),  # of the response
        ("compared", pa.int32()),  # first tokens of the response, and of the true text, over which the KL are summed
        ("own_kl", pa.float64()),  # KL(text LLM || model) behind the model's own words, nats
        ("text_kl", pa.float64()),  # the same behind the true text
        ("teacher_log_probs", pa.list_(pa.float64())),  # of tokens of the response, as far as the teacher tells them
        ("log_ratios", pa.list_(pa.float64())),  # log-probability of each token to the model, less the stored one
        ("overlap", pa.float64()),  # sum over the response of the share of the teacher's top 32 in the model's
        ("wrong_past", pa.int32()),  # compared tokens behind a token that is not that of the true text
        ("follows_prompt", pa.int32()),  # of these, those where the teacher's best token is that of the true text
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
    others = ("checkpoint", "regions", "asr", "rollouts")  # the recognizer's role may go on: "asr faster-whisper en"
    shared = {role: digest for role, digest in digests.items() if role.partition(" ")[0] not in others}
    settings = {name: value for name, value in manifest["settings"].items() if name not in ABOUT_SPEECH}
    faults = sorted(row["id"] for row in manifest["skipped"] if row["reason"].startswith(FAULT))
    return digest_json([shared, settings, faults])


def write_items(path: Path, items: list[dict]) -> None:
    """Write rows of `ITEMS`."""
    pq.write_table(pa.Table.from_pylist(items, ITEMS), path)


def read_items(path: Path) -> list[dict]:
    """Read rows of `ITEMS`."""
    return read_table(path, ITEMS).to_pylist()


def write_gap_table(
    writer: ArtefactWriter,
    items: list[dict],
    groups: list[dict],
    spread: Iterable[dict] = (),
    behind: Iterable[dict] = (),
    exposure: Iterable[dict] | None = None,
) -> None:
    """Write `items.parquet`, `groups.parquet`, `spread.parquet`, `behind.parquet`, and `exposure.parquet` if given."""
    with writer.writing("items.parquet") as aside:
        write_items(aside, items)
    tables = [("groups", groups, GROUPS), ("spread", spread, SPREAD), ("behind", behind, BEHIND)]
    tables += [] if exposure is None else [("exposure", exposure, EXPOSURE)]
    for name, rows, schema in tables:
        with writer.writing(f"{name}.parquet") as aside:
            pq.write_table(pa.Table.from_pylist(list(rows), schema), aside)


def read_gap_table(path: str | Path) -> tuple[list[dict], list[dict]]:
    """Read the items and groups of a complete gap table.

    Raises:
        SaladError: `path` is no complete gap table.
    """
    folder = Artefact.open(path, SCHEMA, VERSION).path
    return read_items(folder / "items.parquet"), read_table(folder / "groups.parquet", GROUPS).to_pylist()


def read_regions(path: str | Path) -> list[dict]:
    """Read the groups of a complete gap table that are regions; empty if `gap` ran without --regions."""
    return [group for group in read_gap_table(path)[1] if group["kind"] == "region"]


def read_spread(path: str | Path, kind: str, metric: str) -> dict | None:
    """Read the row of `SPREAD` of one kind of group and metric; None if there is none.

    Raises:
        SaladError: `path` is no complete gap table.
    """
    rows = read_table(Artefact.open(path, SCHEMA, VERSION).path / "spread.parquet", SPREAD).to_pylist()
    return next((row for row in rows if (row["kind"], row["metric"]) == (kind, metric)), None)


def read_settings(path: str | Path) -> dict:
    """Read the settings with which a complete gap table was measured.

    Raises:
        SaladError: `path` is no complete gap table.
    """
    return Artefact.open(path, SCHEMA, VERSION).manifest["settings"]


def read_behind(path: str | Path) -> list[dict]:
    """Read the rows of `BEHIND` of a complete gap table.

    Raises:
        SaladError: `path` is no complete gap table.
    """
    return read_table(Artefact.open(path, SCHEMA, VERSION).path / "behind.parquet", BEHIND).to_pylist()


def spans_of(settings: dict) -> str | None:
    """Say in words after which spans a figure was measured; None if the settings do not tell.

    M depends on them (0.42 or 1.15 nats per text token for one model), so they are shown with every M.

    Args:
        settings: those of a gap table's manifest, or of a training's.
    """
    if settings.get("context") == "spoken":
        return "one word behind speech"
    if "text_words" not in settings or "speech_words" not in settings:
        return None
    text, speech = settings["text_words"], settings["speech_words"]
    if not all(isinstance(lengths, list | tuple) and len(lengths) == 2 for lengths in (text, speech)):
        return None  # damaged
    return f"text spans of {text[0]}-{text[1]} words, speech spans of {speech[0]}-{speech[1]}"


class RegionGap(NamedTuple):
    """A region's figure: the shrunk mean, the confidence interval of the mean itself, its error and its probes."""

    mean: float | None
    low: float | None = None
    high: float | None = None
    error: float | None = None  # sampling standard error; of the logarithm for a figure in POSITIVE
    probes: int | None = None


@dataclass(frozen=True)
class Measured:
    """One figure of probes and of their regions.

    Attributes:
        column: name of the figure in the rows.
        items: rows of `ITEMS`.
        regions: rows of `GROUPS` that are regions.
        spread: row of `SPREAD`; None if the table has none.
    """

    column: str
    items: list[dict]
    regions: list[dict]
    spread: dict | None

    def by_region(self) -> dict[int, RegionGap]:
        """Return the figure of each region."""
        parts = [f"{self.column}{part}" for part in ("_shrunk", "_low", "_high", "_error")] + ["probes"]
        return {row["region"]: RegionGap(*(row[part] for part in parts)) for row in self.regions}


def read_measured(path: str | Path, metric: str) -> Measured:
    """Read one of `METRICS` of the probes and of every region.

    Raises:
        SaladError: `path` is no complete gap table.
    """
    items, groups = read_gap_table(path)
    regions = [group for group in groups if group["kind"] == "region"]
    return Measured(metric, items, regions, read_spread(path, "region", metric))


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


def bad_speech_regions(path: str | Path, *, keep_marked: bool = False) -> dict[int, str]:
    """Return why speech is bad in the regions whose speech is marked as bad, or of which there is no recording.

    Args:
        keep_marked: return the regions without a recording alone; nothing is known of them.
    """
    silent = Artefact.open(path, SCHEMA, VERSION).manifest["identity"].get("silent_regions", [])
    rows = [] if keep_marked else read_regions(path)
    marked = {row["region"]: row["bad_speech_reason"] or "" for row in rows if row["bad_speech"]}
    return dict(sorted((dict.fromkeys(silent, "no recording could be used") | marked).items()))
