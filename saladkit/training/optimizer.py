"""Make the optimizer: AdamW, whose weight decay leaves embeddings, the head, norms and biases alone."""

from collections.abc import Collection

import torch

from saladkit.model.salad import SaladForCausalLM
from saladkit.settings.training import TrainingSettings


def make_optimizer(model: SaladForCausalLM, settings: TrainingSettings, weights: Collection[str]) -> torch.optim.AdamW:
    """Return AdamW over the trained parameters; a group has the entries `llm` and `decays`.

    Args:
        weights: names of the parameters that belong to no norm and are no biases.
    """
    groups: dict[tuple[bool, bool], list] = {}
    spared = _embeddings(model)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = name in weights and parameter.ndim > 1 and id(parameter) not in spared
            groups.setdefault((name.startswith("language_model."), decays), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": group, "llm": is_llm, "decays": decays, "weight_decay": settings.weight_decay * decays}
            for (is_llm, decays), group in groups.items()
        ],
        lr=1.0,  # the schedule's values are the rates themselves
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_epsilon,
    )


def _embeddings(model: SaladForCausalLM) -> set[int]:
    """Return the ids of the parameters that are tables of vectors, of which a step sees some rows alone.

    Rows of tokens that never occur get no gradient, so decay alone would move them: towards 0. The head counts, tied to
    the embeddings or not. Tables are found by their modules, because each architecture names them in its own way.
    """
    tables = [module.weight for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    tables += [
        model.get_input_embeddings().get_parameter("weight"),
        model.get_output_embeddings().get_parameter("weight"),
    ]
    tables += [] if model.modality_embeddings is None else [model.modality_embeddings]
    return set(map(id, tables))
