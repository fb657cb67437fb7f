"""What is known of a model that writes rollouts before its weights are loaded."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder, model_digest, model_type
from saladkit.formats.rollouts import SPEECH
from saladkit.machine import resolve_device
from saladkit.model.chat_template import template_of
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.limits import read_config, read_limits
from saladkit.model.loading import load_tokenizer
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.model_limits import ModelLimits
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import tokenizer_digest
from saladkit.settings.rollout import RolloutSettings
from saladkit.speech.front_end import FrontEnd


@dataclass(frozen=True)
class KnownModel:
    """A model that writes rollouts.

    Attributes:
        config: configuration of a speech-adapted checkpoint; None for a text LLM, like `front_end` and `layout`.
    """

    name: str
    tokenizer: PreTrainedTokenizerBase
    limits: ModelLimits
    device: str
    config: SaladConfig | None = None
    front_end: FrontEnd | None = None
    layout: SequenceLayout | None = None

    @classmethod
    def open(cls, name: str, settings: RolloutSettings) -> "KnownModel":
        """Read what the folder of a model says.

        Raises:
            SaladError: it cannot be read, or it is a text LLM and prompts are to be heard.
        """
        check_model_folder(name)
        tokenizer, is_text_model = load_tokenizer(name), model_type(name) != "salad"
        if is_text_model and SPEECH in settings.prompt_modality:
            raise SaladError(
                f"{name} is a text LLM, which hears no speech",
                "Give a checkpoint of `saladkit distill` or `saladkit align`, or --prompt-modality text alone.",
            )
        device = resolve_device(settings.device)
        if is_text_model:
            return cls(name, tokenizer, read_limits(name), device)
        config = read_config(name)
        assert isinstance(config, SaladConfig)
        front_end = front_end_of(config, device=device)
        return cls(name, tokenizer, read_limits(name), device, config, front_end, layout_of(config, front_end))

    def template(self) -> ChatTemplate:
        """Return the chat template.

        Raises:
            SaladError: there is none, or another than a checkpoint was trained with.
        """
        return ChatTemplate(self.tokenizer) if self.config is None else template_of(self.tokenizer, self.config)

    def identity(self, has_conversations: bool) -> dict:
        """Return what the manifest of rollouts records of the model."""
        template = self.template().digest if has_conversations else None
        found = {"checkpoint": model_digest(self.name), "tokenizer": tokenizer_digest(self.tokenizer)}
        return found | {"chat_template": template}
