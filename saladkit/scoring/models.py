"""Models opened to be asked: the text LLM, and what was made of it."""

from dataclasses import dataclass
from functools import cached_property

from saladkit.formats.checkpoint import check_model_folder, model_type
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.loading import check_tokenizer_fits, load_salad_model, load_text_model, load_tokenizer
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.progress import say
from saladkit.scoring.answer_parsing import Reading, VoiceBenchRule
from saladkit.scoring.conditions import Condition
from saladkit.scoring.generation import Generation, WritingRespondent
from saladkit.scoring.likelihood import keeps_options_apart
from saladkit.scoring.multiple_choice import Respondent
from saladkit.scoring.prompts import BETWEEN_EXAMPLES, Asking
from saladkit.scoring.spoken_prompts import Hearing


def hears(name: str) -> bool:
    """Whether a model is a speech-adapted one.

    Raises:
        SaladError: no model.
    """
    check_model_folder(name)
    return model_type(name) == "salad"


@dataclass(frozen=True)
class HowAsked:
    """What is the same under all conditions; see `Asking`.

    Attributes:
        max_length: never more than the model was made for.
        generation: how answers are written; None: options are scored.
        voicebench: a copy of VoiceBench whose rule reads them.
    """

    shots: int = 0
    spoken_options: bool = False
    spoken_examples: bool = True
    max_length: int = 2048
    batch_size: int = 16
    seed: int = 0
    generation: Generation | None = None
    voicebench: str | None = None

    def harness_generation(self) -> dict | None:
        """How answers are written, in lm-evaluation-harness's words."""
        if self.generation is None:
            return None
        how = self.generation
        settings = {"until": [BETWEEN_EXAMPLES], "max_gen_toks": how.max_new_tokens, "do_sample": how.temperature > 0}
        return settings | {"temperature": how.temperature}


class OpenModel:
    """One model in memory, to be asked under several conditions."""

    def __init__(self, name: str, *, device: str, dtype: str):
        self.name, self.tokenizer = name, load_tokenizer(name)
        loaded = (load_salad_model if hears(name) else load_text_model)(name, dtype=dtype, device=device).eval()
        check_tokenizer_fits(loaded, self.tokenizer, name)
        self.model: SaladForCausalLM | TextModel = loaded if hears(name) else TextModel(loaded)
        self.context = getattr(loaded.config.get_text_config(), "max_position_embeddings", None)
        self.device = device

    @cached_property
    def _keeps_options_apart(self) -> bool:
        together = keeps_options_apart(self.model)
        if not together:
            say(f"{self.name}: each option is run alone behind its prompt; a mask does not part them in this model")
        return together

    def respondent(self, condition: Condition, template: str, how: HowAsked) -> Respondent | WritingRespondent:
        """The model asked in this way.

        Raises:
            SaladError: as `VoiceBenchRule`.
        """
        hearing = None
        if condition.modality == "speech":
            config = self.model.config
            front_end = front_end_of(config, device=self.device)
            hearing = Hearing(front_end, layout_of(config, front_end), condition.perturbation, how.seed)
        asking = Asking(
            self.tokenizer,
            min(how.max_length, self.context or how.max_length),
            template,
            hearing,
            how.spoken_options,
            how.spoken_examples,
            how.shots,
        )
        if how.generation is None:
            return Respondent(self.model, asking, condition, how.batch_size, self._keeps_options_apart)
        if how.voicebench is None:
            return WritingRespondent(self.model, asking, condition, how.generation, how.batch_size)
        rule = VoiceBenchRule(how.voicebench, how.seed)

        def read(id_: str, response: str, choices: list[str]) -> Reading:
            return rule.read(id_, response)

        return WritingRespondent(self.model, asking, condition, how.generation, how.batch_size, read)
