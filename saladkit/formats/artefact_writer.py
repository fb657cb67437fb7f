"""Write an artefact: start or resume its folder, add files, and finish it with the manifest.

`formats/artefact.py` describes the folder.
"""

import glob
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from saladkit import __version__
from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, PLAN, PLANNED, SUMMARY, WORKING, digest_path, is_artefact
from saladkit.formats.claims import are_alive, claims_folder
from saladkit.formats.digests import digest_file, digest_json
from saladkit.formats.files import PARTIAL, is_abandoned, read_json, write_json, written_aside
from saladkit.formats.intact import DIGEST, manifest_digest
from saladkit.formats.parts import PARTS
from saladkit.formats.records import read_record


@dataclass
class ArtefactWriter:
    """An artefact that is being made; `create_artefact` returns one.

    Attributes:
        path: the folder.
        plan: content of `plan.json`.
        finished: summary of the artefact if it is complete already; else None.
        started_before: whether an earlier run of the same command has begun the artefact.
        files: names of the files that are ready.
    """

    path: Path
    plan: dict
    finished: dict | None
    started_before: bool = False
    files: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        """Return whether the file `name` is ready; if so, it becomes part of the artefact."""
        if (self.path / name).exists():
            self.files.add(name)
            return True
        return False

    def has_all(self, names: Iterable[str]) -> bool:
        """Return whether all files are ready; every ready file becomes part of the artefact."""
        missing = [name for name in names if not self.has(name)]
        return not missing

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yield a temporary path for the file `name`, which is renamed into place if the body succeeds.

        Raises:
            SaladError: another command has claimed this folder since the plan was written.
        """
        with written_aside(self.path / name) as aside:
            yield aside
            self._check_still_ours()
        self.files.add(name)

    def _check_still_ours(self) -> None:
        """Fail if another command has claimed this folder since we planned (a plan without files is no lock)."""
        for name in (PLAN, MANIFEST):  # in this order, as the plan is removed after the manifest is written
            try:
                found = read_record(self.path / name)
            except SaladError as error:
                if isinstance(error.__cause__, FileNotFoundError):
                    continue
                raise
            if found.get("fingerprint") == self.plan["fingerprint"]:
                return
            break
        raise SaladError(
            f"another command has begun to make something else in {self.path}",
            "Give each command its own folder with -o.",
        )

    @property
    def working(self) -> Path:
        """Folder of intermediate files, from which an interrupted run continues; removed when all is complete."""
        return self.path / WORKING

    def discard(self) -> None:
        """Remove the artefact with all its files."""
        _discard(self.path)

    @contextmanager
    def discarded_on_error(self) -> Iterator[None]:
        """Remove the plan and the folder if the body raises a SaladError before any file is ready."""
        try:
            yield
        except SaladError:
            if _is_only_planned(self.path):
                _discard(self.path)
            raise

    def finish(self, *, counts: dict, skipped: list[dict] | None = None, identity: dict | None = None) -> None:
        """Write the manifest, which makes the artefact complete.

        Args:
            counts: rows, tokens, seconds of audio and similar.
            skipped: rows that were left out, each with `id` and `reason`.
            identity: what the content depends on beyond settings and inputs, such as digests of model and tokenizer.

        Raises:
            SaladError: another command has claimed this folder since the plan was written.
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
        write_json(self.path / MANIFEST, manifest | {DIGEST: manifest_digest(manifest)})
        self.tidy()

    def tidy(self) -> None:
        """Remove what a complete artefact does not have: intermediate files and the plan."""
        shutil.rmtree(self.working, ignore_errors=True)
        (self.path / PLAN).unlink(missing_ok=True)

    def sweep(self, written_since: float = -math.inf) -> None:
        """Remove temporary files of processes that have ended on this machine.

        Args:
            written_since: also remove those that were last written before this time, in s, by the file system's clock.
        """
        for file in _files_below(self.path):
            if PARTIAL in file.name and (is_abandoned(file) or _last_written(file) < written_since):
                file.unlink(missing_ok=True)

    def record(self, summary: dict) -> None:
        """Write the summary that the command prints to `summary.json`."""
        write_json(self.path / SUMMARY, summary)


