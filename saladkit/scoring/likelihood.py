"""Log-likelihoods of continuations. A prompt runs once for all its continuations; a beginning that all share, once."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.cache_utils import Cache

from saladkit.batches import batches_by_length
from saladkit.model.cache_name import CACHE
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.rows.batched_sequences import collate_sequences
from saladkit.rows.prompt_sequences import common_beginning, join_parts, pad_at_front, split_prompt
from saladkit.rows.sequences import Sequence
from saladkit.scoring.continuation_rows import ContinuationRow, collate_rows, continuation_row

ATTENTION = {"full_attention", "sliding_attention"}  # layers in which a mask can hide positions
WORTH_SHARING = 8  # positions; a shorter common beginning runs with every prompt


@dataclass(frozen=True)
class ContinuationScore:
    """How likely a continuation is after its prompt.

    Attributes:
        log_likelihood: summed log-probability of its tokens, in nats.
        greedy: whether each of its tokens was the most likely one.
    """

    log_likelihood: float
    greedy: bool


ComputeScores = Callable[[], list[list[ContinuationScore]]]


@torch.inference_mode()
def score_continuations(
    model: SaladForCausalLM | TextModel,
    prompts: list[Sequence],
    continuations: list[list[list[int]]],
    batch_size: int,
    share_rows: bool = True,
    scores_of: Callable[[list[int], ComputeScores], list[list[ContinuationScore]]] = lambda batch, compute: compute(),
) -> list[list[ContinuationScore]]:
    """Score the continuations of prompts, in batches of `batch_size` prompts of similar length.

    Args:
        prompts: text and speech before the continuations, at least one position each.
        continuations: token ids of every continuation of each prompt, at least one token each. Equal continuations of
            a prompt run once and score exactly the same.
        share_rows: run a prompt and its continuations as one row, and the common beginning of all prompts once. If
            `can_share_rows` returns False, give False: each continuation then runs alone after its prompt.
        scores_of: returns the scores of a batch, given the indices of its prompts and a function that computes them; a
            caller may return saved scores instead.

    Returns:
        The score of every continuation of each prompt.
    """
    distinct = [[list(tokens) for tokens in dict.fromkeys(map(tuple, of_row))] for of_row in continuations]
    run = _shared(model, prompts, distinct) if share_rows else partial(_alone, model, prompts, distinct, batch_size)
    lengths = [len(prompt) + sum(map(len, of_row)) for prompt, of_row in zip(prompts, distinct, strict=True)]
    scores: dict[int, list[ContinuationScore]] = {}
    for batch in batches_by_length(lengths, items=batch_size):
        scores |= dict(zip(batch, scores_of(batch, partial(run, batch)), strict=True))
    return [
        [scores[index][distinct[index].index(list(tokens))] for tokens in of_row]
        for index, of_row in enumerate(continuations)
    ]


def _shared(
    model: SaladForCausalLM | TextModel, prompts: list[Sequence], continuations: list[list[list[int]]]
) -> Callable[[list[int]], list[list[ContinuationScore]]]:
    """Return a function that scores a batch, each prompt as one row after the common beginning of all prompts."""
    window = _window(model.language_model.config)
    shared = common_beginning(prompts) if len(prompts) > 1 and window is None else 0
    shared = shared if shared >= WORTH_SHARING else 0
    rows = [
        continuation_row(split_prompt(prompt, shared)[1] if shared else prompt, of_row)
        for prompt, of_row in zip(prompts, continuations, strict=True)
    ]

    @cache
    def beginning() -> Cache | None:  # does not run if the scores of all batches are known
        return _run_beginning(model, split_prompt(prompts[0], shared)[0]) if shared else None

    return lambda batch: _score_rows(model, [rows[index] for index in batch], beginning(), shared, window)


@torch.inference_mode()
def can_share_rows(model: SaladForCausalLM | TextModel) -> bool:
    """Return whether continuations in one row score as if each followed the prompt alone; tried on the model.

    An attention mask separates continuations only if attention is the one way in which positions affect each other, and
    if the model takes the positions it is given. Layers with a state (Mamba and similar) and attention biases that
    count columns (ALiBi) break this.
    """
    config = model.language_model.config.get_text_config()
    if not set(getattr(config, "layer_types", None) or ATTENTION) <= ATTENTION:
        return False
    ids = torch.arange(1, 25).tolist()
    prompts = [join_parts([], [ids[:7]], None), join_parts([], [ids[:3]], None)]
    continuations = [[ids[7:12], ids[12:18], ids[18:20]], [ids[9:17], ids[3:5]]]
    try:
        found = [score for of_row in score_continuations(model, prompts, continuations, 2) for score in of_row]
    except (TypeError, ValueError, IndexError, RuntimeError, AttributeError):
        return False  # the model does not take such a mask
    alone = [s for of_row in score_continuations(model, prompts, continuations, 2, share_rows=False) for s in of_row]
    close = 1e-3 if next(model.parameters()).dtype == torch.float32 else 0.2
    pairs = zip(found, alone, strict=True)
    return all(abs(one.log_likelihood - other.log_likelihood) < close for one, other in pairs)


def _alone(
    model: SaladForCausalLM | TextModel,
    prompts: list[Sequence],
    continuations: list[list[list[int]]],
    batch_size: int,
    batch: list[int],
) -> list[list[ContinuationScore]]:
    """Score every continuation of a batch in a row of its own, padded at the end, without a mask."""
    rows = [continuation_row(prompts[index], [tokens]) for index in batch for tokens in continuations[index]]
    found = []
    for begin in range(0, len(rows), batch_size):
        piece = rows[begin : begin + batch_size]
        arguments = collate_sequences([row.sequence for row in piece])
        arguments.pop("logits_at")
        found += _score(model, piece, arguments | {"use_cache": False})
    values = (score for (score,) in found)
    return [[next(values) for _ in continuations[index]] for index in batch]


def _run_beginning(model: SaladForCausalLM | TextModel, beginning: Sequence) -> Cache:
    device = next(model.parameters()).device
    batch = {name: value.to(device) for name, value in pad_at_front([beginning]).items()}
    last = torch.tensor([len(beginning) - 1], device=device)
    return getattr(model(**batch, use_cache=True, logits_at=last), CACHE)


def _score_rows(
    model: SaladForCausalLM | TextModel,
    rows: list[ContinuationRow],
    beginning: Cache | None,
    before: int,
    window: int | None,
) -> list[list[ContinuationScore]]:
    weights = next(model.parameters())
    batch: dict[str, Any] = {
        name: value.to(weights.device) for name, value in collate_rows(rows, before, window, weights.dtype).items()
    }
    if "window_mask" in batch:
        batch["attention_mask"] = _masks(model.language_model.config, batch["attention_mask"], batch.pop("window_mask"))
    if beginning is not None:
        batch[CACHE] = copy.deepcopy(beginning)
        batch[CACHE].batch_repeat_interleave(len(rows))
    return _score(model, rows, batch | {"use_cache": beginning is not None})


def _score(
    model: SaladForCausalLM | TextModel, rows: list[ContinuationRow], batch: dict[str, Any]
) -> list[list[ContinuationScore]]:
    """Run the rows that `batch` holds, and score the tokens of their continuations."""
    weights = next(model.parameters())
    batch = {name: value.to(weights.device) if isinstance(value, Tensor) else value for name, value in batch.items()}
    length = batch["input_ids"].shape[1]
    places = np.concatenate([row.predicted_from + number * length for number, row in enumerate(rows)])
    # The first tokens of all continuations are predicted from one place, whose logits are computed once.
    distinct, index = (torch.from_numpy(found).to(weights.device) for found in np.unique(places, return_inverse=True))
    logits = model(**batch, logits_at=distinct).logits.float()
    tokens = torch.tensor([t for row in rows for ids in row.continuations for t in ids], device=weights.device)
    own = logits[index, tokens]
    log_probs, leads = own - logits.logsumexp(dim=-1)[index], own == logits.amax(dim=-1)[index]
    found = _by_continuation(rows, log_probs, leads)
    return [[next(found) for _ in row.continuations] for row in rows]


def _by_continuation(rows: list[ContinuationRow], log_probs: Tensor, leads: Tensor) -> Iterator[ContinuationScore]:
    lengths = [len(tokens) for row in rows for tokens in row.continuations]
    for values, led in zip(log_probs.cpu().split(lengths), leads.cpu().split(lengths), strict=True):
        yield ContinuationScore(float(values.double().sum()), bool(led.all()))


def _window(config: PreTrainedConfig) -> int | None:
    """Return the attention window of layers with sliding attention; None if the model has no such layers."""
    config = config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        return config.sliding_window if "sliding_attention" in kinds else None
    return getattr(config, "sliding_window", None)


def _masks(config: PreTrainedConfig, full: Tensor, window: Tensor) -> Tensor | dict[str, Tensor]:
    """Return the masks as the model's decoder takes them: one for each kind of layer, or one for all layers."""
    if getattr(config.get_text_config(), "layer_types", None) is None:
        return window
    return {"full_attention": full, "sliding_attention": window}
