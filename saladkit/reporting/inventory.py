"""The finished artefacts in a run's folder, found by their manifests, and the cost of every step."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saladkit.formats.artefact import MANIFEST, SUMMARY, digest_path
from saladkit.formats.files import read_json
from saladkit.formats.records import read_record

DEPTH = 2  # levels of folders below the run that are searched


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
class Step:
    """The cost of one command, from its own summary."""

    name: str
    command: str
    seconds: float
    peak_memory_bytes: int
    resumed: bool  # then the seconds are those of the last run only


class Inventory:
    """The artefacts of a run."""

    def __init__(self, run: Path):
        """Scan `run`.

        Raises:
            SaladError: a manifest is not JSON.
        """
        self.run, self.artefacts = run, []
        for depth in range(1, DEPTH + 1):
            for path in sorted(run.glob("/".join(["*"] * depth + [MANIFEST]))):
                manifest = read_record(path)
                if "schema" in manifest and "inputs" in manifest and "files" in manifest:
                    folder = path.parent
                    self.artefacts.append(Found(folder, folder.relative_to(run).as_posix(), manifest))

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
