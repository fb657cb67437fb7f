"""Settings of `ask`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import setting
from saladkit.settings.shared import AnswerLength, ChatPrompt, Device, Dtype, Recognizer


@dataclass(frozen=True, kw_only=True)
class AskSettings(AnswerLength, Recognizer, ChatPrompt, Device, Dtype):
    """Settings of `ask`: options to choose from, the text LLM to compare with, and how the answer is printed."""

    option: tuple[str, ...] = setting(
        (),
        metavar="TEXT",
        help="A possible answer: the most likely one per character is chosen, as in `eval`; repeat for more.",
    )
    text: str | None = setting(
        None,
        help="Text that the model reads behind the question; or a text with `<|audio|>` in the place of the question.",
    )
    microphone: float | None = setting(
        None,
        above=0,
        high=600,
        metavar="SECONDS",
        help="Record the question from the microphone for this many seconds; then give no QUESTION.",
    )
    teacher: str | None = setting(
        None, help="A text LLM, which answers the transcript by --asr, for comparison: a cascade."
    )
    as_json: bool = setting(
        False, option="--json", help="Print one line of JSON, with the likelihood of each option, instead of words."
    )

    def check(self) -> None:
        """Raise a SaladError if settings contradict each other."""
        super().check()
        if self.teacher is not None and self.asr is None:
            raise SaladError("--teacher answers a transcript, and nothing transcribes", "Name a recognizer with --asr.")
        if len(self.option) == 1 or not all(option.strip() for option in self.option):
            raise SaladError("an --option is empty, or the only one", "Give at least two, each with a text.")
