"""Artefacts: a command's output is one folder of parts, complete when it has a `manifest.json`, which is written last.

While a command runs, the folder has a `plan.json` with a fingerprint of the settings and of the content of the inputs,
and the parts that are ready. At the end the manifest replaces the plan.

Running the same command again returns at once if the artefact is complete, and otherwise makes only the missing parts.
An artefact of other settings or inputs, or any other file in the folder, is an error. `working/` and `training/` hold
intermediate state, which the next run of the command continues from; a complete artefact has neither.

`summary.json`, beside the manifest, is what the command printed, with its seconds and its peak memory. It differs from
run to run and belongs to no digest. The manifest has the same bytes whenever the command runs with the same settings on
the same inputs.
"""

import glob
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from saladkit import __version__
from saladkit.errors import SaladError
from saladkit.formats.digests import digest_file, digest_json
from saladkit.formats.files import read_json
from saladkit.formats.folders import walk_folders
from saladkit.formats.json_text import parse_json
from saladkit.formats.records import damaged, read_record

MANIFEST, PLAN, SUMMARY = "manifest.json", "plan.json", "summary.json"
WORKING = "working"
CONTINUE = "Run the same command that made the folder; it continues where it stopped."  # the fix of "is not finished"
PLANNED = ("schema", "schema_version", "tool", "verb", "settings", "inputs", "fingerprint")  # entries of the plan
ENTRIES = (*PLANNED, "counts", "skipped", "identity", "files")  # of a manifest, beside its digest
BAD_AUDIO = "bad_audio"  # in the manifest's counts: how many of the rows that were left out have audio of no use


class _Identity(dict):
    """The `identity` of a manifest, in which a missing entry is damage."""

    place: Path

    def __missing__(self, name: str) -> None:
        raise damaged(self.place, f"'{name}' of its entry 'identity' is missing")


@dataclass(frozen=True)
class Artefact:
    """A complete artefact, open for reading."""

    path: Path
    manifest: dict

    @classmethod
    def open(cls, path: str | Path, schema: str, version: int | None = None) -> "Artefact":
        """Open a complete artefact.

        Args:
            version: required version of the schema; None for any.

        Raises:
            SaladError: `path` is not a folder, the artefact is not complete or has another schema or version, or a file
                is missing.
        """
        path = Path(path)
        if not path.is_dir():
            raise SaladError(f"{path} is not a folder", f"Give the folder of a {schema} artefact.")
        if not (path / MANIFEST).exists():
            unfinished = (path / PLAN).exists()
            problem = "is not finished" if unfinished else "is no artefact of saladkit: it has no manifest.json"
            raise SaladError(
                f"{path} {problem}", CONTINUE if unfinished else f"Give the folder of a {schema} artefact."
            )
        manifest = read_record(path / MANIFEST)
        found = manifest.get("schema")
        if found != schema:
            raise SaladError(f"{path} holds {found}, not {schema}", f"Give the folder of a {schema} artefact.")
        if lacking := [name for name in ENTRIES if name not in manifest]:
            raise damaged(path / MANIFEST, f"its entry '{lacking[0]}' is missing or damaged")
        found = manifest["schema_version"]
        if version is not None and found != version:
            own = f"saladkit {__version__}"
            older = "" if manifest["tool"] == own else f", or read it with {manifest['tool']}"
            raise SaladError(
                f"{path} is {schema} of version {found}, but this saladkit reads version {version}",
                f"Make it again with {own}{older}.",
            )
        for name, stored in manifest["files"].items():
            if not (path / name).is_file() or (path / name).stat().st_size != stored["bytes"]:
                raise SaladError(
                    f"{path / name} is missing or cut short",
                    "Run the command that made the artefact, with --overwrite.",
                )
        return cls(path, manifest)

    def identity_of(self, kinds: Mapping[str, type | tuple[type, ...]]) -> dict:
        """Return the manifest's `identity`, with entries of these names and types; a missing one is an error when read.

        Raises:
            SaladError: an entry is damaged; numbers must be above 0.
        """
        identity = _Identity(self.manifest["identity"])
        identity.place = self.path / MANIFEST
        for name in kinds.keys() & identity.keys():
            kind, value = kinds[name], identity[name]
            positive = not isinstance(value, int | float) or 0 < value < math.inf
            if not isinstance(value, kind) or isinstance(value, bool) or not positive:
                raise damaged(self.path / MANIFEST, f"'{name}' of its entry 'identity' is damaged")
        return identity

    def parts(self, suffix: str) -> list[Path]:
        """Return the files of the artefact that end in `suffix`, in order."""
        return sorted(self.path / name for name in self.manifest["files"] if name.endswith(suffix))


def is_artefact(path: str | Path) -> bool:
    """Return whether `path` is an artefact, complete or not.

    A `manifest.json` of another tool, such as the JSON lines of NeMo, does not count.
    """
    records = [Path(path) / name for name in (PLAN, MANIFEST)]  # the plan is removed last
    return any(record.is_file() and "fingerprint" in _record(record) for record in records)


def _record(path: Path) -> dict:
    """Read the JSON object in a file, or in the first line of a file of JSON lines."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            first = parse_json(next(filter(str.strip, stream), ""))
        if isinstance(first, dict):
            return first
    except (OSError, ValueError):
        pass
    return read_json(path)


def digest_path(path: str | Path) -> str:
    """Return the content digest of an input: an artefact, a folder, a file or a glob of files.

    The digest of an artefact is made of the digests in its manifest. That is fast, and equal content in another folder
    has the same digest. An input that is not a path on this machine, such as a name on the Hub, is identified by its
    name.
    """
    path = Path(path)
    if (path / MANIFEST).is_file() and is_artefact(path):
        manifest = read_record(path / MANIFEST, ("schema", "schema_version", "files"))
        return digest_json([manifest["schema"], manifest["schema_version"], manifest["files"]])
    if path.is_file():
        return digest_file(path)
    if path.is_dir():
        found = (place / name for place, names in walk_folders(path) for name in names if name != SUMMARY)
        files = sorted(file for file in found if file.is_file())
        return digest_json([[str(file.relative_to(path)), digest_file(file)] for file in files])
    matches = sorted(glob.glob(str(path)))
    return digest_json([digest_file(Path(match)) for match in matches] or str(path))
