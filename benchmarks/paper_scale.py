"""Print the table of docs/scale.md: what each stage makes of the paper's corpus, from figures that were measured.

`python benchmarks/paper_scale.py` reads docs/performance.md for the speeds, and the sizes of parts from the commands. A
speed that nobody has measured is a dash.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from saladkit.caching.filling import TOKENS_PER_PART
from saladkit.selection.embedding import TEXTS_PER_PART
from saladkit.stages import cache_speech, synth, timestamps

# The paper's corpus (arXiv 2510.13632) and its pool.
NATURAL_HOURS, SYNTHETIC_HOURS, POSITIONS, POOL = 141_612, 1_416, 24e9, 10_000_000
ROW_SECONDS = 15  # of natural speech: an assumption
MACHINES = 100  # of two cores each
MIMI_BYTES = 200  # a second of speech: 12.5 frames of 8 codes of 2 bytes
WIDTH = 384  # of all-MiniLM-L6-v2, whose speed was measured, in float16


@dataclass(frozen=True)
class Stage:
    """One command on the corpus.

    Attributes:
        parts, files: numbers; every part also has one claim while it is made.
        size: bytes; None if it depends on the audio.
        hours: of one machine of two cores; None if not measured.
    """

    line: str
    parts: int
    files: int
    size: float | None
    hours: float | None


def measured() -> dict[str, float]:
    """Return `ours` of each row in the table of docs/performance.md."""
    page = (Path(__file__).parents[1] / "docs" / "performance.md").read_text()
    rows = (line.split("|")[1:3] for line in page.splitlines() if line.startswith("|") and line.count("|") > 6)
    found = {}
    for name, ours in rows:
        number = ours.strip().split(" ")[0].replace(",", "")
        if number.replace(".", "").isdecimal():
            found[name.strip()] = float(number)
    return found


def stages(figures: dict[str, float]) -> list[Stage]:
    """Return the data stages of the method, in its order."""
    seconds = NATURAL_HOURS * 3600
    rows = seconds / ROW_SECONDS
    aligned, encoded = (math.ceil(rows / module.ROWS_PER_PART) for module in (timestamps, cache_speech))
    cached, embedded = math.ceil(POSITIONS / TOKENS_PER_PART), math.ceil(POOL / TEXTS_PER_PART)
    spoken = math.ceil(SYNTHETIC_HOURS * 3600 / synth.SECONDS_PER_PART)
    ctc = figures["timestamps, CTC: together against one recording at a time (base)"]
    teacher = figures["cache-teacher, speed: sampled 50 (0.5b)"]
    position = figures["cache-teacher, bytes: sampled 50 (narrow)"]
    embedder = figures["embedding: against SentenceTransformer.encode (minilm)"]
    clustering = figures["regions of many texts: whole command (1,000,000 x 384)"] * POOL / 1e6
    piper = figures["synth, Piper: against a loop with default threads (medium)"]
    return [
        Stage("`timestamps --aligner ctc:…`, natural speech", aligned, 2 * aligned, None, NATURAL_HOURS / ctc),
        Stage("`cache-speech`, Mimi, natural speech", encoded, 2 * encoded, seconds * MIMI_BYTES, None),
        Stage(
            "`cache-teacher --keep sampled`, 0.5B", cached, 2 * cached, POSITIONS * position, POSITIONS / teacher / 3600
        ),
        Stage(
            "`regions`, all-MiniLM-L6-v2, the pool",
            embedded,
            2 * embedded,
            POOL * WIDTH * 2,
            (POOL / embedder + clustering) / 3600,
        ),
        Stage("`synth`, a Piper voice, the chosen texts", spoken, 2 * spoken, None, SYNTHETIC_HOURS / piper),
    ]


def main() -> None:
    """Print the table."""
    print(f"| stage | parts | files | GB | hours on one machine | on {MACHINES} machines |\n|---|---|---|---|---|---|")
    for stage in stages(measured()):
        size = "–" if stage.size is None else f"{stage.size / 1e9:,.0f}"
        hours = ("–", "–") if stage.hours is None else (f"{stage.hours:,.0f}", f"{stage.hours / MACHINES:,.1f}")
        print(f"| {stage.line} | {stage.parts:,} | {stage.files:,} | {size} | {hours[0]} | {hours[1]} |")


if __name__ == "__main__":
    main()
