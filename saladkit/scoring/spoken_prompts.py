"""Questions as speech input: their recordings, perturbed if wanted, as spans of a prompt."""

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.formats.samples import words_from_row
from saladkit.formats.words import Word
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import SequenceLayout, SpeechSpan, cut_speech, speech_span
from saladkit.rows.tokens import tokenize
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.audio.perturbation import Perturbation
from saladkit.speech.audio.resampling import resample


class FrameSource(Protocol):
    """What a prompt needs of a front end."""

    @property
    def sample_rate(self) -> int:
        """Sample rate of recordings, in Hz."""
        ...

    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """Return the frames of recordings, as `FrontEnd.frames`."""
        ...


@dataclass(frozen=True)
class SpeechInput:
    """Turns recordings into the spans that a model reads.

    Attributes:
        front_end: the model's front end.
        layout: how the model's sequences hold speech.
        perturbation: applied to every recording first, drawn by `seed`; None leaves recordings as they are.
    """

    front_end: FrameSource
    layout: SequenceLayout
    perturbation: Perturbation | None = None
    seed: int = 0
    # Frames of the last question: a question that is too long is built about ten times, but encoded once.
    _last: dict[tuple[str, str], np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def question_span(self, row: dict, tokenizer: PreTrainedTokenizerBase, first_word: int, source: str) -> SpeechSpan:
        """Return the recording of a question, cut to its words where their times are known.

        Args:
            first_word: index of the first word that is kept; 0 for a row without word times.

        Raises:
            SaladError: the recording cannot be decoded.
        """
        text = tokenize(tokenizer, row["text"], [word["word"] for word in row["words"]] if row.get("words") else None)
        kept = Span(True, first_word, len(text.splittable) - 1)
        if (source, row["id"]) not in self._last:
            self._last.clear()
            self._last[source, row["id"]] = self._frames(row["id"], row["audio"], source)
        return cut_speech(text, kept, self._words(row), self._last[source, row["id"]], self.layout)

    def option_span(self, row: dict, index: int, source: str) -> SpeechSpan:
        """Return the recording of one of a question's options.

        Raises:
            SaladError: the recording cannot be decoded.
        """
        return speech_span(self._frames(f"{row['id']}/{index}", row["choices_audio"][index], source), self.layout)

    def _words(self, row: dict) -> list[Word]:
        stretch = self.perturbation.stretch if self.perturbation else 1.0

        def moved(time: float | None) -> float | None:
            return None if time is None else time * stretch

        words = words_from_row(row) if row.get("words") else []
        return [replace(word, start=moved(word.start), end=moved(word.end)) for word in words]

    def _frames(self, id_: str, audio: dict, source: str) -> np.ndarray:
        samples, rate = decode_row({"id": id_, "audio": audio}, source)
        if self.perturbation is not None:
            samples = self.perturbation.apply(samples, rate, id_, self.seed)
        return self.front_end.frames([resample(samples, rate, self.front_end.sample_rate)])[0]
