"""PocketSphinx's English recognizer: no download (its models are inside the package), words of CMUdict alone.

It was made for people: of espeak-ng's formant voices it understands little (a character error rate of 0.7 on twelve of
the desk's questions), so a cascade of it on such speech is near chance, and says little about cascades.
"""

from importlib.metadata import version

import numpy as np
import pocketsphinx

from saladkit.speech.audio.resampling import resample, resampler_identity

SAMPLE_RATE = 16_000


class SphinxTranscriber:
    """The models that come with the package; lower case, no punctuation."""

    model = None

    def __init__(self):
        self.identity = {"pocketsphinx": version("pocketsphinx"), "model": "en-us", **resampler_identity()}

    def transcribe(self, recordings: list[tuple[np.ndarray, int]]) -> list[str]:
        """As `Transcriber.transcribe`, one after another."""
        return [self._transcribe(samples, rate) for samples, rate in recordings]

    def _transcribe(self, samples: np.ndarray, rate: int) -> str:
        # A new decoder each: one that has heard something adapts to it, and transcripts would depend on the order.
        decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
        heard = resample(samples, rate, SAMPLE_RATE)
        decoder.start_utt()
        decoder.process_raw(np.clip(np.rint(heard * 32768), -32768, 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""
