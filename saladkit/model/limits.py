"""Find out how many tokens and positions a text LLM has, from its configuration alone."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.machine import is_main_process
from saladkit.progress import say
from saladkit.rows.model_limits import ModelLimits, largest_id
from saladkit.teacher.distributions import shared_vocabulary

STORED = {"mpt": "max_seq_len"}  # no table of positions, but a bias computed up to this setting
FURTHER = 8  # some tables of positions have a few rows before the first (OPT has two)


def read_limits(name: str | Path) -> ModelLimits:
    """Return the limits of a text LLM or checkpoint.

    Raises:
        SaladError: as `read_config` and `limits_of`.
    """
    return limits_of(read_config(name), name)


def read_config(name: str | Path) -> PreTrainedConfig:
    """Return the configuration of a text LLM or checkpoint.

    Raises:
        SaladError: it cannot be read.
    """
    try:
        return AutoConfig.from_pretrained(name)
    except Exception as error:  # a damaged file can lead to any exception in transformers
        raise SaladError(
            f"{name}: its configuration cannot be read: {error}", "Give a complete model folder."
        ) from error


def limits_of(config: PreTrainedConfig, name: str | Path) -> ModelLimits:
    """Return the limits of the language model with this configuration; of a speech-adapted one its language model's.

    The network is built without memory for weights, which takes some 10 ms.

    Raises:
        SaladError: transformers cannot build the network.
    """
    config = config.get_text_config()
    try:
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    except Exception as error:  # a configuration can be wrong in any way
        raise SaladError(
            f"{name}: {config.model_type} is no text LLM: {error}", "Give a causal language model."
        ) from error
    vocabulary = len(model.get_input_embeddings().get_parameter("weight"))
    return ModelLimits(str(name), vocabulary, _positions(model))


def _positions(model: PreTrainedModel) -> int | None:
    """Return the number of positions if the decoder has a table with a row for each, as GPT-2, OPT and GPT-J have."""
    if model.config.model_type in STORED:
        return getattr(model.config, STORED[model.config.model_type])
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is None:
        return None
    tokens = model.get_input_embeddings()
    learned = [m.num_embeddings for m in model.modules() if isinstance(m, torch.nn.Embedding) and m is not tokens]
    stored = [len(table) for name, table in model.named_buffers() if table.ndim == 2 and "pos" in name]
    return positions if any(positions <= rows <= positions + FURTHER for rows in learned + stored) else None


def compared_vocabulary(tokenizer: PreTrainedTokenizerBase, student: int, teacher: int) -> int | None:
    """Return `shared_vocabulary` of two heads, and say so if it cuts them.

    Args:
        student, teacher: number of tokens that the heads score.
    """
    vocabulary = shared_vocabulary(largest_id(tokenizer) + 1, student, teacher)
    if vocabulary is not None and is_main_process():
        say(
            f"note: the student's head scores {student} tokens and the teacher's {teacher}; both are cut to the"
            f" {vocabulary} of their tokenizer"
        )
    return vocabulary
