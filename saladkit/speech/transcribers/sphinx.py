"""Transcribe English by PocketSphinx: its models come with the package, and it knows the words of CMUdict alone.

PocketSphinx is made for human speech. It understands little of espeak-ng's formant voices (a character error rate of
0.7 on twelve of the desk's questions): a cascade with it is near chance on such speech, which says little of cascades.
"""

from importlib.metadata import version

import numpy as np
import pocketsphinx

from saladkit.speech.sphinx_decoder import SAMPLE_RATE, decode_utterance, sphinx_samples


class SphinxTranscriber:
    """The English models of the package; transcripts are in lower case without punctuation."""

    model = None

    def __init__(self) -> None:
        self.identity = {"pocketsphinx": version("pocketsphinx"), "model": "en-us"}

    def transcribe(self, recordings: list[tuple[np.ndarray, int]]) -> list[str]:
        """As `Transcriber.transcribe`; recordings run one by one."""
        return [self._transcribe(samples, rate) for samples, rate in recordings]

    def _transcribe(self, samples: np.ndarray, rate: int) -> str:
        # A decoder adapts to what it hears: with a new decoder each, transcripts do not depend on the order.
        decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
        decode_utterance(decoder, sphinx_samples(samples, rate))
        found = decoder.hyp()
        return found.hypstr if found else ""
