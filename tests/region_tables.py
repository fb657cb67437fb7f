"""A pool in regions, and gap tables with given figures, for the tests of `select`."""

from pathlib import Path

from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.gap_table import SCHEMA, VERSION, write_gap_table
from saladkit.settings.regions import RegionsSettings
from saladkit.stages.regions import regions

CLUSTERS = 4


def cut_pool(pool: Path, text_lm: Path, output: Path, speech: tuple[str, ...] = ()) -> Path:
    """Cut a pool into `CLUSTERS` regions; with speech, its texts have their distance to it."""
    settings = RegionsSettings(embedder=f"lm:{text_lm}", clusters=CLUSTERS, speech=speech, device="cpu")
    regions(str(pool), output, settings)
    return output


def save_gap_table(output: Path, items: list[dict], groups: list[dict], identity: dict | None = None) -> Path:
    """Write a finished gap table."""
    writer = create_artefact(output, schema=SCHEMA, version=VERSION, verb="t", settings={}, inputs={})
    write_gap_table(writer, items, groups)
    writer.finish(counts={}, identity=identity or {})
    return output
