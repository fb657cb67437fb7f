"""A voice that gives phone posteriors instead of sound: espeak-ng's phonemes, confused and noisy as a recognizer's.

A model that reads them need not learn what words sound like, so experiments with the method itself are shorter. What is
real: words, their lengths and times, accents (en-us and en-gb have different phonemes) and that similar phones are
taken for each other. What is not: acoustics.
"""

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.digests import digest_json
from saladkit.speech.phone_frames import FRAMES_PER_SECOND, PHONES, SAMPLE_RATE, WIDTH, as_signal
from saladkit.speech.voices.confusions import confusions
from saladkit.speech.voices.espeak import EspeakVoice, timed_words
from saladkit.speech.voices.phone_names import phone_of
from saladkit.speech.voices.voice import Utterance

_CONFUSED = 0.15  # share of a phone's frames that goes to other phones, on average
_NOISE = 1.0  # standard deviation of the noise of a frame's log shares


class PhonesVoice(EspeakVoice):
    """`VOICE[+VARIANT][@RATE]`, as `espeak:`; English only.

    Each speaker (VOICE+VARIANT) confuses phones in its own way.

    Raises:
        SaladError: as `EspeakVoice`, or the voice is not English.
    """

    engine = "phones"

    def __init__(self, description: str, *, device: str = "cpu"):
        super().__init__(description, device=device)
        if self.language.partition("-")[0] != "en":
            raise SaladError(
                f"{self.name!r} is not English: phone posteriors are of English phones",
                "Use phones:en-us or phones:en-gb.",
            )
        self.identity |= {"phones": "1"}
        self._confusions = confusions(_seed(self.speaker), _CONFUSED)

    def speak(self, text: str) -> Utterance:
        """Return the phone posteriors of `text` as a recording (`speech/phone_frames.py`), with espeak-ng's word times.

        Raises:
            SaladError: espeak-ng finds no word in `text`.
        """
        made, sample_rate = self._synthesized(text, phonemes=True)
        begins = np.array([sample for _, sample in made.phonemes]) / sample_rate
        said = np.array([PHONES.index(phone_of(name)) for name, _ in made.phonemes])
        shares = _shares(begins, said, len(made.samples) / sample_rate) @ self._confusions
        noise = np.random.default_rng(_seed(self.name, text)).normal(0, _NOISE, shares.shape)
        noisy = shares * np.exp(noise)
        return Utterance(
            as_signal(noisy / noisy.sum(axis=1, keepdims=True)), SAMPLE_RATE, timed_words(text, made, sample_rate)
        )


def _seed(*parts: str) -> int:
    return int(digest_json(list(parts))[:16], 16)


def _shares(begins: np.ndarray, said: np.ndarray, seconds: float) -> np.ndarray:
    """Return which share of each frame each phone takes, float64 [frames, phones]; before the first is silence.

    Args:
        begins: where the phones begin, in s, ascending.
        said: the phones, as indices into `PHONES`.
    """
    count = max(1, int(np.ceil(seconds * FRAMES_PER_SECOND)))
    edges = np.arange(count + 1) / FRAMES_PER_SECOND
    begins, said = np.concatenate([[0.0], begins]), np.concatenate([[PHONES.index("_")], said])
    ends = np.append(begins[1:], edges[-1])
    shares = np.zeros((count, WIDTH))
    for begin, end, phone in zip(begins, ends, said, strict=True):
        first, last = int(begin * FRAMES_PER_SECOND), min(count, int(np.ceil(end * FRAMES_PER_SECOND)))
        inside = np.minimum(edges[first + 1 : last + 1], end) - np.maximum(edges[first:last], begin)
        shares[first:last, phone] += np.maximum(inside, 0)
    return shares * FRAMES_PER_SECOND
