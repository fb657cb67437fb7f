"""Check that rollouts have the tokens of a model: its tokenizer, and its chat template."""

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.rollouts import SCHEMA, VERSION
from saladkit.rows.tokens import tokenizer_digest


def check_tokens_are_of(path: str, tokenizer: PreTrainedTokenizerBase, template: str | None, model: str) -> None:
    """Check that rollouts were written with a model's tokenizer and chat template.

    Args:
        template: digest of the model's chat template; needed if rollouts were laid out by one.
        model: name of the model, for messages.

    Raises:
        SaladError: they were written with others, or `path` is no complete artefact of rollouts.
    """
    identity = Artefact.open(path, SCHEMA, VERSION).manifest["identity"]
    if identity["tokenizer"] != tokenizer_digest(tokenizer):
        raise SaladError(
            f"{path} was written with another tokenizer than that of {model}",
            "Make rollouts of a checkpoint of the same text LLM.",
        )
    if identity.get("chat_template") not in (None, template):
        raise SaladError(
            f"the prompts of {path} were laid out by another chat template than that of {model}",
            "Make rollouts of a checkpoint with the same chat template.",
        )
