"""A question as one row: its prompt, and behind it all of its options, each as if it alone followed the prompt."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from saladkit.rows.sequences import Sequence, with_speech

PROMPT, PADDING = 0, -1  # parts of a row; options are counted from 1


@dataclass(frozen=True)
class OptionRow:
    """One question.

    Attributes:
        sequence: the prompt, then every option without its last token, which nothing is predicted from.
        parts: int64 [L], `PROMPT` or the number of the option that an item belongs to.
        steps: int64 [L], how far an item stands from the row's beginning for whoever sees it.
        options: token ids of every option.
        predicted_from: int64, for the tokens of all options, one after another, the place that each is predicted from.
    """

    sequence: Sequence
    parts: np.ndarray
    steps: np.ndarray
    options: list[list[int]]
    predicted_from: np.ndarray

    def __len__(self) -> int:
        return len(self.parts)


def option_row(prompt: Sequence, options: list[list[int]]) -> OptionRow:
    """Lay out a question; every option has at least one token."""
    length, ids = len(prompt), np.concatenate([option[:-1] for option in options]).astype(np.int64)
    inner = [len(option) - 1 for option in options]
    begins = length + np.cumsum([0, *inner])
    predicted = [np.r_[length - 1, np.arange(begin, begin + n)] for begin, n in zip(begins, inner, strict=False)]
    return OptionRow(
        replace(
            prompt,
            input_ids=np.concatenate([prompt.input_ids, ids]),
            speech_mask=np.concatenate([prompt.speech_mask, np.zeros(len(ids), dtype=bool)]),
        ),
        np.concatenate([np.full(length, PROMPT), np.repeat(np.arange(1, len(options) + 1), inner)]),
        np.concatenate([np.arange(length), *(length + np.arange(n) for n in inner)]),
        options,
        np.concatenate(predicted),
    )


def collate_rows(rows: list[OptionRow], before: int, window: int | None, dtype: torch.dtype) -> dict[str, Tensor]:
    """Arguments of SaladForCausalLM.forward, padded at the end, all but the attention's mask as a model takes it.

    Args:
        before: items that stand in a cache before every row.
        window: how far back a layer sees that does not see everything.

    Returns:
        Also `attention_mask` [B, 1, L, before + L], 0 where an item is seen and the least number there is elsewhere;
        with `window` also `window_mask`.
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
