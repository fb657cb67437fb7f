"""Speak texts by espeak-ng on one core, as `synth` does, and compare with one `espeak-ng` process per text.

If the program (Debian's package espeak-ng) is not installed, the line has only our figure.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from saladkit.settings.synth import Speaking
from saladkit.speech.audio.encoding import encode_flac
from saladkit.speech.synthesis.requests import Request
from saladkit.speech.synthesis.row import speak
from saladkit.speech.voices.espeak_library import fresh_library
from saladkit.speech.voices.voice import open_voice
from sentences import paragraphs
from side_by_side import Target, arguments, emit, median_seconds, run_pairs

# {shape: {kind: (number of texts, most words of a text)}}
TEXTS = {"prose": {"sentences": (256, 12), "paragraphs": (64, 120)}, "tiny": {"sentences": (2, 12)}}
REAL_TIME = 500


def main() -> None:
    """Print two lines for each kind of text: the comparison, and the speed as a multiple of real time."""
    options = arguments(__doc__, shape="prose").parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])  # one core for both sides: child processes inherit it
    for kind, (count, words) in TEXTS[options.shape].items():
        texts = [text for text in paragraphs(32 * count) if len(text.split()) <= words][:count]
        compare(kind, texts, options)


def compare(kind: str, texts: list[str], options: argparse.Namespace) -> None:
    """Speak the texts both ways."""
    settings = Speaking(language="as-written")
    requests = [Request(str(row), text, "espeak:en-us", 0) for row, text in enumerate(texts)]

    def ours() -> list[dict]:
        return [speak(request, settings) for request in requests]

    def theirs() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for row, text in enumerate(texts):
                line = ["espeak-ng", "-v", "en-us", "-w", str(Path(folder) / f"{row}.wav"), "--", text]
                subprocess.run(line, check=True)

    spoken = sum(row.get("duration", 0.0) for row in ours())
    if shutil.which("espeak-ng"):
        found = run_pairs(ours, theirs, options.pairs, options.device)
        taken, theirs_taken, ratio = found.ours, found.theirs, found.speedup
    else:
        taken, theirs_taken, ratio = median_seconds(ours, options.pairs, options.device), None, None
    further = {"device": options.device, "shape": options.shape, "seconds_of_speech": spoken, "rows": len(texts)}
    further |= parts(texts, options.pairs, theirs_taken and 1000 * theirs_taken / len(texts))
    whole = options.shape == "prose"
    emit(
        f"synth, espeak: {kind}, against a process each, one core",
        ours=len(texts) / taken,
        theirs=theirs_taken and len(texts) / theirs_taken,
        unit="texts/s",
        ratio=ratio,
        target=Target("ratio", ">=", 5, holds=whole and ratio is not None),
        **further,
    )
    emit(
        f"synth, espeak: {kind}, times real time, one core",
        ours=spoken / taken,
        theirs=theirs_taken and spoken / theirs_taken,
        unit="s/s",
        ratio=ratio,
        target=Target("ours", ">=", REAL_TIME, holds=whole),
        **further,
    )


def parts(texts: list[str], runs: int, theirs: float | None) -> dict[str, float | None]:
    """Return what the milliseconds per text are spent on; `theirs` is all time of the program."""
    voice = open_voice("espeak:en-us")
    utterances = [voice.speak(text) for text in texts]

    def load() -> None:
        for _ in texts:
            with fresh_library():
                pass

    def encode() -> None:
        for utterance in utterances:
            encode_flac(utterance.samples, utterance.sample_rate)

    works = (lambda: [voice.speak(text) for text in texts], load, encode)
    speaking, loading, encoding = (1000 * median_seconds(work, runs, "cpu") / len(texts) for work in works)
    synthesis = speaking - loading
    found = {"synthesis_ms": synthesis, "loading_ms": loading, "flac_ms": encoding}
    found["process_ms"] = theirs and theirs - synthesis
    return {name: taken and float(f"{taken:.3g}") for name, taken in found.items()}


if __name__ == "__main__":
    main()
