"""`status`: how far an artefact is, who makes which part of it, and how long the rest will take."""

import os
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, PLAN, is_artefact
from saladkit.formats.claims import MANIFEST_CLAIM, Claim, claims_folder, claims_on, file_system_time, is_stale
from saladkit.formats.parts import Part, read_parts
from saladkit.formats.records import read_record
from saladkit.reporting.status_table import status_lines

RECENT = 32  # parts whose times tell the speed
PAUSE = 10  # times the median time between two parts: the work had stopped


def status(folder: str | Path) -> dict:
    """Return how far an artefact is.

    Returns:
        `command`; `state`: "complete", "at work" (a process has a claim that it keeps alive) or "unfinished"; and of an
        unfinished artefact whose command has listed its parts: `unit`, `parts` and `rows` with their number in all and
        how many are `done`, parts that are `claimed`, `stale` (their process shows no sign of life) and `missing`,
        `rows_per_second` and `seconds_left` (None if unknown), and `claims`, those that are stale among them. The
        claim on `manifest` is on what is done once after all parts.

    Raises:
        SaladError: `folder` is no artefact.
    """
    folder = Path(folder)
    if not folder.is_dir() or not is_artefact(folder):
        raise SaladError(f"{folder} is no artefact of saladkit", "Give the output folder of a command.")
    found = {"folder": str(folder)}
    if not (folder / MANIFEST).exists():
        try:
            unfinished = _unfinished(folder)
        except SaladError:  # the plan is removed when the artefact is complete
            if not (folder / MANIFEST).exists():
                raise
        else:
            if not (folder / MANIFEST).exists():
                return found | unfinished
    return found | _complete(folder)


def status_table(found: dict) -> str:
    """Return what `status` returned, for people."""
    return "\n".join(status_lines(found))


def _complete(folder: Path) -> dict:
    manifest = read_record(folder / MANIFEST, ("verb", "files", "counts"))
    size = sum(file["bytes"] for file in manifest["files"].values())
    about = {"files": len(manifest["files"]), "bytes": size, "counts": manifest["counts"]}
    return {"command": manifest["verb"], "state": "complete"} | about


def _unfinished(folder: Path) -> dict:
    command = {"command": read_record(folder / PLAN, ["verb"])["verb"]}
    listed = read_parts(folder)
    if listed is None:  # the command makes no parts, or has just begun
        return command | {"state": "unfinished"}
    unit, parts = listed
    progress = _progress(folder, parts)
    at_work = any(not claim["stale"] for claim in progress["claims"])
    return command | {"state": "at work" if at_work else "unfinished", "unit": unit} | progress


def _written(folder: Path) -> dict[str, float]:
    """Return when each file of a folder was last written (s)."""
    written = {}
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # a temporary file, which got its name just now
            written[entry.name] = entry.stat().st_mtime
    return written


def _progress(folder: Path, parts: Sequence[Part]) -> dict:
    written = _written(folder)
    done = [part for part in parts if all(file in written for file in part.files)]
    ready = {part.name for part in done}
    claims = _claims(folder, {part.name for part in parts} - ready | {MANIFEST_CLAIM})
    on_parts = [claim for claim in claims if claim["part"] != MANIFEST_CLAIM]
    stale = sum(claim["stale"] for claim in on_parts)
    rows, rows_done = (sum(part.rows for part in some) for some in (parts, done))
    speed = _rows_per_second([(max(written[file] for file in part.files), part.rows) for part in done])
    return {
        "parts": {
            "all": len(parts),
            "done": len(done),
            "claimed": len(on_parts) - stale,
            "stale": stale,
            "missing": len(parts) - len(done) - len(on_parts),
        },
        "rows": {"all": rows, "done": rows_done},
        "rows_per_second": speed and round(speed, 3),
        "seconds_left": speed and round((rows - rows_done) / speed),
        "claims": claims,
    }


def _claims(folder: Path, names: set[str]) -> list[dict]:
    claims = claims_on(claims_folder(folder), names)
    if not claims:
        return []
    try:
        now = file_system_time(claims_folder(folder))
    except OSError:  # the folder is read-only here, or the artefact was completed just now
        now = time.time()
    return [_described(claim, now) for claim in claims if claim.touched]  # 0: it was given up


def _described(claim: Claim, now: float) -> dict:
    return {
        "part": claim.name,
        "host": claim.host,
        "process": claim.process,
        "seconds": round(now - claim.since),
        "silent_seconds": round(now - claim.touched),
        "stale": is_stale(claim, now, claim.timeout),
    }


def _rows_per_second(done: list[tuple[float, int]]) -> float | None:
    """Return the speed of the last parts, from the time (s) at which each was ready and its rows; None if unknown.

    It is over the time since the first of these parts was ready, and does not reach back over a pause.
    """
    recent = sorted(done)[-RECENT:]
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(recent)]
    usual = statistics.median(gaps) if gaps else 0.0
    pauses = [place for place, gap in enumerate(gaps) if gap > PAUSE * usual > 0]
    recent = recent[pauses[-1] + 1 :] if pauses else recent
    seconds = recent[-1][0] - recent[0][0] if recent else 0.0
    return sum(rows for _, rows in recent[1:]) / seconds if seconds > 0 else None
