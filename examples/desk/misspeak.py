"""A voice that says other words than some texts have: their words backwards. For `synth --voice`:

    "command:python examples/desk/misspeak.py en-us@230"

It reads a text on its standard input, and writes a wav to its standard output. `build_world.py --misspoken-documents`
makes such texts; all others it speaks as they stand, with the voice `espeak:` of its argument. Like every `command:`
voice, it gives no word times (`saladkit timestamps` adds them).
"""

import io
import sys

import soundfile

from saladkit.speech.voices.espeak import EspeakVoice

MARK = "[sic]"  # the first word of a text that is misspoken


def said(text: str) -> str:
    """Return the words that are spoken for a text."""
    first, *others = text.split()
    return " ".join(reversed(others)) if first == MARK else text


def main() -> None:
    """Speak the text."""
    utterance = EspeakVoice(sys.argv[1]).speak(said(sys.stdin.read()))
    wav = io.BytesIO()  # a pipe cannot be written backwards, as a wav's header is
    soundfile.write(wav, utterance.samples, utterance.sample_rate, format="WAV")
    sys.stdout.buffer.write(wav.getvalue())


if __name__ == "__main__":
    main()
