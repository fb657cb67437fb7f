"""Questions that are heard: their recordings as spans, made harder to hear where asked."""

from dataclasses import dataclass, field, replace

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
from saladkit.speech.front_end import FrontEnd


@dataclass(frozen=True)
class Hearing:
    """What a model hears recordings with, and what is done to them first."""

    front_end: FrontEnd
    layout: SequenceLayout
    perturbation: Perturbation | None = None
    seed: int = 0
    # The last question's frames: one that is too long is laid out some ten times, and heard once.
    _last: dict[tuple[str, str], np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def question(self, row: dict, tokenizer: PreTrainedTokenizerBase, first_word: int, where: str) -> SpeechSpan:
        """The recording of a row of questions, from its first word to its last where their times are known.

        Args:
            first_word: what is said before this word is left out; 0 where there are no word times.

        Raises:
            SaladError: audio that cannot be heard.
        """
        text = tokenize(tokenizer, row["text"])
        asked = Span(True, first_word, len(text.splittable) - 1)
        if (where, row["id"]) not in self._last:
            self._last.clear()
            self._last[where, row["id"]] = self._frames(row["id"], row["audio"], where)
        return cut_speech(text, asked, self._words(row), self._last[where, row["id"]], self.layout)

    def option(self, row: dict, index: int, where: str) -> SpeechSpan:
        """The recording of one of a row's options.

        Raises:
            SaladError: audio that cannot be heard.
        """
        return speech_span(self._frames(f"{row['id']}/{index}", row["choices_audio"][index], where), self.layout)

    def _words(self, row: dict) -> list[Word]:
        stretch = self.perturbation.stretch if self.perturbation else 1.0

        def moved(time: float | None) -> float | None:
            return None if time is None else time * stretch

        words = words_from_row(row) if row.get("words") else []
        return [replace(word, start=moved(word.start), end=moved(word.end)) for word in words]

    def _frames(self, id_: str, audio: dict, where: str) -> np.ndarray:
        samples, rate = decode_row({"id": id_, "audio": audio}, where)
        if self.perturbation is not None:
            samples = self.perturbation.apply(samples, rate, id_, self.seed)
        return self.front_end.frames([resample(samples, rate, self.front_end.sample_rate)])[0]
