"""Run a decoder of PocketSphinx, whose English models read 16-bit samples at 16 kHz, on a whole recording."""

import numpy as np
import pocketsphinx

from saladkit.speech.audio.encoding import as_pcm16
from saladkit.speech.audio.resampling import resample

SAMPLE_RATE = 16_000


def sphinx_samples(samples: np.ndarray, rate: int) -> np.ndarray:
    """Convert a recording, float32 [n] at `rate` Hz, to the samples that a decoder reads, int16 [m]."""
    return as_pcm16(resample(samples, rate, SAMPLE_RATE))


def decode_utterance(decoder: pocketsphinx.Decoder, pcm: np.ndarray) -> None:
    """Let the decoder read all samples, int16 [m], as one utterance; it then has `seg` and `hyp`."""
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()
