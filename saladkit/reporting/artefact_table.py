"""How each artefact of a run was made: its command line, what it holds, and its digest."""

from dataclasses import dataclass

from saladkit.reporting.command_lines import command_line
from saladkit.reporting.inventory import Inventory


@dataclass(frozen=True)
class ArtefactRow:
    """One artefact that is complete."""

    name: str
    schema: str
    tool: str  # that made it
    verb: str
    command: list[str]  # the words of its command line
    digest: str
    bytes: int
    counts: list[tuple[str, int | float]]  # numbers of rows, texts and so on
    skipped: int  # rows that were left out


def artefact_rows(inventory: Inventory) -> list[ArtefactRow]:
    """Return a row for each artefact of a run, in the order of their names."""
    rows = []
    for found in sorted(inventory.artefacts, key=lambda found: found.name):
        manifest = found.manifest
        numbers = {name: value for name, value in manifest["counts"].items() if type(value) in (int, float)}
        counts = [(name, value) for name, value in numbers.items() if name != "skipped"]
        rows.append(
            ArtefactRow(
                name=found.name,
                schema=f"{manifest['schema']} {manifest['schema_version']}",
                tool=manifest["tool"],
                verb=manifest["verb"],
                command=command_line(manifest, str(found.path)),
                digest=found.digest,
                bytes=sum(file["bytes"] for file in manifest["files"].values()),
                counts=counts,
                skipped=len(manifest["skipped"]),
            )
        )
    return rows
