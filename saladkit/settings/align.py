"""Settings of `align`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class AlignSettings(TrainingSettings):
    """Settings of Stage II, in which the learning rate falls linearly to 0 from the first step to the last."""

    teacher: str = setting(
        recorded=False,
        help="The teacher: a teacher cache (from `cache-teacher`), or the text LLM, to run during training.",
    )
    fresh_optimizer: bool = setting(
        False, help="Begin with a new optimizer, also if the checkpoint has the moments of its optimizer."
    )
