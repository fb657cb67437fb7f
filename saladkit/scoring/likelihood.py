"""Log-likelihood of each option of a question: a prompt is run once, and what all prompts begin with once for all."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.cache_utils import Cache

from saladkit.model.prompt import common_beginning, pad_at_front, split_prompt
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.model.sequence import Sequence
from saladkit.scoring.option_rows import OptionRow, collate_rows, option_row

WORTH_SHARING = 8  # items; a shorter beginning is run with every prompt


@dataclass(frozen=True)
class OptionScore:
    """How likely an option is after its prompt: summed log-probability in nats; `greedy` if no other token ever led."""

    log_likelihood: float
    greedy: bool


@torch.inference_mode()
def score_options(
    model: SaladForCausalLM | TextModel,
    prompts: list[Sequence],
    options: list[list[list[int]]],
    batch_size: int = 16,
) -> list[list[OptionScore]]:
    """Score the options of questions, in batches of `batch_size` questions of about one length.

    Args:
        prompts: each question as the model reads or hears it, at least one item long.
        options: token ids of every option of each question, at least one token each.

    Returns:
        For each question the score of every option.

    Few-shot examples stand before every question, and are run once.
    """
    window = _window(model.language_model.config)
    shared = common_beginning(prompts) if len(prompts) > 1 and window is None else 0
    if shared < WORTH_SHARING:
        shared = 0
    beginning = _run_beginning(model, split_prompt(prompts[0], shared)[0]) if shared else None
    rows = [
        option_row(split_prompt(prompt, shared)[1] if shared else prompt, of_row)
        for prompt, of_row in zip(prompts, options, strict=True)
    ]
    by_length = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    scores: dict[int, list[OptionScore]] = {}
    for begin in range(0, len(by_length), batch_size):
        batch = by_length[begin : begin + batch_size]
        found = _score_rows(model, [rows[index] for index in batch], beginning, shared, window)
        scores |= dict(zip(batch, found, strict=True))
    return [scores[index] for index in range(len(rows))]


def _run_beginning(model: SaladForCausalLM | TextModel, beginning: Sequence) -> Cache:
    device = next(model.parameters()).device
    batch = {name: value.to(device) for name, value in pad_at_front([beginning]).items()}
    last = torch.tensor([len(beginning) - 1], device=device)
    return model(**batch, use_cache=True, logits_at=last).past_key_values


def _score_rows(
    model: SaladForCausalLM | TextModel,
    rows: list[OptionRow],
    beginning: Cache | None,
    before: int,
    window: int | None,
) -> list[list[OptionScore]]:
    weights = next(model.parameters())
    batch = {
        name: value.to(weights.device) for name, value in collate_rows(rows, before, window, weights.dtype).items()
    }
    if "window_mask" in batch:
        batch["attention_mask"] = _masks(model.language_model.config, batch["attention_mask"], batch.pop("window_mask"))
    if beginning is not None:
        batch["past_key_values"] = copy.deepcopy(beginning)
        batch["past_key_values"].batch_repeat_interleave(len(rows))
    length = batch["input_ids"].shape[1]
    places = np.concatenate([row.predicted_from + number * length for number, row in enumerate(rows)])
    # The options of a question begin with what is predicted from one place: its logits are computed once.
    asked, index = (torch.from_numpy(found).to(weights.device) for found in np.unique(places, return_inverse=True))
    logits = model(**batch, use_cache=beginning is not None, logits_at=asked).logits.float()
    tokens = torch.tensor([t for row in rows for option in row.options for t in option], device=weights.device)
    own = logits[index, tokens]
    log_probs, leads = own - logits.logsumexp(dim=-1)[index], own == logits.amax(dim=-1)[index]
    found = _by_option(rows, log_probs, leads)
    return [[next(found) for _ in row.options] for row in rows]


def _by_option(rows: list[OptionRow], log_probs: Tensor, leads: Tensor) -> Iterator[OptionScore]:
    lengths = [len(option) for row in rows for option in row.options]
    for values, led in zip(log_probs.cpu().split(lengths), leads.cpu().split(lengths), strict=True):
        yield OptionScore(float(values.double().sum()), bool(led.all()))


def _window(config: PreTrainedConfig) -> int | None:
    """How far back those layers see that do not see everything; None where all do."""
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        return config.sliding_window if "sliding_attention" in kinds else None
    return getattr(config, "sliding_window", None)


def _masks(config: PreTrainedConfig, full: Tensor, window: Tensor) -> Tensor | dict[str, Tensor]:
    """As the model's decoder takes them: by the kind of its layers, or one for all."""
    if getattr(config, "layer_types", None) is None:
        return window
    return {"full_attention": full, "sliding_attention": window}
