"""Encode audio with 16 bits a sample: as FLAC, WAV or plain samples."""

from io import BytesIO

import numpy as np
import soundfile


def encode_flac(samples: np.ndarray, sample_rate: int) -> bytes:
    """Encode float32 [n] as 16-bit FLAC; equal samples give equal bytes.

    Samples outside [-1, 1] are clipped. Multiples of 1/32768, such as the samples of decoded 16-bit files and of
    espeak-ng, are stored exactly.
    """
    return _encode(samples, sample_rate, "FLAC")


def encode_wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """Encode float32 [n] as 16-bit WAV, otherwise as `encode_flac`."""
    return _encode(samples, sample_rate, "WAV")


def as_pcm16(samples: np.ndarray) -> np.ndarray:
    """Round float32 [n] in [-1, 1] to int16 [n]; samples outside [-1, 1] are clipped."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def _encode(samples: np.ndarray, sample_rate: int, container: str) -> bytes:
    encoded = BytesIO()
    soundfile.write(encoded, as_pcm16(samples), sample_rate, format=container, subtype="PCM_16")
    return encoded.getvalue()


ENCODERS = {"flac": encode_flac, "wav": encode_wav}
