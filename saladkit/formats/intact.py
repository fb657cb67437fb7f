"""Compare the files of a complete artefact with their sizes and digests in its manifest.

`digest` in the manifest is that of all its other entries, so a damaged manifest is noticed too. `summary.json` is not
part of the artefact, and is not looked at.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import ENTRIES, MANIFEST
from saladkit.formats.digests import digest_file, digest_json
from saladkit.formats.files import part_of, read_json
from saladkit.formats.records import read_record

DIGEST = "digest"


@dataclass(frozen=True)
class Damage:
    """A file that is not what the manifest says.

    Attributes:
        file: its name in the artefact.
        problem: what is wrong with it.
    """

    file: str
    problem: str

    @property
    def part(self) -> str | None:
        """The part that the file belongs to, such as `part-00003-of-00012`; None if it is made once after all parts."""
        return part_of(self.file)


def manifest_digest(manifest: dict) -> str:
    """Return the digest of a manifest without its entry `digest`."""
    return digest_json({key: value for key, value in manifest.items() if key != DIGEST})


def lacks_digest(artefact: Path) -> bool:
    """Return whether the manifest was written before manifests had a digest, and so cannot be checked itself."""
    try:
        return _lacks_digest(read_json(artefact / MANIFEST))
    except SaladError:  # it is damaged
        return False


def _lacks_digest(manifest: dict) -> bool:
    """Return whether a manifest has all entries but `digest`; one with a damaged key in its place is damaged."""
    return set(manifest) == set(ENTRIES)


def damage_of(path: Path, stored: dict) -> str | None:
    """Return what is wrong with a file, given its `bytes` and `sha256`; None if it is whole."""
    try:
        size = path.stat().st_size
        if size != stored["bytes"]:
            return f"it has {size:,} bytes, not {stored['bytes']:,}"
        return None if _digest(path) == stored["sha256"] else "its content has changed"
    except FileNotFoundError:
        return "it is missing"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def damaged_files(
    artefact: Path, advance: Callable[[int], object] = lambda size: None, threads: int = 1
) -> list[Damage]:
    """Read every file of a complete artefact, and return those that are damaged, the manifest among them.

    Args:
        advance: called with the bytes of each file that is done.
        threads: number of files that are read at the same time.
    """
    try:
        manifest = read_record(artefact / MANIFEST, ["files"])
    except SaladError as error:
        return [Damage(MANIFEST, f"it cannot be read: {error.problem}")]
    files = manifest["files"]
    if not _lacks_digest(manifest) and manifest.get(DIGEST) != manifest_digest(manifest):
        return [Damage(MANIFEST, "its content has changed, and with it perhaps what it says of other files")]

    def looked_at(name: str) -> str | None:
        problem = damage_of(artefact / name, files[name])
        advance(files[name]["bytes"])
        return problem

    with ThreadPoolExecutor(threads) as pool:
        problems = pool.map(looked_at, files)
        return [Damage(name, problem) for name, problem in zip(files, problems, strict=True) if problem]


def check_intact(artefact: Path, names: Sequence[str]) -> None:
    """Check files of a complete artefact, by their names in the manifest, before they are used.

    A file that is missing is no error here: it cannot be used, and there may be another one in its place.

    Raises:
        SaladError: a file is damaged.
    """
    files = read_record(artefact / MANIFEST, ["files"])["files"] if names else {}
    for name in names:
        if (artefact / name).exists() and (problem := damage_of(artefact / name, files[name])):
            raise changed(artefact, name, problem)


def changed(artefact: Path, name: str, problem: str) -> SaladError:
    """Return the error that a file of an artefact is not what the manifest tells of."""
    return SaladError(
        f"{artefact / name} is not the file that {artefact / MANIFEST} tells of: {problem}",
        "Copy the file again, or run the command that made the folder with --overwrite. If you changed it on"
        " purpose, remove manifest.json.",
    )


def _digest(path: Path) -> str:
    found = path.stat()
    return _digest_of_state(path, found.st_size, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=1024)
def _digest_of_state(path: Path, *state: int) -> str:
    """Return the digest of a file; once in a process, as a model is opened several times."""
    return digest_file(path)
