"""The artefacts below a run's folder, found by their manifests and plans, and the cost of every step."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, PLAN, SUMMARY, Artefact, digest_path, is_artefact
from saladkit.formats.files import read_json
from saladkit.formats.folders import walk_folders
from saladkit.formats.records import read_record
from saladkit.formats.versions import VERSIONS


@dataclass(frozen=True)
class Found:
    """One finished artefact."""

    path: Path
    name: str  # its path from the run's folder
    manifest: dict

    @cached_property
    def digest(self) -> str:
        """The digest by which other manifests name this artefact."""
        return digest_path(self.path)

    def reads(self, role: str) -> str | None:
        """Return the digest of the input in this role; None if there was none."""
        return self.manifest["inputs"].get(role, {}).get("digest")

    def reads_all(self, role: str) -> list[str]:
        """Return the digests of the inputs in a numbered role, such as `samples 0`, in order."""
        inputs = self.manifest["inputs"]
        numbered = [key for key in inputs if key.startswith(f"{role} ") and key.removeprefix(f"{role} ").isdigit()]
        return [inputs[key]["digest"] for key in sorted(numbered, key=lambda key: int(key.split()[-1]))]


@dataclass(frozen=True)
class Unusable:
    """An artefact that cannot be read: it is not finished, of another version, or damaged."""

    path: Path
    name: str  # its path from the run's folder
    problem: str
    fix: str


@dataclass(frozen=True)
class Step:
    """The cost of one command, from its own summary."""

    name: str
    command: str
    seconds: float
    peak_memory_bytes: int
    resumed: bool  # then the seconds are those of the last run only


class Inventory:
    """The artefacts below a run's folder, at any depth.

    Attributes:
        artefacts: those that are complete, and of the version that this saladkit reads.
        unusable: the others.
    """

    def __init__(self, run: Path):
        """Scan `run`.

        Raises:
            SaladError: a folder cannot be read.
        """
        self.run = run
        self.artefacts: list[Found] = []
        self.unusable: list[Unusable] = []
        for folder, files in walk_folders(run):
            if MANIFEST in files or PLAN in files:
                self._add(folder, folder.relative_to(run).as_posix())

    def _add(self, folder: Path, name: str) -> None:
        """Add the artefact in `folder`; the manifest of another tool is none."""
        try:
            if not is_artefact(folder):
                return
            schema = read_record(folder / MANIFEST).get("schema", "") if (folder / MANIFEST).is_file() else ""
            self.artefacts.append(Found(folder, name, Artefact.open(folder, schema, VERSIONS.get(schema)).manifest))
        except SaladError as error:
            self.unusable.append(Unusable(folder, name, error.problem, error.fix))

    def of_schema(self, schema: str) -> list[Found]:
        """Return all artefacts of a schema, in the order of their names."""
        return sorted((a for a in self.artefacts if a.manifest["schema"] == schema), key=lambda a: a.name)

    def by_digest(self, schema: str, digest: str | None) -> Found | None:
        """Return the artefact with this digest, if the run has it."""
        return next((found for found in self.of_schema(schema) if found.digest == digest), None)

    def steps(self) -> list[Step]:
        """Return the steps that kept a summary, in the order in which they ended."""
        summaries = [a.path / SUMMARY for a in self.artefacts if (a.path / SUMMARY).is_file()]
        steps = []
        for path in sorted(summaries, key=lambda path: (path.stat().st_mtime_ns, str(path))):
            summary, name = read_json(path), path.parent.relative_to(self.run).as_posix()
            if isinstance(summary.get("seconds"), int | float):
                memory = summary.get("peak_memory_bytes", 0)
                command, resumed = summary.get("command", ""), summary.get("resumed", False)
                steps.append(Step(name, command, summary["seconds"], memory, resumed))
        return steps
