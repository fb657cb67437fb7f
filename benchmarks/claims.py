"""What claiming a part costs, against a run without claims, on a folder of many parts that are empty.

Both sides make every part, a file of no bytes, by the loop of all commands (`Job.run`) on this machine's disk.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saladkit.formats.files import part_name
from saladkit.job import Job, Made, Part, Work
from saladkit.settings.shared import Files, Shards
from side_by_side import Target, arguments, machine, run_pairs


@dataclass(frozen=True, kw_only=True)
class EmptySettings(Shards, Files):
    """Settings of a command that makes empty parts."""


def make_parts(output: Path, count: int, settings: EmptySettings) -> None:
    """Make an artefact of this many empty parts."""
    parts = [Part((part_name(index, count, ".bin"),)) for index in range(count)]

    def make(work: Work) -> Made:
        def fill(missing: Iterator[int]) -> None:
            for index in missing:
                with work.writing(parts[index].name) as aside:
                    aside.touch()
                work.advance()

        work.fill(parts, fill, unit="part")
        return Made(counts={"parts": count}, figures={})

    Job("empty", "empty", 1, settings, inputs={}).run(output, plan={}, make=make)


def main() -> None:
    """Print one JSON line: milliseconds a part with and without claims."""
    parser = arguments("What claiming a part costs, against a run without claims.", shape="empty")
    parser.add_argument("--parts", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        runs = iter(range(1000))

        def side(settings: EmptySettings) -> None:
            make_parts(Path(place) / str(next(runs)), given.parts, settings)

        pairs = run_pairs(lambda: side(EmptySettings(claim=True)), lambda: side(EmptySettings()), given.pairs, "cpu")
    ours, theirs = (1000 * taken / given.parts for taken in (pairs.ours, pairs.theirs))
    target = Target("cost", "<=", 10.0)
    line = {
        "name": f"claims: a part of {given.parts:,}, against a run without claims",
        "shape": given.shape,
        "ours": ours,
        "theirs": theirs,
        "unit": "ms",
        "ratio": pairs.speedup,
        "cost": ours - theirs,
        "target": str(target),
        "pairs": pairs.pairs,
        "machine": machine("cpu"),
    }
    print(json.dumps(line | {"reached": target.reached(line)}))


if __name__ == "__main__":
    main()
