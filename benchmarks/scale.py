"""Seconds and memory of all that is not work on an artefact of many parts: plan, claims, status, manifest, verify.

The parts are empty files, made by the loop of all commands (`Job.run`) with `--claim` on this machine's disk. `growth`
is the seconds a part, over those of an artefact with a tenth of the parts: 1 is linear. `status` runs when half of the
parts are ready.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from claims import EmptySettings
from saladkit.formats.files import part_name
from saladkit.job import Job, Made, Part, Work
from saladkit.settings.verify import VerifySettings
from saladkit.stages.status import status
from saladkit.stages.verify import verify
from side_by_side import arguments, emit

STEPS = ("plan", "claim and write", "status", "manifest", "verify")


def simulate(count: int) -> dict[str, float]:
    """Make an artefact of this many empty parts; return the seconds of each of STEPS, and `peak` in GB."""
    took = dict.fromkeys(STEPS, 0.0)
    with tempfile.TemporaryDirectory() as place:
        output, began = Path(place) / "empty", time.perf_counter()
        parts = [Part((part_name(index, count, ".bin"),)) for index in range(count)]

        def fill(missing: Iterator[int], work: Work) -> None:
            took["plan"] = time.perf_counter() - began
            for done, index in enumerate(missing):
                with work.writing(parts[index].name) as aside:
                    aside.touch()
                work.advance()
                if done == count // 2:
                    before = time.perf_counter()
                    assert status(output)["parts"]["all"] == count
                    took["status"] = time.perf_counter() - before
            took["claim and write"] = time.perf_counter() - began - took["plan"] - took["status"]

        def make(work: Work) -> Made:
            work.fill(parts, lambda missing: fill(missing, work), unit="part")
            return Made(counts={"parts": count}, figures={})

        Job("empty", "empty", 1, EmptySettings(claim=True), inputs={}).run(output, plan={}, make=make)
        took["manifest"] = time.perf_counter() - began - sum(took.values())
        before = time.perf_counter()
        assert verify([str(output)], VerifySettings())["intact"]
        took["verify"] = time.perf_counter() - before
    return took | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}


def in_a_process(count: int) -> dict[str, float]:
    """Return what `simulate` returns, of a process of its own, so that the peak is its peak."""
    line = [sys.executable, __file__, "--alone", str(count)]
    return json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    """Print one line a step."""
    parser = arguments(__doc__.splitlines()[0], shape="empty", pairs=1)
    parser.add_argument("--parts", type=int, default=100_000)
    parser.add_argument("--alone", type=int, help="simulate this many parts, and print the figures")
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(simulate(given.alone)))
        return
    few, many = in_a_process(given.parts // 10), in_a_process(given.parts)
    common = {"theirs": None, "ratio": None, "target": None, "device": "cpu", "shape": f"{given.parts:,} parts"}
    for step in STEPS:
        emit(f"scale: {step}", ours=many[step], unit="s", growth=many[step] / few[step] / 10, **common)
    emit("scale: peak memory", ours=many["peak"], unit="GB", **common)


if __name__ == "__main__":
    main()
