"""The plan of a recipe, as `DRY_RUN=1` prints it: what each line would make, from its own `--dry-run`; what is missing.

Called by recipes/steps.sh. `missing FOLDER TEXT`, `made FOLDER PROGRAM ARGUMENT...` and `line FOLDER STEP VERB
ARGUMENT...` add to the plan in FOLDER; `show FOLDER RUN` prints it, with RUN in the place of the folder of the dry run.
With POSITIONS_PER_SECOND, a measured speed of training, the hours of training are added.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

WITHOUT_PLAN = ("report", "doctor")
PACKAGES = {"kokoro:": "kokoro_onnx", "piper:": "piper", "espeak:": "espeakng_loader"}  # by the prefix of a voice
FIGURES = (  # of a dry run: name, unit, scale
    ("texts", "texts", 1),
    ("positions", "positions", 1),
    ("rows_to_read", "rows to train on", 1),
    ("windows_to_read", "windows to train on", 1),
    ("positions_to_read", "positions to train on", 1),
    ("candidates", "candidates", 1),
    ("predicted_hours", "hours of speech", 1),
    ("training_hours", "hours of training", 1),
    ("seconds_of_speech", "hours of speech", 1 / 3600),
    ("bytes", "GB", 1e-9),
    ("predicted_seconds", "hours on this machine", 1 / 3600),
)


TOTALS = {  # what the lines of a plan have in all: name, unit
    "bytes": "bytes",
    "speech": "hours of speech",
    "hours": "hours on this machine",
    "positions": "positions to train on",
    "gpu_hours": "GPU-hours of training",
}


def add(folder: Path, **entry: object) -> None:
    """Add an entry to the plan."""
    with (folder / "plan.jsonl").open("a") as stream:
        stream.write(json.dumps(entry) + "\n")


def add_line(folder: Path, step: str, verb: str, arguments: list[str]) -> None:
    """Plan one line of the recipe."""
    for argument in arguments:
        for prefix, package in PACKAGES.items():
            if argument.startswith(prefix) and find_spec(package) is None:
                problem = f"{argument} needs the package {package}: pip install 'saladkit[{prefix[:-1]}]'"
                add(folder, missing=problem)
    entry: dict[str, object] = {"step": step, "verb": verb, "made": output_of(arguments)}
    if verb not in WITHOUT_PLAN:
        offline = os.environ | {"HF_HUB_OFFLINE": "1"}  # a plan downloads nothing
        line = ["saladkit", verb, *arguments, "--dry-run"]
        done = subprocess.run(line, capture_output=True, text=True, env=offline)
        errors = [row for row in done.stderr.splitlines() if row.lower().startswith("error")]
        problem = (errors[0].partition(":")[2] if errors else done.stderr).strip()
        entry |= {"figures": json.loads(done.stdout)} if done.returncode == 0 else {"problem": problem}
    add(folder, **entry)


def output_of(arguments: list[str]) -> str | None:
    """Return what a line makes: the value of its option -o."""
    return next((value for option, value in zip(arguments, arguments[1:], strict=False) if option == "-o"), None)


def show(folder: Path, run: str) -> None:
    """Print the plan."""
    plan = folder / "plan.jsonl"
    text = plan.read_text().replace(str(folder / "run"), run) if plan.exists() else ""
    entries = [json.loads(row) for row in text.splitlines()]
    made = [entry["made"] for entry in entries if entry.get("made")]
    missing = [entry["missing"] for entry in entries if "missing" in entry]
    step, totals = None, dict.fromkeys(TOTALS, 0.0)
    for entry in entries:
        if "verb" not in entry:
            continue
        if entry["step"] != step:
            step = entry["step"]
            print(f"\n{step}")
        print(f"  saladkit {entry['verb']} -o {entry['made']}")
        if "figures" in entry:
            print(f"      {described(entry['figures'])}")
            totals = {name: totals[name] + value for name, value in amounts(entry["figures"]).items()}
        elif "problem" in entry:
            waits = any(output in entry["problem"] for output in made)
            print(f"      {'waits for an earlier step' if waits else 'cannot be planned: ' + entry['problem']}")
            missing += [] if waits else [entry["problem"]]
    free = shutil.disk_usage(".").free / 1e9
    print(f"\nKnown to be written: {totals.pop('bytes') / 1e9:.2f} GB (free here: {free:.0f} GB)")
    if known := [f"{value:,.3g} {TOTALS[name]}" for name, value in totals.items() if value]:
        print(f"Known in all: {', '.join(known)}")
    print("Missing here:" if missing else "Nothing is missing as far as a dry run can tell.")
    for problem in dict.fromkeys(missing):
        print(f"  - {problem}")


def amounts(figures: dict) -> dict[str, float]:
    """Return what a line adds to each of `TOTALS`; 0 where it is not known."""
    positions, speed = figures.get("positions_to_read") or 0, float(os.environ.get("POSITIONS_PER_SECOND", 0))
    return {
        "bytes": figures.get("bytes") or 0,
        "speech": figures.get("predicted_hours") or (figures.get("seconds_of_speech") or 0) / 3600,
        "hours": (figures.get("predicted_seconds") or 0) / 3600,
        "positions": positions,
        "gpu_hours": positions / speed / 3600 if speed else 0,
    }


def described(figures: dict) -> str:
    """Return the figures of a dry run that a person plans by."""
    rows = figures.get("rows")
    parts = [] if rows is None else [f"{sum(rows.values()) if isinstance(rows, dict) else rows:,} rows"]
    for name, unit, scale in FIGURES:
        if isinstance(figures.get(name), int | float):
            value = figures[name] * scale
            parts.append(f"{value:,.0f} {unit}" if value == int(value) else f"{value:,.3g} {unit}")
    if hours := amounts(figures)["gpu_hours"]:
        parts.append(f"{hours:,.1f} GPU-hours at {float(os.environ['POSITIONS_PER_SECOND']):,.0f} positions a second")
    return ", ".join(parts) or json.dumps({name: value for name, value in figures.items() if name != "command"})


def main(arguments: list[str]) -> None:
    """Do what recipes/steps.sh asks for."""
    action, folder, *rest = arguments
    if action == "missing":
        add(Path(folder), missing=rest[0])
    elif action == "made":
        add(Path(folder), made=output_of(rest))
    elif action == "line":
        add_line(Path(folder), rest[0], rest[1], rest[2:])
    else:
        show(Path(folder), rest[0])


if __name__ == "__main__":
    main(sys.argv[1:])
