"""The chat template of a checkpoint: the one by which it was trained on conversations."""

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.model.configuration import SaladConfig
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.chat_template import ChatTemplate


def template_of(tokenizer: PreTrainedTokenizerBase, config: SaladConfig) -> ChatTemplate:
    """Return the chat template of a checkpoint's tokenizer.

    Args:
        config: the checkpoint's; it has the digest of the template if the checkpoint was trained on conversations.

    Raises:
        SaladError: the tokenizer has no template, or another than the checkpoint was trained with.
    """
    template = ChatTemplate(tokenizer)
    if config.chat_template not in (None, template.digest):
        raise SaladError(
            f"{template.name} was trained with another chat template (SHA-256 {config.chat_template[:12]}) than its"
            f" tokenizer has now ({template.digest[:12]})",
            "Put the chat_template.jinja of the training back, or train from the text LLM again.",
        )
    return template


def remember_template(model: SaladForCausalLM, template: ChatTemplate) -> None:
    """Note in a model that it is trained on conversations laid out by a template; it then stops at ends of turns."""
    model.config.chat_template = template.digest
    model.generation_config.eos_token_id = stopping_ids(model.generation_config.eos_token_id, template)


def stopping_ids(ids: int | list[int] | None, template: ChatTemplate) -> list[int] | None:
    """Return the tokens at which an answer stops: `ids` and the token that ends a turn."""
    stopping = [ids] if isinstance(ids, int) else list(ids or ())
    if template.end_of_turn is not None and template.end_of_turn not in stopping:
        stopping.append(template.end_of_turn)
    return stopping or None
