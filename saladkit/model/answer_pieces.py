"""The text of an answer, piece by piece, while `generate` writes it in another thread."""

from collections.abc import Iterator
from queue import Queue
from threading import Event
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

UNFINISHED = "\ufffd"  # what a tokenizer writes for a character of which tokens are missing


class AnswerPieces(BaseStreamer, StoppingCriteria):
    """A streamer for one row of `generate`; iterating it yields the text of each token as the token comes.

    A character that several tokens spell is yielded once it is whole. transformers' own `TextIteratorStreamer` waits
    for the end of each word. As a stopping criterion it ends a generation to which nobody listens any longer.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self._tokenizer = tokenizer
        self._tokens: Queue[list[int] | None] = Queue()
        self._prompt_seen = False
        self._stopped = Event()

    def put(self, value: Tensor) -> None:
        """Take the prompt, and then each token."""
        if self._prompt_seen:
            self._tokens.put(value.flatten().tolist())
        self._prompt_seen = True

    def end(self) -> None:
        """Take note that no token follows; may be called twice."""
        self._tokens.put(None)

    def stop(self) -> None:
        """Let the generation end after its next token."""
        self._stopped.set()

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        """Return for each row whether to stop, bool [B]."""
        return torch.full((len(input_ids),), self._stopped.is_set(), device=input_ids.device)

    def __iter__(self) -> Iterator[str]:
        ids: list[int] = []
        said = ""
        while (new := self._tokens.get()) is not None:
            ids += new
            text = self._decode(ids)
            if len(text) > len(said) and not text.endswith(UNFINISHED):
                yield text[len(said) :]
                said = text
        if rest := self._decode(ids)[len(said) :]:
            yield rest

    def _decode(self, ids: list[int]) -> str:
        decoded = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return cast(str, decoded)  # transformers also declares what a batch would give
