"""The text LLM while a teacher cache is made of its distributions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from saladkit.batches import batches_by_length
from saladkit.formats.checkpoint import model_digest
from saladkit.machine import resolve_device
from saladkit.model.loading import load_text_model
from saladkit.rows.tokens import sets_bos, tokenizer_digest
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.teacher.encodings import Encoding, Sampled, TopK, encode_texts, vocabulary_of


@dataclass(frozen=True)
class RunningTeacher:
    """A text LLM, and how its distributions are encoded.

    Attributes:
        identity: what the manifest of a cache records, so that rows can be read and reused.
        seed: of the tokens that a sample draws, and of the texts that are verified.
        batch_tokens: most tokens of a batch, padding included; a single text may be longer.
    """

    model: PreTrainedModel
    encoding: Encoding
    identity: dict
    device: str
    seed: int
    batch_tokens: int

    @classmethod
    def load(cls, settings: CacheTeacherSettings, identity: dict) -> "RunningTeacher":
        """Load the text LLM.

        Args:
            identity: as `identity_of` returns it.

        Raises:
            SaladError: the model cannot be loaded, or the device does not exist.
        """
        device = resolve_device(settings.device)
        model = load_text_model(settings.model, dtype=settings.dtype, device=device).eval()
        top_k = settings.keep == "top-k"
        encoding = (
            TopK(settings.top_k, settings.temperature) if top_k else Sampled(settings.draws, settings.temperature)
        )
        identity = identity | {"vocabulary": vocabulary_of(model)}
        return cls(model, encoding, identity, device, settings.seed, settings.batch_tokens)

    def batches(self, texts: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """Group texts, token ids int32 [n] sorted by length, into batches."""
        for places in batches_by_length([len(tokens) for tokens in texts], padded=self.batch_tokens):
            yield [texts[place] for place in places]

    def encode(self, batch: list[np.ndarray]) -> tuple[Tensor, ...]:
        """Return the tensors that a cache holds of a batch, as `encode_texts`; they stay on the device."""
        return encode_texts(self.model, batch, self.encoding, self.device, self.seed)


def identity_of(settings: CacheTeacherSettings, tokenizer: PreTrainedTokenizerBase) -> dict:
    """Return what two caches have to share if rows of one may be copied to the other; it lacks the vocabulary's size.

    Raises:
        SaladError: the model cannot be read.
    """
    return settings.kept | {
        "model": model_digest(settings.model),
        "tokenizer": tokenizer_digest(tokenizer),
        "sets_bos": sets_bos(tokenizer),
        "temperature": settings.temperature,
        "dtype": settings.dtype,
    }
