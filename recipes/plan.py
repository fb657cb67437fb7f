"""The plan of a recipe, as `DRY_RUN=1` prints it: what each line would make, from its own `--dry-run`; what is missing.

Called by recipes/steps.sh: `note FILE TEXT`, `machine FILE` and `line FILE STEP VERB ARGUMENT...` add to the plan in
FILE; `print FILE` shows it. With POSITIONS_PER_SECOND, a measured speed, the hours of training are added.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

WITHOUT_PLAN = ("report", "doctor")
FOLDERS = ("-o", "--output")
PACKAGES = {"kokoro:": "kokoro_onnx", "piper:": "piper", "espeak:": "espeakng_loader"}
POSITIONS_PER_ROW = 1000  # where a row fills half a window of 2,048


def add(plan: Path, **entry: object) -> None:
    """Add an entry to the plan."""
    with plan.open("a") as stream:
        stream.write(json.dumps(entry) + "\n")


def machine(plan: Path) -> None:
    """Note what this machine lacks."""
    if not shutil.which("nvidia-smi"):
        add(plan, missing="no NVIDIA GPU is found (nvidia-smi): training at this size takes years on a CPU")
    add(plan, disk=shutil.disk_usage(".").free)


def line(plan: Path, step: str, verb: str, arguments: list[str]) -> None:
    """Plan one line of the recipe."""
    output = next((value for option, value in zip(arguments, arguments[1:], strict=False) if option in FOLDERS), None)
    entry = {"step": step, "verb": verb, "output": output}
    for argument in arguments:
        for prefix, package in PACKAGES.items():
            if argument.startswith(prefix) and find_spec(package) is None:
                add(plan, missing=f"{argument} needs the package {package}: pip install 'saladkit[{prefix[:-1]}]'")
    if verb in WITHOUT_PLAN:
        add(plan, **entry)
        return
    done = subprocess.run(["saladkit", verb, *arguments, "--dry-run"], capture_output=True, text=True)
    if done.returncode == 0:
        add(plan, **entry, figures=json.loads(done.stdout), steps=_steps(arguments))
    else:
        problem = next(
            (row for row in done.stderr.splitlines() if row.lower().startswith("error")), done.stderr.strip()
        )
        add(plan, **entry, waits=problem.partition(":")[2].strip() or problem)


def _steps(arguments: list[str]) -> int | None:
    found = [value for option, value in zip(arguments, arguments[1:], strict=False) if option == "--max-steps"]
    return int(found[0]) if found else None


def show(plan: Path) -> None:
    """Print the plan."""
    entries = [json.loads(row) for row in plan.read_text().splitlines()]
    made = {entry["output"] for entry in entries if entry.get("output")}
    missing = [entry["missing"] for entry in entries if "missing" in entry]
    missing += [entry["note"] for entry in entries if "note" in entry]
    step = None
    total = 0.0
    for entry in entries:
        if "verb" not in entry:
            continue
        if entry["step"] != step:
            step = entry["step"]
            print(f"\n{step}")
        print(f"  saladkit {entry['verb']:<14} -> {entry['output']}")
        if "figures" in entry:
            print(f"      {_described(entry['figures'])}")
            total += entry["figures"].get("bytes", 0) / 1e9
        elif "waits" in entry and any(output and output in entry["waits"] for output in made):
            print("      waits for an earlier step")
        elif "waits" in entry:
            print(f"      cannot be planned: {entry['waits']}")
            if entry["waits"] not in missing:
                missing.append(entry["waits"])
    disk = next((entry["disk"] for entry in entries if "disk" in entry), 0)
    print(f"\nKnown to be written: {total:.1f} GB (free here: {disk / 1e9:.0f} GB)")
    print("Missing here:" if missing else "Nothing is missing that a dry run can tell.")
    for problem in dict.fromkeys(missing):
        print(f"  - {problem}")


def _described(figures: dict) -> str:
    """The figures of a dry run that a person plans by."""
    parts = []
    rows = figures.get("rows")
    if rows is not None:
        parts.append(f"{sum(rows.values()) if isinstance(rows, dict) else rows:,} rows")
    for key, unit, scale in (
        ("texts", "texts", 1),
        ("positions", "positions", 1),
        ("rows_to_read", "rows to train on", 1),
        ("candidates", "candidates", 1),
        ("predicted_hours", "hours of speech", 1),
        ("seconds_of_speech", "hours of speech", 1 / 3600),
        ("bytes", "GB", 1e-9),
        ("predicted_seconds", "hours on this machine", 1 / 3600),
    ):
        if isinstance(figures.get(key), int | float):
            value = figures[key] * scale
            parts.append(f"{value:,.0f} {unit}" if scale == 1 and value == int(value) else f"{value:,.2f} {unit}")
    speed = float(os.environ.get("POSITIONS_PER_SECOND", 0))
    if speed and "rows_to_read" in figures:
        hours = figures["rows_to_read"] * POSITIONS_PER_ROW / speed / 3600
        parts.append(f"{hours:,.1f} GPU-hours at {speed:,.0f} positions a second")
    return ", ".join(parts) or json.dumps({key: value for key, value in figures.items() if key != "command"})


def main(arguments: list[str]) -> None:
    """Do what recipes/steps.sh asks for."""
    action, plan, *rest = arguments
    if action == "note":
        add(Path(plan), note=rest[0])
    elif action == "machine":
        machine(Path(plan))
    elif action == "line":
        line(Path(plan), rest[0], rest[1], rest[2:])
    else:
        show(Path(plan))


if __name__ == "__main__":
    main(sys.argv[1:])
