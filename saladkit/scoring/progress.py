"""How much of M a training has removed: M of an early checkpoint minus M of a later one, probe by probe.

A region whose M is large may be one that nothing can teach: speech that does not say the text, words that sound alike.
Where M has fallen while the model was trained, it can be learned.
"""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.gap_table import SCHEMA, VERSION, Measured, measurement, read_gap_table, spans_of
from saladkit.scoring.group_means import group_tables

COLUMN = "progress"
OF = "teacher_kl"  # the method's M(c)
SAME = "Run `saladkit gap` on both checkpoints with the same probes, --regions, teacher and options."


def read_progress(before: str | Path, after: str | Path) -> Measured:
    """Read the progress between two gap tables, in nats per text token.

    Each probe is paired with itself: how hard it is, is in both of its figures and not in their difference. Regions'
    means are pooled and shrunk as other figures that may be negative.

    Raises:
        SaladError: a path is no complete gap table, the tables were not measured on the same probes in the same way, or
            the first is of the later checkpoint.
    """
    _check_comparable(before, after)
    (early, _), (late, _) = read_gap_table(before), read_gap_table(after)
    by_id = {item["id"]: item for item in early}
    _check_same_probes(before, by_id, after, {item["id"]: item for item in late})
    items = [item | {COLUMN: by_id[item["id"]][OF] - item[OF]} for item in late]
    regions, spread = group_tables(items, kinds=("region",), metrics=(COLUMN,))
    return Measured(COLUMN, items, regions, spread[0] if spread else None)


def _check_comparable(before: str | Path, after: str | Path) -> None:
    """Raise a SaladError unless two gap tables differ in their checkpoints alone."""
    early, late = (Artefact.open(path, SCHEMA, VERSION).manifest for path in (before, after))
    for role, what in (("regions", "regions"), ("teacher", "teacher")):
        one, other = (manifest["inputs"].get(role, {}) for manifest in (early, late))
        if one.get("digest") != other.get("digest"):
            raise SaladError(
                f"{before} was measured with the {what} {one.get('path')}, and {after} with {other.get('path')}", SAME
            )
    one, other = (spans_of(manifest["settings"]) for manifest in (early, late))
    if one != other:
        raise SaladError(f"M depends on the spans: {before} was measured with {one}, {after} with {other}", SAME)
    if measurement(early) != measurement(late):
        raise SaladError(f"{before} and {after} were not measured in the same way: samples or options differ", SAME)
    read_early, read_late = (
        (manifest["identity"].get("trained_on") or {}).get("positions_read") for manifest in (early, late)
    )
    if read_early is not None and read_late is not None and read_early > read_late:
        raise SaladError(
            f"{before} is of a checkpoint that read more ({read_early:,} positions) than {after} ({read_late:,})",
            "Give the table of the earlier checkpoint with --gap-before, and that of the later one with --gap.",
        )


def _check_same_probes(before: str | Path, early: dict[str, dict], after: str | Path, late: dict[str, dict]) -> None:
    """Raise a SaladError unless two tables have the same ids, and compare as many tokens of each."""
    lacking = sorted(early.keys() ^ late.keys())
    if lacking:
        there, gone = (before, after) if lacking[0] in early else (after, before)
        raise SaladError(
            f"{there} has the probe '{lacking[0]}', and {gone} has not ({len(lacking)} probes are in one alone)", SAME
        )
    for id_, item in late.items():
        if item["tokens"] != early[id_]["tokens"]:
            raise SaladError(
                f"{before} compares {early[id_]['tokens']} tokens of the probe '{id_}', and {after} {item['tokens']}",
                SAME,
            )
