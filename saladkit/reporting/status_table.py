"""How far an artefact is, as a table for the terminal."""

from saladkit.reporting.number_format import duration

HEADS = ("part", "claimed by", "for", "last sign of life")


def status_lines(found: dict) -> list[str]:
    """Return lines from what `stages.status.status` returns."""
    first = f"{found['folder']}: {found['command']}, {found['state']}"
    if found["state"] == "complete":
        return [f"{first}, {found['files']:,} files of {found['bytes']:,} bytes"]
    if "parts" not in found:
        return [first]
    parts, rows = found["parts"], found["rows"]
    counts = [f"{parts['done']:,} of {parts['all']:,} parts done"]
    counts += [f"{parts[kind]:,} {kind}" for kind in ("claimed", "stale", "missing") if parts[kind]]
    speed = [f"{rows['done']:,} of {rows['all']:,} {found['unit']}s done"]
    if found["rows_per_second"] is not None:
        speed += [f"{found['rows_per_second']:.3g} a second", f"about {duration(found['seconds_left'])} left"]
    return [first, ", ".join(counts), ", ".join(speed), *_table(found["claims"])]


def _table(claims: list[dict]) -> list[str]:
    if not claims:
        return []
    rows = [HEADS, *map(_row, claims)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return ["", *("  ".join(row).rstrip() for row in cells)]


def _row(claim: dict) -> tuple[str, ...]:
    who = f"{claim['host']} (process {claim['process']})" if claim["host"] else "a process that has just begun"
    sign = f"{duration(claim['silent_seconds'])} ago" + (", stale" if claim["stale"] else "")
    return claim["part"], who, duration(claim["seconds"]), sign
