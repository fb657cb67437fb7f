"""One artefact is one folder: shards, and a `manifest.json` that is written last.

While a command works, the folder holds `plan.json` (what is being made, as a fingerprint of the settings
and of the inputs' content) and the shards that are ready. The manifest replaces the plan in the end, so
its presence means "complete". The same line run again finds either the finished artefact (and has nothing
to do) or the plan (and makes only the shards that are missing); anything else in the folder is an error. `working/` and
`training/` hold what an unfinished command leaves to the next run of its line; a complete artefact has neither.

`summary.json` stands beside the manifest: what the command printed, with its seconds and its peak memory.
It differs from run to run and is part of no digest; the manifest is the same bytes for the same line.
"""

import glob
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from saladkit import __version__
from saladkit.errors import SaladError
from saladkit.formats.digests import digest_file, digest_json
from saladkit.formats.files import PARTIAL, is_abandoned, read_json, write_json, written_aside
from saladkit.formats.folders import walk_folders

MANIFEST, PLAN, SUMMARY = "manifest.json", "plan.json", "summary.json"
WORKING = "working"


@dataclass(frozen=True)
class Artefact:
    """A complete artefact, open for reading."""

    path: Path
    manifest: dict

    @classmethod
    def open(cls, path: str | Path, schema: str, version: int | None = None) -> "Artefact":
        """Open the artefact at `path`, which must be complete, of `schema`, and of `version` if one is given.

        Raises:
            SaladError: no such folder, not complete, of another schema or version, or a file of it is missing.
        """
        path = Path(path)
        if not path.is_dir():
            raise SaladError(f"{path} is not a folder", f"Give the folder of a {schema} artefact.")
        if not (path / MANIFEST).exists():
            unfinished = (path / PLAN).exists()
            problem = "is not finished" if unfinished else "is no artefact of saladkit: it has no manifest.json"
            fix = "Run the command that makes it again: it goes on where it stopped."
            raise SaladError(f"{path} {problem}", fix if unfinished else f"Give the folder of a {schema} artefact.")
        manifest = read_json(path / MANIFEST)
        if manifest.get("schema") != schema:
            found = manifest.get("schema")
            raise SaladError(f"{path} holds {found}, not {schema}", f"Give the folder of a {schema} artefact.")
        found = manifest["schema_version"]
        if version is not None and found != version:
            raise SaladError(
                f"{path} is {schema} of version {found}, and this is saladkit for version {version}",
                f"Make it again with saladkit {__version__}, or read it with {manifest['tool']}.",
            )
        for name, stored in manifest["files"].items():
            if not (path / name).is_file() or (path / name).stat().st_size != stored["bytes"]:
                raise SaladError(f"{path / name} is missing or cut short", "Make the artefact again with --overwrite.")
        return cls(path, manifest)

    def parts(self, suffix: str) -> list[Path]:
        """The shards that end in `suffix`, in order."""
        return sorted(self.path / name for name in self.manifest["files"] if name.endswith(suffix))


def is_artefact(path: str | Path) -> bool:
    """Whether `path` is a folder that a saladkit command has made or is making.

    Others have a `manifest.json` too; one of JSON lines, as NeMo's, is never ours.
    """
    records = [Path(path) / name for name in (MANIFEST, PLAN)]
    return any(record.is_file() and "fingerprint" in _record(record) for record in records)


