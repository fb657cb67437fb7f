"""Time whole commands: two workers against one, and workers on Ray against processes of the same line with --claim.

    python benchmarks/workers.py                             all three; half an hour
    python benchmarks/workers.py --spoken 0 --cached 0       Ray's overhead alone, on a job of about ten minutes

Every worker has one thread. Starting Python and Ray counts on both sides.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from first_token import bytes_tokenizer
from sentences import paragraphs
from shapes import text_model
from side_by_side import Target, arguments, emit, run_pairs

FEWEST_SECONDS = 540.0  # of a job that the bound of the overhead is for; most of the overhead is Ray's start
QUICKER = Target("ratio", ">=", 1.8)
OVERHEAD = Target("overhead", "<=", 0.05)


def main() -> None:
    """Print a line for two processes of synth, for two workers on Ray, and for Ray's overhead."""
    parser = arguments(__doc__, shape="small", pairs=1)
    parser.add_argument("--spoken", type=int, default=12_000, help="texts that synth speaks; 0: none")
    parser.add_argument("--cached", type=int, default=6000, help="texts of cache-teacher on Ray; 0: none")
    parser.add_argument("--beside", type=int, default=60_000, help="texts of it on Ray and without; 0: none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.spoken:
            time_speaking(Path(folder), options)
        if options.cached or options.beside:
            time_reading(Path(folder), options)


def time_speaking(folder: Path, options: argparse.Namespace) -> None:
    """Time `synth` with two processes and with one."""
    line = ["synth", str(save_texts(folder, options.spoken)), "--voice", "espeak:en-us"]
    two, one = [*line, "--workers", "2"], [*line, "--workers", "1"]
    compare(options, folder, options.spoken, "synth: two processes against one", two, one, target=QUICKER)


def time_reading(folder: Path, options: argparse.Namespace) -> None:
    """Time `cache-teacher` with two workers on Ray, with one, and with two processes that claim parts."""
    model = folder / "text-lm"
    text_model(options.shape).save_pretrained(model)
    bytes_tokenizer().save_pretrained(model)
    line = ["cache-teacher", "--model", str(model)]
    on_ray = [*line, "--on", "ray", "--workers"]
    if options.cached:
        read = str(save_texts(folder, options.cached))
        name = "cache-teacher: two workers on Ray against one"
        compare(options, folder, options.cached, name, [*on_ray, "2", read], [*on_ray, "1", read], target=QUICKER)
    if options.beside:
        read = str(save_texts(folder, options.beside))
        name, processes = "cache-teacher: two workers on Ray against two processes", [*line, "--claim", read]
        compare(options, folder, options.beside, name, [*on_ray, "2", read], processes, processes=2, target=OVERHEAD)


def compare(
    options: argparse.Namespace,
    folder: Path,
    texts: int,
    name: str,
    ours: list[str],
    theirs: list[str],
    *,
    target: Target,
    processes: int = 1,
) -> None:
    """Time both lines, the second one in this many processes at once, and print what came out."""
    # Commands start afresh each time: nothing warms up.
    sides = command(folder, ours), command(folder, theirs, processes)
    found = run_pairs(*sides, options.pairs, options.device, warm_up=False)
    holds = options.shape != "tiny" and (target.field != "overhead" or found.theirs >= FEWEST_SECONDS)
    emit(
        f"{name}, {texts:,} texts",
        ours=texts / found.ours,
        theirs=texts / found.theirs,
        unit="texts/s",
        ratio=found.speedup,
        target=Target(target.field, target.relation, target.value, holds),
        device=options.device,
        shape=options.shape,
        pairs=found.pairs,
        texts=texts,
        seconds=found.ours,
        seconds_of_theirs=found.theirs,
        overhead=1 / found.speedup - 1,
    )


def save_texts(folder: Path, count: int) -> Path:
    """Save different texts: prose, with a number before it where there is too little."""
    prose = paragraphs(count)
    texts = [text if row < len(prose) else f"{row}. {text}" for row, text in zip(range(count), itertools.cycle(prose))]
    path = folder / f"texts-{count}.parquet"
    pq.write_table(pa.table({"id": [str(row) for row in range(count)], "text": texts}), path)
    return path


def command(folder: Path, line: list[str], processes: int = 1) -> Callable[[], None]:
    """Return a function that runs a line of saladkit, in several processes at once, into a folder that it deletes."""

    def run() -> None:
        output = folder / "output"
        whole = [sys.executable, "-m", "saladkit", *line, "-o", str(output), "--quiet"]
        own = os.environ | {"OMP_NUM_THREADS": "1"}
        running = [subprocess.Popen(whole, env=own, stdout=subprocess.DEVNULL) for _ in range(processes)]
        for code in [process.wait() for process in running]:
            if code:
                raise SystemExit(f"{' '.join(whole)} ended with code {code}")
        shutil.rmtree(output)

    return run


if __name__ == "__main__":
    main()
