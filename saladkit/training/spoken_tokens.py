"""The tokens that the speech of a training can name: the classes of the lexical loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saladkit.rows.training_rows import TrainingSource


@dataclass(frozen=True)
class SpokenTokens:
    """The token ids that occur in texts with speech, and their places among each other.

    Speech never names any other token, so a softmax over the whole vocabulary only pushes vectors away from tokens that
    nobody hears, and with a front end of a few million weights most of a step is this product.

    Attributes:
        token_ids: int64 [C], ascending; no token if there is no speech.
    """

    token_ids: Tensor

    @classmethod
    def of(cls, sources: Sequence[TrainingSource]) -> "SpokenTokens":
        """Return the tokens of all rows of the sources with speech; those of its silent rows' words are among them."""
        spoken = [text.token_ids for source in sources if source.frames is not None for text in source.texts]
        found = np.unique(np.concatenate(spoken)) if spoken else np.zeros(0)
        return cls(torch.from_numpy(found.astype(np.int64)))

    def __len__(self) -> int:
        return len(self.token_ids)

    def places(self, token_ids: Tensor) -> Tensor:
        """Return the places of token ids, int64 of any shape; negative ids stay as they are."""
        places = torch.searchsorted(self.token_ids.to(token_ids.device), token_ids)
        return torch.where(token_ids < 0, token_ids, places)