def _record(path: Path) -> dict:
    """The object in a file, or in its first line, where that is one of JSON lines."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            first = json.loads(next(filter(str.strip, stream), ""))
        if isinstance(first, dict):
            return first
    except (OSError, ValueError):
        pass
    return read_json(path)


def digest_path(path: str | Path) -> str:
    """The content digest of anything that a command reads: an artefact, a folder, a file or a glob of files.

    An artefact's digest comes from the digests in its manifest, so that nothing is read twice and so that the
    same content made in another folder counts as the same. What is no path on this machine (the name of a model
    or a data set on the Hub) is identified by its name.
    """
    path = Path(path)
    if (path / MANIFEST).is_file() and is_artefact(path):
        manifest = read_json(path / MANIFEST)
        return digest_json([manifest["schema"], manifest["schema_version"], manifest["files"]])
    if path.is_file():
        return digest_file(path)
    if path.is_dir():
        found = (place / name for place, names in walk_folders(path) for name in names if name != SUMMARY)
        files = sorted(file for file in found if file.is_file())
        return digest_json([[str(file.relative_to(path)), digest_file(file)] for file in files])
    matches = sorted(glob.glob(str(path)))
    return digest_json([digest_file(Path(match)) for match in matches] or str(path))


@dataclass
class ArtefactWriter:
    """An artefact that is being made. Use `create_artefact` to get one."""

    path: Path
    plan: dict
    finished: dict | None  # the summary of the finished artefact, if the same line was run before
    started_before: bool = False
    files: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        """Whether the file `name` is ready."""
        if (self.path / name).exists():
            self.files.add(name)
            return True
        return False

    def has_all(self, names: Iterable[str]) -> bool:
        """Whether all files are ready; every one that is counts as the artefact's, also behind one that is not."""
        missing = [name for name in names if not self.has(name)]
        return not missing

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yield a temporary path for the file `name`, which is in place when the body has succeeded.

        Raises:
            SaladError: another command makes something else here by now.
        """
        with written_aside(self.path / name) as aside:
            yield aside
            self._check_still_ours()
        self.files.add(name)

    def _check_still_ours(self) -> None:
        """A run that has nothing ready yet does not keep others from planning something else in its folder."""
        for name in (PLAN, MANIFEST):  # in this order: the one goes when the other is there
            try:
                found = json.loads((self.path / name).read_bytes())
            except FileNotFoundError:
                continue
            if found["fingerprint"] == self.plan["fingerprint"]:
                return
            break
        raise SaladError(
            f"another command has begun to make something else in {self.path}", "Give each its own folder with -o."
        )

    @property
    def working(self) -> Path:
        """A folder for what a run that is cut off leaves to the next; it goes when the artefact is complete."""
        return self.path / WORKING

    def take_away(self) -> None:
        """Remove all that was made: it is of no use to anybody."""
        _take_away(self.path)

    @contextmanager
    def nothing_left_of_an_error(self) -> Iterator[None]:
        """If the body raises a SaladError before a file is ready, take away what was planned, the folder too."""
        try:
            yield
        except SaladError:
            if _is_only_planned(self.path):
                _take_away(self.path)
            raise

    def finish(self, *, counts: dict, skipped: list[dict] | None = None, identity: dict | None = None) -> None:
        """Write the manifest; the artefact is complete from here on.

        Args:
            counts: rows, tokens, seconds of audio and the like.
            skipped: rows that were not used, each with `id` and `reason`.
            identity: what the content depends on beyond the inputs, such as a model's and a tokenizer's digest.

        Raises:
            SaladError: another command makes something else here by now.
        """
        self._check_still_ours()
        files = {
            name: {"bytes": (self.path / name).stat().st_size, "sha256": digest_file(self.path / name)}
            for name in sorted(self.files)
        }
        skipped = skipped or []
        manifest = self.plan | {
            "counts": counts | {"skipped": len(skipped)},
            "skipped": skipped,
            "identity": identity or {},
            "files": files,
        }
        shutil.rmtree(self.path / WORKING, ignore_errors=True)
        write_json(self.path / MANIFEST, manifest)
        (self.path / PLAN).unlink(missing_ok=True)

    def record(self, summary: dict) -> None:
        """Keep what the command is about to print beside the manifest."""
        write_json(self.path / SUMMARY, summary)


def _take_away(folder: Path) -> None:
    """All that is in a folder, and the folder, unless it is a link to one or the one that we stand in."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _is_only_planned(path: Path) -> bool:
    return [file for file in path.rglob("*") if file.is_file()] == [path / PLAN]


