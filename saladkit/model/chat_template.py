"""Check that the chat template of a checkpoint is the one by which it was trained on conversations."""

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.model.configuration import SaladConfig
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
