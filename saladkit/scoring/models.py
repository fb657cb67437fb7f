"""Load models for evaluation: the original text LLM, and the speech-adapted models made from it."""

from functools import cached_property

from saladkit.formats.checkpoint import check_model_folder, model_type
from saladkit.model.chat_template import template_of
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.limits import limits_of
from saladkit.model.loading import load_salad_model, load_text_model, load_tokenizer
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.progress import say
from saladkit.rows.chat_template import ChatTemplate
from saladkit.scoring.answer_parsing import ParsedAnswer, VoiceBenchRule
from saladkit.scoring.chat import Chat
from saladkit.scoring.conditions import Condition
from saladkit.scoring.generation import AnswerGenerator, GenerationSettings
from saladkit.scoring.likelihood import can_share_rows
from saladkit.scoring.multiple_choice import ContinuationScorer
from saladkit.scoring.prompts import PromptBuilder
from saladkit.scoring.spoken_prompts import SpeechInput
from saladkit.settings.evaluate import EvalSettings

Predictor = ContinuationScorer | AnswerGenerator


def is_speech_model(name: str) -> bool:
    """Return whether a model is speech-adapted.

    Raises:
        SaladError: there is no such model.
    """
    check_model_folder(name)
    return model_type(name) == "salad"


class LoadedModel:
    """One model in memory, which answers under several conditions."""

    def __init__(self, name: str, *, device: str, dtype: str):
        self.name, self.tokenizer = name, load_tokenizer(name)
        is_speech = is_speech_model(name)
        loaded = (load_salad_model if is_speech else load_text_model)(name, dtype=dtype, device=device).eval()
        self.limits = limits_of(loaded.config, name)
        self.model: SaladForCausalLM | TextModel = loaded if is_speech else TextModel(loaded)
        self.max_positions = getattr(loaded.config.get_text_config(), "max_position_embeddings", None)
        self.device = device

    def _chat(self, settings: EvalSettings) -> Chat | None:
        if not settings.apply_chat_template:
            return None
        if isinstance(self.model, SaladForCausalLM):
            return Chat(template_of(self.tokenizer, self.model.config), settings.system_prompt)
        return Chat(ChatTemplate(self.tokenizer), settings.system_prompt)

    @cached_property
    def _shares_rows(self) -> bool:
        shares = can_share_rows(self.model)
        if not shares:
            say(f"{self.name}: each option runs alone after its prompt; a mask does not separate them in this model")
        return shares

    def predictor(self, condition: Condition, template: str, settings: EvalSettings) -> Predictor:
        """Return what makes the model's predictions under one condition.

        Raises:
            SaladError: as `VoiceBenchRule`, or as `template_of` with --apply-chat-template.
        """
        speech_input = None
        if condition.modality == "speech":
            assert isinstance(self.model, SaladForCausalLM)  # a text LLM is refused (`compared_models`)
            config = self.model.config
            front_end = front_end_of(config, device=self.device)
            speech_input = SpeechInput(front_end, layout_of(config, front_end), condition.perturbation, settings.seed)
        builder = PromptBuilder(
            self.tokenizer,
            min(settings.max_length, self.max_positions or settings.max_length),
            template,
            speech_input,
            settings.spoken_options,
            settings.spoken_examples,
            settings.num_fewshot,
            self.limits,
            chat=self._chat(settings),
        )
        if not settings.writes:
            return ContinuationScorer(self.model, builder, condition, settings.batch_size, self._shares_rows)
        how = GenerationSettings(
            settings.max_new_tokens, settings.sampling_temperature, settings.sampling_top_k, settings.seed
        )
        if settings.voicebench_compatible is None:
            return AnswerGenerator(self.model, builder, condition, how, settings.batch_size)
        rule = VoiceBenchRule(settings.voicebench_compatible, settings.seed)

        def parse(id_: str, response: str, choices: list[str]) -> ParsedAnswer:
            return rule.parse(id_, response)

        return AnswerGenerator(self.model, builder, condition, how, settings.batch_size, parse)
