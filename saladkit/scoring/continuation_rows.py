"""Lay out a prompt and all of its continuations as one row, in which each continuation sees the prompt alone."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from saladkit.rows.batched_sequences import with_speech
from saladkit.rows.sequences import Sequence

PROMPT, PADDING = 0, -1  # parts of a row; continuations are counted from 1


@dataclass(frozen=True)
class ContinuationRow:
    """One prompt with its continuations.

    Attributes:
        sequence: the prompt, then every continuation without its last token, after which nothing is predicted.
        parts: int64 [L], `PROMPT` or the number of the continuation that a position belongs to.
        steps: int64 [L], distance of each position from the row's beginning along its own continuation.
        continuations: token ids of every continuation.
        predicted_from: int64, for all tokens of all continuations in order, the position whose logits predict each.
    """

    sequence: Sequence
    parts: np.ndarray
    steps: np.ndarray
    continuations: list[list[int]]
    predicted_from: np.ndarray

    def __len__(self) -> int:
        return len(self.parts)


def continuation_row(prompt: Sequence, continuations: list[list[int]]) -> ContinuationRow:
    """Lay out a prompt with continuations of at least one token each."""
    length, ids = len(prompt), np.concatenate([tokens[:-1] for tokens in continuations]).astype(np.int64)
    inner = [len(tokens) - 1 for tokens in continuations]
    begins = length + np.cumsum([0, *inner])
    predicted = [np.r_[length - 1, np.arange(begin, begin + n)] for begin, n in zip(begins, inner, strict=False)]
    return ContinuationRow(
        replace(
            prompt,
            input_ids=np.concatenate([prompt.input_ids, ids]),
            speech_mask=np.concatenate([prompt.speech_mask, np.zeros(len(ids), dtype=bool)]),
        ),
        np.concatenate([np.full(length, PROMPT), np.repeat(np.arange(1, len(continuations) + 1), inner)]),
        np.concatenate([np.arange(length), *(length + np.arange(n) for n in inner)]),
        continuations,
        np.concatenate(predicted),
    )


def collate_rows(rows: list[ContinuationRow], before: int, window: int | None, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return arguments of SaladForCausalLM.forward, padded at the end.

    The attention masks are not yet in the form that a model's decoder takes.

    Args:
        before: positions that a cache holds before every row.
        window: attention window of the layers with sliding attention; None without such layers.

    Returns:
        Among others `attention_mask` [B, 1, L, before + L], 0 where a position is seen and the lowest number of `dtype`
        elsewhere; with `window` also `window_mask` of the same shape.
    """
    length = max(map(len, rows))
    ids, mask = np.zeros((len(rows), length), dtype=np.int64), np.zeros((len(rows), length), dtype=bool)
    parts, steps = np.full_like(ids, PADDING), np.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)], mask[number, : len(row)] = row.sequence.input_ids, row.sequence.speech_mask
        parts[number, : len(row)], steps[number, : len(row)] = row.parts, row.steps
    batch = with_speech(
        {"input_ids": torch.from_numpy(ids), "speech_mask": torch.from_numpy(mask)}, [row.sequence for row in rows]
    )
    own, places = torch.from_numpy(parts), torch.from_numpy(steps)
    seen = (own[:, None, :] == PROMPT) | (own[:, None, :] == own[:, :, None])
    seen &= torch.ones(length, length, dtype=torch.bool).tril()
    seen = torch.cat([torch.ones(len(rows), length, before, dtype=torch.bool), seen], dim=2)[:, None]
    batch |= {"position_ids": places + before, "attention_mask": _additive(seen, dtype)}
    if window is not None:
        near = (places[:, :, None] - places[:, None, :] < window)[:, None]
        batch["window_mask"] = _additive(seen & near, dtype)
    return batch


def _additive(seen: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)
