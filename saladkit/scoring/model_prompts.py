"""What the prompts of a model depend on, without its weights: tokenizer, limits and speech encoder."""

from collections.abc import Mapping
from functools import cached_property
from typing import cast

import numpy as np

from saladkit.model.chat_template import template_of
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.limits import limits_of, read_config
from saladkit.model.loading import load_tokenizer
from saladkit.rows.chat_template import ChatTemplate
from saladkit.scoring.chat import Chat
from saladkit.scoring.conditions import Condition
from saladkit.scoring.prompts import PromptBuilder
from saladkit.scoring.spoken_prompts import FrameSource, SpeechInput
from saladkit.settings.evaluate import EvalSettings
from saladkit.speech.front_end import FrontEnd


class ModelPrompts:
    """Makes the prompt builders of one model.

    Attributes:
        tokenizer: the model's tokenizer.

    Raises:
        SaladError: the model's configuration or tokenizer cannot be read.
    """

    def __init__(self, name: str, *, device: str):
        self._config, self._device = read_config(name), device
        self.tokenizer = load_tokenizer(name)
        self._limits = limits_of(self._config, name)
        self._positions = getattr(self._config.get_text_config(), "max_position_embeddings", None)

    def builder(
        self,
        condition: Condition,
        template: str,
        settings: EvalSettings,
        *,
        shots: Mapping[str, int] | None = None,
        counting: bool = False,
    ) -> PromptBuilder:
        """Return what builds the model's prompts under one condition.

        Args:
            shots: most few-shot examples before a question, by its id; other questions get `settings.num_fewshot`.
            counting: whether prompts need the right length alone: no recording is encoded then.

        Raises:
            SaladError: as `template_of`, with --apply-chat-template.
        """
        speech_input = None
        if condition.modality == "speech":
            assert isinstance(self._config, SaladConfig)  # a text LLM is refused (`compared_models`)
            frames: FrameSource = CountedFrames(self._front_end) if counting else self._front_end
            layout = layout_of(self._config, self._front_end)
            speech_input = SpeechInput(frames, layout, condition.perturbation, settings.seed)
        return PromptBuilder(
            self.tokenizer,
            min(settings.max_length, self._positions or settings.max_length),
            template,
            speech_input,
            settings.spoken_options,
            settings.spoken_examples,
            settings.num_fewshot,
            self._limits,
            shots or {},
            chat=self._chat(settings),
        )

    def _chat(self, settings: EvalSettings) -> Chat | None:
        if not settings.apply_chat_template:
            return None
        if isinstance(self._config, SaladConfig):
            return Chat(template_of(self.tokenizer, self._config), settings.system_prompt)
        return Chat(ChatTemplate(self.tokenizer), settings.system_prompt)

    @cached_property
    def _front_end(self) -> FrontEnd:
        return front_end_of(cast(SaladConfig, self._config), device=self._device)


class CountedFrames:
    """Stands for a front end where only the number of frames matters: they are counted, and have no values."""

    def __init__(self, front_end: FrontEnd):
        self._front_end, self.sample_rate = front_end, front_end.sample_rate

    def frames(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """Return empty frames, float16 [frames, 0], as many as the front end would compute of each recording."""
        counts = [self._front_end.frame_count(len(samples)) for samples in recordings]
        return [np.zeros((count, 0), np.float16) for count in counts]
