"""Load models for evaluation: the original text LLM, and the speech-adapted models made from it."""

from collections.abc import Mapping
from functools import cached_property

from saladkit.formats.checkpoint import check_model_folder, model_type
from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.progress import say
from saladkit.scoring.answer_parsing import ParsedAnswer, VoiceBenchRule
from saladkit.scoring.chosen_and_written import ChoosingWriter
from saladkit.scoring.conditions import Condition
from saladkit.scoring.generation import AnswerGenerator, GenerationSettings
from saladkit.scoring.likelihood import can_share_rows
from saladkit.scoring.model_prompts import ModelPrompts
from saladkit.scoring.multiple_choice import ContinuationScorer
from saladkit.settings.evaluate import EvalSettings

Predictor = ContinuationScorer | AnswerGenerator | ChoosingWriter


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
        self.name, self._prompts = name, ModelPrompts(name, device=device)
        is_speech = is_speech_model(name)
        loaded = (load_salad_model if is_speech else load_text_model)(name, dtype=dtype, device=device).eval()
        self.model: SaladForCausalLM | TextModel = loaded if is_speech else TextModel(loaded)

    @cached_property
    def _shares_rows(self) -> bool:
        shares = can_share_rows(self.model)
        if not shares:
            say(f"{self.name}: each option runs alone after its prompt; a mask does not separate them in this model")
        return shares

    def predictor(
        self, condition: Condition, template: str, settings: EvalSettings, shots: Mapping[str, int] | None = None
    ) -> Predictor:
        """Return what makes the model's predictions under one condition.

        Args:
            shots: as in `ModelPrompts.builder`.

        Raises:
            SaladError: as `VoiceBenchRule`, or as `template_of` with --apply-chat-template.
        """
        builder = self._prompts.builder(condition, template, settings, shots=shots)
        scorer = ContinuationScorer(
            self.model, builder, condition, settings.batch_size, self._shares_rows, settings.new_tokens
        )
        if not (settings.writes or settings.also_generate):
            return scorer
        how = GenerationSettings(
            settings.max_new_tokens, settings.sampling_temperature, settings.sampling_top_k, settings.seed
        )
        if settings.voicebench_compatible is None:
            writer = AnswerGenerator(self.model, builder, condition, how, settings.batch_size)
            return ChoosingWriter(scorer, writer) if settings.also_generate else writer
        rule = VoiceBenchRule(settings.voicebench_compatible, settings.seed)

        def parse(id_: str, response: str, choices: list[str]) -> ParsedAnswer:
            return rule.parse(id_, response)

        return AnswerGenerator(self.model, builder, condition, how, settings.batch_size, parse)
