"""Speak sentences by a Piper voice, as `synth` does, and compare with a loop over `PiperVoice.synthesize`.

The voice has random weights and the amount of work of a medium voice, so its speech is noise. The loop has Piper's
defaults.
"""

import tempfile
from pathlib import Path

import piper

from piper_graph import write_piper_voice
from saladkit.machine import available_cores
from saladkit.settings.synth import Speaking
from saladkit.speech.synthesis.requests import Request
from saladkit.speech.synthesis.workers import Speakers
from sentences import paragraphs
from side_by_side import Target, arguments, emit, median_seconds, run_pairs

COUNTS = {"medium": (12, 1), "tiny": (2, 16)}


def main() -> None:
    """Print one line."""
    options = arguments(__doc__, shape="medium").parse_args()
    count, scale = COUNTS[options.shape]
    texts = [text for text in paragraphs(8 * count) if len(text.split()) <= 20][:count]
    everything = dict.fromkeys(("duration_ratio", "max_clipped", "max_silence", "min_level"))
    settings = Speaking(language="as-written", device=options.device, **everything)
    workers = available_cores()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.onnx"
        write_piper_voice(path, scale=scale)
        requests = [Request(str(row), text, f"piper:{path}", 0) for row, text in enumerate(texts)]
        loaded = piper.PiperVoice.load(path, use_cuda=options.device == "cuda")
        with Speakers(workers, settings) as speakers:

            def ours() -> list[tuple[int, dict]]:
                return list(speakers.speak(requests))

            def theirs() -> list[bytes]:
                return [b"".join(chunk.audio_int16_bytes for chunk in loaded.synthesize(text)) for text in texts]

            spoken = sum(row["duration"] for _, row in ours())
            found = run_pairs(ours, theirs, options.pairs, options.device)
        with Speakers(1, settings) as alone:
            one_process = median_seconds(lambda: list(alone.speak(requests)), options.pairs, options.device)
    emit(
        "synth, Piper: against a loop with default threads",
        ours=spoken / found.ours,
        theirs=spoken / found.theirs,
        unit="s/s",
        ratio=found.speedup,
        target=Target("ratio", ">=", 1.5, holds=(options.shape, options.device, workers) == ("medium", "cpu", 2)),
        device=options.device,
        shape=options.shape,
        pairs=found.pairs,
        rows=len(texts),
        seconds_of_speech=spoken,
        workers=workers,
        one_process=float(f"{spoken / one_process:.4g}"),
    )


if __name__ == "__main__":
    main()
