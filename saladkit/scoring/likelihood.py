"""Log-likelihood of each option of a question, the prompt run once for all of them."""

import torch

from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.model.sequence import Sequence, pad_at_front


@torch.inference_mode()
def score_options(
    model: SaladForCausalLM | TextModel, prompts: list[Sequence], options: list[list[list[int]]]
) -> list[list[float]]:
    """Score a batch of questions.

    Args:
        prompts: each question as the model reads or hears it, at least one item long.
        options: token ids of every option of each question, at least one token each.

    Returns:
        For each question the summed log-probability (nats) of every option's tokens after the prompt.

    The prompts are padded at the front, so that one cache ends where all options begin; the cache is then repeated for
    the options of each question, which are padded at the end.
    """
    device = next(model.parameters()).device
    batch = pad_at_front(prompts)
    batch = {name: value.to(device) for name, value in batch.items()}
    length = batch["input_ids"].shape[1]
    last = torch.arange(len(prompts), device=device) * length + length - 1
    outputs = model(**batch, use_cache=True, logits_at=last)
    first = torch.log_softmax(outputs.logits.float(), dim=-1)

    owner = torch.tensor([row for row, of_row in enumerate(options) for _ in of_row], device=device)
    flat = [option for of_row in options for option in of_row]
    longest = max(len(option) for option in flat)
    tokens = torch.zeros(len(flat), longest, dtype=torch.int64)
    for row, option in enumerate(flat):
        tokens[row, : len(option)] = torch.tensor(option)
    tokens = tokens.to(device)
    lengths = torch.tensor([len(option) for option in flat], device=device)

    scores = first[owner, tokens[:, 0]]
    if longest > 1:
        cache = outputs.past_key_values
        cache.batch_select_indices(owner)
        mask = torch.cat([batch["attention_mask"][owner], torch.ones_like(tokens[:, :-1])], dim=1)
        steps = torch.arange(longest - 1, device=device)
        later = model(
            input_ids=tokens[:, :-1],
            attention_mask=mask,
            position_ids=batch["attention_mask"].sum(dim=1)[owner, None] + steps,
            past_key_values=cache,
            use_cache=True,
        ).logits
        log_probs = torch.log_softmax(later.float(), dim=-1).gather(-1, tokens[:, 1:, None])[..., 0]
        scores = scores + torch.where(steps + 1 < lengths[:, None], log_probs, 0.0).sum(dim=1)
    values = iter(scores.tolist())
    return [[next(values) for _ in of_row] for of_row in options]
