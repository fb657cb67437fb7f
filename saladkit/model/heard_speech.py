"""What encoder, adapter and phoneme head make of the speech spans of a batch."""

from dataclasses import dataclass

from torch import Tensor

from saladkit.model.language_model import SaladOutput


@dataclass(frozen=True)
class HeardSpeech:
    """The vectors of speech spans, and the phonemes in them.

    Attributes:
        vectors: the adapter's output, [S, T, hidden_size].
        phoneme_logits: [S, T, phonemes of a vector, phonemes]; None outside training, or without a phoneme head.
    """

    vectors: Tensor
    phoneme_logits: Tensor | None = None

    def total(self) -> Tensor:
        """Return the sum of all numbers, a scalar that depends on all that ran."""
        logits = self.phoneme_logits
        return self.vectors.sum() if logits is None else self.vectors.sum() + logits.sum()


def with_heard(output: SaladOutput, heard: HeardSpeech | None) -> SaladOutput:
    """Put what was heard into the output of a forward pass, and return it."""
    if heard is not None:
        output.speech_vectors, output.phoneme_logits = heard.vectors, heard.phoneme_logits
    return output
