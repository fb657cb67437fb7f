"""Parts: the files of an artefact that can be made alone.

Their names and their content follow from inputs and settings alone, never from how many processes make them. While the
artefact is not complete, `working/parts.json` lists them: `unit`, what is counted ("row", "text", "recording"), and
`parts`, each with its `rows` and the names of its `files`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import WORKING
from saladkit.formats.files import read_json, written_aside

PARTS = "parts.json"


@dataclass(frozen=True)
class Part:
    """A part of an artefact that can be made alone.

    Attributes:
        files: names of its files.
        rows: number of rows, for the progress bar.
        turn: the part is made by the process with index `turn % num_shards`; None for its index among the parts.
    """

    files: tuple[str, ...]
    rows: int = 1
    turn: int | None = None

    @property
    def name(self) -> str:
        """The name of its last file, by which it is claimed."""
        return self.files[-1]


def write_parts(artefact: Path, parts: Sequence[Part], unit: str) -> None:
    """Write the list of parts, unless the same list is there."""
    if read_parts(artefact) != (unit, [Part(tuple(part.files), part.rows) for part in parts]):
        listed = {"unit": unit, "parts": [{"rows": part.rows, "files": part.files} for part in parts]}
        with written_aside(artefact / WORKING / PARTS) as aside:
            aside.write_text(json.dumps(listed))


def read_parts(artefact: Path) -> tuple[str, list[Part]] | None:
    """Return unit and parts of an artefact that is being made; None if no process has listed them yet."""
    path = artefact / WORKING / PARTS
    try:
        listed = read_json(path)
    except SaladError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    try:
        unit, parts = listed["unit"], [Part(tuple(part["files"]), part["rows"]) for part in listed["parts"]]
    except (KeyError, TypeError) as error:
        raise SaladError(f"{path} is damaged", "Remove the file, and run the command that made it.") from error
    if not isinstance(unit, str) or not all(map(_is_part, parts)):
        raise SaladError(f"{path} is damaged", "Remove the file, and run the command that made it.")
    return unit, parts


def _is_part(part: Part) -> bool:
    names = part.files and all(isinstance(name, str) for name in part.files)
    return bool(names) and type(part.rows) is int and part.rows >= 0
