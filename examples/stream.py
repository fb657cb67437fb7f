"""Give a recording to a speech-adapted checkpoint piece by piece, as a microphone would, and print its answer.

python examples/stream.py runs/desk/stage1 question.wav --realtime
python examples/stream.py runs/desk/stage1 question.wav --text "The answer is"
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from saladkit.errors import SaladError

if TYPE_CHECKING:
    import numpy as np
    from soundfile import SoundFile

PIECE = 0.08  # s, the audio of one vector


@click.command()
@click.argument("checkpoint")
@click.argument("audio", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--text", default="", help="Text after the recording; or a text with `<|audio|>` in the place of the recording."
)
@click.option("--realtime", is_flag=True, help="Give each piece when it would have been spoken.")
@click.option(
    "--max-new-tokens", type=click.IntRange(min=1), default=64, show_default=True, help="Most tokens of the answer."
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Device that the model runs on.",
)
def main(checkpoint: str, audio: Path, text: str, realtime: bool, max_new_tokens: int, device: str) -> None:
    """Give AUDIO to CHECKPOINT in pieces of 80 ms, and print what it writes next, token by token.

    What was heard when, and the delay of the answer, are printed on stderr.
    """
    try:
        answer(checkpoint, audio, text, realtime=realtime, max_new_tokens=max_new_tokens, device=device)
    except SaladError as error:
        print(f"error: {error.problem}\n  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


def answer(checkpoint: str, audio: Path, text: str, *, realtime: bool, max_new_tokens: int, device: str) -> None:
    """Print the answer to a recording and a text, by greedy decoding.

    Raises:
        SaladError: the checkpoint cannot be loaded or looks ahead, the recording cannot be decoded, or the text has
            places for several.
    """
    from saladkit.api import load_checkpoint
    from saladkit.machine import resolve_device
    from saladkit.model.streaming import SpeechStream

    before, after = around_the_recording(text)
    with opened(audio) as file:
        stream = SpeechStream(*load_checkpoint(checkpoint, resolve_device(device)), file.samplerate)
        stream.read(before)
        heard, begun = 0.0, time.perf_counter()
        for samples in pieces_of(file):
            before_piece, heard = heard, heard + len(samples) / file.samplerate
            if realtime:
                time.sleep(max(0.0, begun + heard - time.perf_counter()))
            ended = time.perf_counter()  # of the audio, once it is the last piece: it is at hand, and not read yet
            stream.feed(samples.mean(axis=1))
            if int(heard) > int(before_piece):
                tell(f"{heard:6.2f} s heard after {time.perf_counter() - begun:6.2f} s, {stream.positions} positions")
    tell(f"{heard:6.2f} s heard, the end of the audio, after {ended - begun:6.2f} s")
    for number, piece in enumerate(stream.answer(after, max_new_tokens=max_new_tokens, do_sample=False)):
        if not number:
            tell(f"the answer begins {1000 * (time.perf_counter() - ended):.0f} ms after the end of the audio:")
        print(piece, end="", flush=True)
    print()


def opened(audio: Path) -> "SoundFile":
    """Open a recording.

    Raises:
        SaladError: it is missing, empty or no audio.
    """
    import soundfile

    if not audio.is_file():
        raise SaladError(f"{audio} does not exist", "Give a WAV or FLAC file.")
    try:
        file = soundfile.SoundFile(audio)
    except soundfile.LibsndfileError as error:
        raise SaladError(f"{audio} cannot be read: {error.error_string}", "Give a WAV or FLAC file.") from error
    if not file.frames:
        raise SaladError(f"{audio} has no samples", "Give a recording.")
    return file


def pieces_of(file: "SoundFile") -> Iterator["np.ndarray"]:
    """Yield the samples of each piece, float32 [n, channels].

    Raises:
        SaladError: the file is damaged.
    """
    import soundfile

    try:
        yield from file.blocks(round(PIECE * file.samplerate), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SaladError(f"{file.name} is damaged: {error.error_string}", "Give a whole WAV or FLAC file.") from error


def around_the_recording(text: str) -> tuple[str, str]:
    """Return the text before the recording and the text after it.

    Raises:
        SaladError: there are places for several recordings.
    """
    from saladkit.model.processor import AUDIO_MARK

    if text.count(AUDIO_MARK) > 1:
        raise SaladError(
            f"1 recording for {text.count(AUDIO_MARK)} places in the text", f"Write {AUDIO_MARK} once, or leave it out."
        )
    before, _, after = text.rpartition(AUDIO_MARK)
    return before, after


def tell(line: str) -> None:
    """Print a line on stderr: stdout is for the answer."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