def _discard(folder: Path) -> None:
    """Remove a folder with all its files; an empty folder stays if it is a link or the working directory."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


def reopen(path: Path, without: Iterable[str]) -> None:
    """Make a complete artefact unfinished again, without the files of these names; its command then makes them again.

    Only files of parts may be left out, because what is made once after all parts may need what is not kept.
    """
    manifest = read_record(path / MANIFEST, (*PLANNED, "files"))
    write_json(path / PLAN, {key: manifest[key] for key in PLANNED})
    for name in (SUMMARY, *without):
        (path / name).unlink(missing_ok=True)
    (path / MANIFEST).unlink()


def _is_only_planned(path: Path) -> bool:
    """Return whether a folder holds a plan, and neither files of the artefact nor live claims on its parts."""
    said = {path / PLAN, path / WORKING / PARTS}
    claims = claims_folder(path)
    found = {file for file in _files_below(path) if file.parent != claims}
    return path / PLAN in found and found <= said and not are_alive(claims)


def _last_written(file: Path) -> float:
    with suppress(FileNotFoundError):
        return file.stat().st_mtime
    return math.inf


def _files_below(path: Path) -> Iterator[Path]:
    """Yield every file below a folder, of which other processes may remove some meanwhile."""
    for place, _, names in os.walk(path):
        yield from (Path(place) / name for name in names)


def _check_holds_no_input(output: Path, inputs: dict[str, str | Path]) -> None:
    for role, source in inputs.items():
        for file in glob.glob(str(source)) or [str(source)] if source else []:
            if Path(file).resolve().is_relative_to(output.resolve()):
                raise SaladError(
                    f"to make {output} anew would throw away {file}, which is an input ({role})",
                    "Give another folder with -o.",
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
    remake: bool = False,
    also_read: dict[str, str | Path] | None = None,
    digest: Callable[[str | Path], str] = digest_path,
) -> ArtefactWriter:
    """Start an artefact at `output`, resume it, or find it complete.

    Args:
        settings: every option that changes the content, including the seed, and no option that does not (device,
            workers).
        inputs: paths of the inputs by role; their content digests are part of the fingerprint.
        overwrite: remove an artefact at `output` first.
        remake: as `overwrite`, if it is an artefact of other inputs or settings.
        also_read: further paths that do not change the content, such as an earlier artefact whose work is copied.
        digest: returns the content digest of an input.

    Raises:
        SaladError: `output` holds other files, or an artefact of other inputs or settings; with `overwrite`, an input
            lies in `output`; or `output` cannot be created. A plan without any ready file is replaced silently.
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
        changed = remake and is_artefact(output) and _record_of(output)[1].get("fingerprint") != plan["fingerprint"]
        return _open_output(output, plan, inputs | (also_read or {}), overwrite or changed)
    except OSError as error:
        fix = "Make the folder writable for this machine, or give another folder with -o."
        raise SaladError(f"nothing can be written to {output}: {error}", fix) from error


def _open_output(output: Path, plan: dict, inputs: dict[str, str | Path], overwrite: bool) -> ArtefactWriter:
    if output.exists() and not output.is_dir():
        raise SaladError(f"{output} is a file", "Give another folder with -o.")
    if output.is_dir() and any(PARTIAL not in path.name for path in output.iterdir()):
        if not is_artefact(output):
            raise SaladError(f"{output} holds something else", "Give a new or empty folder with -o.")
        if overwrite:
            _check_holds_no_input(output, inputs)
            _discard(output)
        elif _is_only_planned(output) and read_record(output / PLAN).get("fingerprint") != plan["fingerprint"]:
            shutil.rmtree(output / WORKING, ignore_errors=True)  # the list of the other plan's parts
            (output / PLAN).unlink()
        else:
            return _resumed(output, plan)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / PLAN, plan)
    return ArtefactWriter(output, plan, finished=None)


def _record_of(output: Path) -> tuple[str, dict]:
    """Return name and content of the manifest, or else of the plan."""
    name = MANIFEST if (output / MANIFEST).exists() else PLAN
    try:
        return name, read_record(output / name)
    except SaladError as error:
        if name == PLAN and isinstance(error.__cause__, FileNotFoundError):  # completed by another process just now
            return MANIFEST, read_record(output / MANIFEST)
        raise


def _resumed(output: Path, plan: dict) -> ArtefactWriter:
    """Return the writer of an artefact that an earlier run of the same command has begun or completed."""
    name, found = _record_of(output)
    if found.get("fingerprint") != plan["fingerprint"]:
        changed = [key for key in ("verb", "settings") if found.get(key) != plan[key]]
        digests = {role: entry["digest"] for role, entry in plan["inputs"].items()}
        stored = {role: entry["digest"] for role, entry in found.get("inputs", {}).items()}
        changed += [f"input {role}" for role in digests if stored.get(role) != digests[role]]
        raise SaladError(
            f"{output} was made from something else (changed: {', '.join(changed) or 'format'})",
            "Give another folder with -o, or --remake to replace it.",
        )
    if name == MANIFEST:
        summary = read_json(output / SUMMARY) if (output / SUMMARY).exists() else {}
        return ArtefactWriter(output, plan, finished=summary, started_before=True)
    writer = ArtefactWriter(output, plan, finished=None, started_before=True)
    writer.sweep()
    return writer
