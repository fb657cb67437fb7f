"""Encode audio with 16 bits a sample: as FLAC, WAV or plain samples."""

from io import BytesIO

import numpy as np
import soundfile

_AT_ONCE = 1 << 20  # samples that are held as 16 bits beside those given


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
    with soundfile.SoundFile(encoded, "w", sample_rate, 1, "PCM_16", format=container) as file:
        for begin in range(0, len(samples), _AT_ONCE):
            file.write(as_pcm16(samples[begin : begin + _AT_ONCE]))
    return encoded.getvalue()


ENCODERS = {"flac": encode_flac, "wav": encode_wav}