def _check_holds_no_input(output: Path, inputs: dict[str, str | Path]) -> None:
    for role, source in inputs.items():
        for file in glob.glob(str(source)) or [str(source)] if source else []:
            if Path(file).resolve().is_relative_to(output.resolve()):
                raise SaladError(
                    f"--overwrite would throw away {file}, which is read ({role})", "Give another folder with -o."
                )


def create_artefact(
    output: str | Path,
    *,
    schema: str,
    version: int,
    verb: str,
    settings: dict,
    inputs: dict[str, str | Path],
    overwrite: bool = False,
    also_read: dict[str, str | Path] | None = None,
    digest: Callable[[str | Path], str] = digest_path,
) -> ArtefactWriter:
    """Start, resume or find finished the artefact at `output`.

    Args:
        settings: every option that changes the content, the seed included; nothing that does not (device, workers).
        inputs: what is read, by its role; the content's digest goes into the fingerprint.
        digest: the content digest of an input.
        also_read: what is read and does not change the content, such as an earlier artefact whose work is copied.

    Raises:
        SaladError: `output` holds something else, or the same kind of artefact made from other inputs or settings.
            Another plan alone, of which nothing has been made, is replaced without a word. With `overwrite`: an
            input stands in `output`. Or no folder can be made there.
    """
    output = Path(output)
    described = {role: {"path": str(source), "digest": digest(source)} for role, source in inputs.items() if source}
    digests = {role: entry["digest"] for role, entry in described.items()}
    plan = {
        "schema": schema,
        "schema_version": version,
        "tool": f"saladkit {__version__}",
        "verb": verb,
        "settings": settings,
        "inputs": described,
        "fingerprint": digest_json([schema, version, verb, settings, digests]),
    }
    try:
        return _open_output(output, plan, inputs | (also_read or {}), overwrite)
    except OSError as error:
        raise SaladError(f"nothing can be written to {output}: {error}", "Give another folder with -o.") from error


def _open_output(output: Path, plan: dict, inputs: dict[str, str | Path], overwrite: bool) -> ArtefactWriter:
    digests = {role: entry["digest"] for role, entry in plan["inputs"].items()}
    if output.exists() and not output.is_dir():
        raise SaladError(f"{output} is a file", "Give another folder with -o.")
    if output.is_dir() and any(PARTIAL not in path.name for path in output.iterdir()):
        if not is_artefact(output):
            raise SaladError(f"{output} holds something else", "Give a new or empty folder with -o.")
        if overwrite:
            _check_holds_no_input(output, inputs)
            _take_away(output)
        elif _is_only_planned(output) and read_json(output / PLAN)["fingerprint"] != plan["fingerprint"]:
            (output / PLAN).unlink()
        else:
            name = MANIFEST if (output / MANIFEST).exists() else PLAN
            found = read_json(output / name)
            if found.get("fingerprint") != plan["fingerprint"]:
                changed = [key for key in ("verb", "settings") if found.get(key) != plan[key]]
                stored = {role: entry["digest"] for role, entry in found.get("inputs", {}).items()}
                changed += [f"input {role}" for role in digests if stored.get(role) != digests[role]]
                raise SaladError(
                    f"{output} was made from something else (changed: {', '.join(changed) or 'format'})",
                    "Give another folder with -o, or --overwrite to make it anew.",
                )
            if name == MANIFEST:
                summary = read_json(output / SUMMARY) if (output / SUMMARY).exists() else {}
                return ArtefactWriter(output, plan, finished=summary, started_before=True)
            for aside in output.rglob(f"*{PARTIAL}-*"):
                if is_abandoned(aside):
                    aside.unlink(missing_ok=True)
            return ArtefactWriter(output, plan, finished=None, started_before=True)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / PLAN, plan)
    return ArtefactWriter(output, plan, finished=None)
