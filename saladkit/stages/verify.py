"""`verify`: compare every file of artefacts with its digest, and say what to make again."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import CONTINUE, MANIFEST, PLAN, is_artefact
from saladkit.formats.artefact_writer import reopen
from saladkit.formats.files import part_of
from saladkit.formats.intact import Damage, damaged_files, lacks_digest
from saladkit.formats.records import read_record
from saladkit.machine import available_cores
from saladkit.progress import progress_bar, say
from saladkit.settings.verify import VerifySettings


def verify(folders: list[str], settings: VerifySettings) -> dict:
    """Read every file of complete artefacts, and print one line for each damaged file on stderr.

    With `reopen`, damaged parts are removed, and the artefact is unfinished again, if nothing else in it is damaged.

    Returns:
        `intact`, whether nothing is damaged; `files` and `bytes` that were read; and `damaged`, each with `folder`,
        `file`, `problem`, `part` (None for a file that belongs to no part) and `fix`.

    Raises:
        SaladError: a folder is no artefact, or is not finished.
    """
    for folder in folders:
        _check_complete(Path(folder))
    sizes = {folder: _sizes(Path(folder)) for folder in folders}
    damaged = []
    total = sum(sum(of_folder) for of_folder in sizes.values())
    with progress_bar(total=total, what="verify", unit="byte") as bar:
        for folder in folders:
            damaged += _of_folder(Path(folder), damaged_files(Path(folder), bar.update, available_cores()), settings)
    for found in damaged:
        say(f"{found['folder']}/{found['file']}: {found['problem']}  fix: {found['fix']}")
    for folder in filter(lambda folder: lacks_digest(Path(folder)), folders):
        say(f"{folder}/{MANIFEST}: it has no digest, so it cannot be checked itself; the files were compared with it")
    files = sum(map(len, sizes.values()))
    return {"command": "verify", "intact": not damaged, "files": files, "bytes": total, "damaged": damaged}


def _check_complete(folder: Path) -> None:
    if (folder / MANIFEST).exists():  # which may itself be damaged
        return
    if (folder / PLAN).exists() and is_artefact(folder):
        raise SaladError(f"{folder} is not finished", CONTINUE)
    raise SaladError(f"{folder} is no artefact of saladkit", "Give the output folder of a command.")


def _sizes(folder: Path) -> list[int]:
    try:
        return [file["bytes"] for file in read_record(folder / MANIFEST, ["files"])["files"].values()]
    except SaladError:  # the manifest is damaged, which is said later
        return []


def _of_folder(folder: Path, damaged: list[Damage], settings: VerifySettings) -> list[dict]:
    by_parts = all(one.part for one in damaged)
    if damaged and by_parts and settings.reopen:
        parts = {one.part for one in damaged}
        reopen(folder, [name for name in read_record(folder / MANIFEST, ["files"])["files"] if part_of(name) in parts])
    return [
        {"folder": str(folder), "file": one.file, "problem": one.problem, "part": one.part}
        | {"fix": _fix(one, by_parts, settings.reopen)}
        for one in damaged
    ]


def _fix(one: Damage, by_parts: bool, reopened: bool) -> str:
    command = "the command that made the folder"
    if not by_parts:
        return f"Copy the file again, or run {command} with --overwrite."
    if reopened:
        return f"Run {command}: it makes {one.part} again."
    return f"Copy the file again; or make {one.part} again: run this with --reopen, and then {command}."
