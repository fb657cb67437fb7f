"""Log-likelihood of each option of a question: a prompt is run once, and what all prompts begin with once for all."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.cache_utils import Cache

from saladkit.model.cache_name import CACHE
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.rows.prompt_parts import common_beginning, join_parts, pad_at_front, split_prompt
from saladkit.rows.sequences import Sequence, collate_sequences
from saladkit.scoring.option_rows import OptionRow, collate_rows, option_row

ATTENTION = {"full_attention", "sliding_attention"}  # layers that a mask can keep from seeing something
WORTH_SHARING = 8  # items; a shorter beginning is run with every prompt


@dataclass(frozen=True)
class OptionScore:
    """How likely an option is after its prompt: summed log-probability in nats; `greedy` if no other token ever led."""

    log_likelihood: float
    greedy: bool


MakeScores = Callable[[], list[list[OptionScore]]]


@torch.inference_mode()
def score_options(
    model: SaladForCausalLM | TextModel,
    prompts: list[Sequence],
    options: list[list[list[int]]],
    batch_size: int = 16,
    together: bool = True,
    keep: Callable[[list[int], MakeScores], list[list[OptionScore]]] = lambda batch, make: make(),
) -> list[list[OptionScore]]:
    """Score the options of questions, in batches of `batch_size` questions of about one length.

    Args:
        prompts: each question as the model reads or hears it, at least one item long.
        options: token ids of every option of each question, at least one token each.
        together: whether a question and its options are one row, and what all prompts begin with is run once; where
            `keeps_options_apart` says no, each option is run alone behind its prompt.
        keep: given a batch, as indices of questions, and what makes its scores, gives them; it may know them already.

    Returns:
        For each question the score of every option.
    """
    run = _together(model, prompts, options) if together else partial(_alone, model, prompts, options, batch_size)
    lengths = [len(prompt) + sum(map(len, of_row)) for prompt, of_row in zip(prompts, options, strict=True)]
    by_length = sorted(range(len(prompts)), key=lambda index: lengths[index])
    scores: dict[int, list[OptionScore]] = {}
    for begin in range(0, len(by_length), batch_size):
        batch = by_length[begin : begin + batch_size]
        scores |= dict(zip(batch, keep(batch, partial(run, batch)), strict=True))
    return [scores[index] for index in range(len(prompts))]


def _together(
    model: SaladForCausalLM | TextModel, prompts: list[Sequence], options: list[list[list[int]]]
) -> Callable[[list[int]], list[list[OptionScore]]]:
    """What scores a batch, each question as one row, behind what all prompts begin with."""
    window = _window(model.language_model.config)
    shared = common_beginning(prompts) if len(prompts) > 1 and window is None else 0
    shared = shared if shared >= WORTH_SHARING else 0
    rows = [
        option_row(split_prompt(prompt, shared)[1] if shared else prompt, of_row)
        for prompt, of_row in zip(prompts, options, strict=True)
    ]

    @cache
    def beginning() -> Cache | None:  # not run where every batch is known already
        return _run_beginning(model, split_prompt(prompts[0], shared)[0]) if shared else None

    return lambda batch: _score_rows(model, [rows[index] for index in batch], beginning(), shared, window)


@torch.inference_mode()
def keeps_options_apart(model: SaladForCausalLM | TextModel) -> bool:
    """Whether options behind one prompt are scored as if each stood there alone.

    A mask parts them only where attention is all by which one item knows of another, and where positions are given.
    Layers with a state (Mamba and its kin) and biases that count columns (ALiBi) do not keep to that.
    """
    config = model.language_model.config.get_text_config()
    if not set(getattr(config, "layer_types", None) or ATTENTION) <= ATTENTION:
        return False
    ids = torch.arange(1, 25).tolist()
    prompts = [join_parts([], [ids[:7]], None), join_parts([], [ids[:3]], None)]
    options = [[ids[7:12], ids[12:18], ids[18:20]], [ids[9:17], ids[3:5]]]
    try:
        found = [score for of_row in score_options(model, prompts, options) for score in of_row]
    except (TypeError, ValueError, IndexError, RuntimeError, AttributeError):
        return False  # of a kind that takes no such mask
    alone = [score for of_row in score_options(model, prompts, options, together=False) for score in of_row]
    close = 1e-3 if next(model.parameters()).dtype == torch.float32 else 0.2
    pairs = zip(found, alone, strict=True)
    return all(abs(one.log_likelihood - other.log_likelihood) < close for one, other in pairs)


def _alone(
    model: SaladForCausalLM | TextModel,
    prompts: list[Sequence],
    options: list[list[list[int]]],
    batch_size: int,
    batch: list[int],
) -> list[list[OptionScore]]:
    """Every option of a batch of questions behind its prompt, padded at the end, without a mask."""
    rows = [option_row(prompts[index], [option]) for index in batch for option in options[index]]
    found = []
    for begin in range(0, len(rows), batch_size):
        piece = rows[begin : begin + batch_size]
        arguments = collate_sequences([row.sequence for row in piece])
        arguments.pop("logits_at")
        found += _score(model, piece, arguments | {"use_cache": False})
    values = (score for (score,) in found)
    return [[next(values) for _ in options[index]] for index in batch]


def _run_beginning(model: SaladForCausalLM | TextModel, beginning: Sequence) -> Cache:
    device = next(model.parameters()).device
    batch = {name: value.to(device) for name, value in pad_at_front([beginning]).items()}
    last = torch.tensor([len(beginning) - 1], device=device)
    return getattr(model(**batch, use_cache=True, logits_at=last), CACHE)


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
        batch[CACHE] = copy.deepcopy(beginning)
        batch[CACHE].batch_repeat_interleave(len(rows))
    return _score(model, rows, batch | {"use_cache": beginning is not None})


def _score(
    model: SaladForCausalLM | TextModel, rows: list[OptionRow], batch: dict[str, object]
) -> list[list[OptionScore]]:
    """Run rows that stand in `batch`, and look at what their options' tokens are predicted from."""
    weights = next(model.parameters())
    batch = {name: value.to(weights.device) if isinstance(value, Tensor) else value for name, value in batch.items()}
    length = batch["input_ids"].shape[1]
    places = np.concatenate([row.predicted_from + number * length for number, row in enumerate(rows)])
    # The options of a question begin with what is predicted from one place: its logits are computed once.
    asked, index = (torch.from_numpy(found).to(weights.device) for found in np.unique(places, return_inverse=True))
    logits = model(**batch, logits_at=asked).logits.float()
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
    config = config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        return config.sliding_window if "sliding_attention" in kinds else None
    return getattr(config, "sliding_window", None)


def _masks(config: PreTrainedConfig, full: Tensor, window: Tensor) -> Tensor | dict[str, Tensor]:
    """As the model's decoder takes them: by the kind of its layers, or one for all."""
    if getattr(config.get_text_config(), "layer_types", None) is None:
        return window
    return {"full_attention": full, "sliding_attention": window}
