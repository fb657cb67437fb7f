"""Write the lines of a JSON-lines file into a page, as a table between two marks.

python benchmarks/table.py runs/bench.jsonl docs/performance.md
python benchmarks/table.py runs/some.jsonl docs/performance.md --some    keep the other rows of the table
"""

import json
import sys
from pathlib import Path

BEGIN, END = "<!-- table: make bench -->", "<!-- end of table -->"
MEASURED = "Measured on "
HEAD = "| name | ours | theirs | ratio | target | reached |\n|---|---|---|---|---|---|"
REACHED = {True: "yes", False: "**no**", None: "–"}


def table(lines: list[dict], kept: list[str]) -> str:
    """Return the table: the machines, then the rows of `kept` (lines of an earlier table) and a row for each line."""
    machines = {_machine(line["machine"]) for line in lines}
    rows = {_name(line): _row(line) for line in lines}
    earlier = [row for row in kept if row.startswith("|") and row not in HEAD.splitlines()]
    stay = [row for row in earlier if row.split(" | ")[0].removeprefix("| ") not in rows]
    for measured in kept:
        if measured.startswith(MEASURED):
            machines |= set(measured.removeprefix(MEASURED).removesuffix(".").split("; "))
    return "\n".join([MEASURED + "; ".join(sorted(machines)) + ".", "", HEAD, *stay, *rows.values()])


def _row(line: dict) -> str:
    return (
        f"| {_name(line)} | {_figure(line['ours'], line['unit'])} | {_figure(line['theirs'], line['unit'])} "
        f"| {_number(line['ratio'])} | {line['target'] or '–'} | {REACHED[line['reached']]} |"
    )


def _machine(found: dict) -> str:
    return f"{found['device']}, {found['threads']} threads of {found['cores']} cores, torch {found['torch']}"


def _name(line: dict) -> str:
    layers = f", {line['layers']} layers" if "layers" in line else ""
    return f"{line['name']} ({line['shape']}{layers})"


def _figure(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{_number(value)} {unit}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main() -> None:
    """Write the table of the first file into the second file."""
    source, page = map(Path, sys.argv[1:3])
    lines = [json.loads(line) for line in source.read_text().splitlines()]
    text = page.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    kept = text.partition(BEGIN)[2].partition(END)[0].splitlines() if "--some" in sys.argv else []
    page.write_text(f"{before}{BEGIN}\n\n{table(lines, kept)}\n\n{END}{after}")


if __name__ == "__main__":
    main()
